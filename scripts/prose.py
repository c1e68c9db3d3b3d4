#!/usr/bin/env python3
"""Counts patterns of stilted prose in docs, docstrings and comments, per 1,000 words.

scripts/prose.py prints figures. Limits are options, and a figure beyond its limit ends the script with status 1:

    scripts/prose.py --semicolons 3 --headless 0.3 --roles 0.5 --you 5 --places 20

The counts are hints. A page that passes can still be hard to read.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CODE = ("stream_seg", "benchmarks", "apache_kafka", "examples", "scripts", "tests")
NO_DOCS = ("benchmarks", "tests")  # dated results are not rewritten
# Limits of docstrings and comments, per 1,000 words.
CODE_LIMITS = {"semicolons": 3.0, "headless": 0.3, "roles": 0.5}

WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
PATTERNS = {
    "semicolons": re.compile(r";(?=\s|$)"),
    # A clause without a noun to stand for, at the start of a sentence that is no question.
    "headless": re.compile(
        r"(?:\A|(?<=[.!?:;]\s)|(?<=\n))(?:What|Who|Whoever|Whatever|Whose|Whom|Of|Nobody|Somebody|Neither)\b(?![^.!?]*\?)"
    ),
    "roles": re.compile(r"\b(?:no ?body|somebody|persons?|who(?:m)?ever|whatever)\b", re.IGNORECASE),
    "you": re.compile(r"\byou(?:r|rs|rself)?\b", re.IGNORECASE),
}


class Prose(NamedTuple):
    """The prose of one file."""

    path: str
    text: str


class Place(NamedTuple):
    """A sentence that a pattern found."""

    path: str
    pattern: str
    sentence: str


def markdown_prose(text: str) -> str:
    """Return the prose of a Markdown page: no code, tables, headings, HTML comments and targets of links.

    Lines of a paragraph are joined, so that a sentence starts where it starts and not where a line breaks.
    """
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"^(?:\s*\||#).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*)(?:[-*]|\d+\.) +", r"\n\1", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*|__", "", text)
    return "\n".join(re.sub(r"\s+", " ", block).strip() for block in re.split(r"\n\s*\n", text))


def python_prose(source: str) -> str:
    """Return the docstrings and comments of a Python file, one paragraph per line."""
    blocks: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            blocks += re.split(r"\n\s*\n", ast.get_docstring(node) or "")
    blocks += _comments(source)
    return "\n".join(re.sub(r"\s+", " ", re.sub(r"`[^`]*`", "code", block)).strip() for block in blocks)


def _comments(source: str) -> Iterator[str]:
    """Yield comments; those on neighboring lines are one."""
    block, last = "", -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        words = token.string.lstrip("#! ")
        if token.type != tokenize.COMMENT or words.startswith(("type:", "noqa", "fmt:", "/usr/bin")):
            continue
        row = token.start[0]
        if row != last + 1 and block:
            yield block
            block = ""
        block, last = f"{block} {words}", row
    yield block


def docs(root: Path = ROOT) -> list[Prose]:
    """Return the prose of all Markdown pages but those of dated results."""
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").rglob("*.md")]
    return [Prose(str(page.relative_to(root)), markdown_prose(page.read_text(encoding="utf-8"))) for page in pages]


def code(root: Path = ROOT) -> list[Prose]:
    """Return docstrings and comments of all Python files."""
    files = sorted(file for folder in CODE for file in (root / folder).rglob("*.py"))
    return [Prose(str(file.relative_to(root)), python_prose(file.read_text(encoding="utf-8"))) for file in files]


def figures(texts: Iterable[Prose]) -> dict[str, float]:
    """Return matches of each pattern per 1,000 words."""
    texts = list(texts)
    words = sum(len(WORD.findall(each.text)) for each in texts)
    found = {name: sum(len(pattern.findall(each.text)) for each in texts) for name, pattern in PATTERNS.items()}
    return {name: 1_000 * count / max(words, 1) for name, count in found.items()}


def places(texts: Iterable[Prose], patterns: Iterable[str]) -> Iterator[Place]:
    """Yield each match of the patterns, with the text from there."""
    for each in texts:
        for name in patterns:
            for match in PATTERNS[name].finditer(each.text):
                begin = max(0, match.start() - (40 if name == "semicolons" else 0))
                yield Place(each.path, name, each.text[begin : match.start() + 80].replace("\n", " "))


def beyond(title: str, measured: dict[str, float], most: dict[str, float], least: dict[str, float]) -> list[str]:
    """Return a sentence for each figure beyond its limit."""
    high = [(name, "at most", limit) for name, limit in most.items() if measured[name] > limit]
    low = [(name, "at least", limit) for name, limit in least.items() if measured[name] < limit]
    return [f"{title}: {name} {measured[name]:.2f}, {side} {limit:g}" for name, side, limit in high + low]


def main(arguments: list[str]) -> int:
    """Print figures and faults. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("semicolons", "headless", "roles"):
        parser.add_argument(f"--{name}", type=float, metavar="N", help="at most N per 1,000 words of docs")
    parser.add_argument("--you", type=float, metavar="N", help="at least N per 1,000 words of docs")
    parser.add_argument("--places", type=int, default=0, metavar="N", help="show up to N places in docs and in code")
    options = parser.parse_args(arguments)
    most = {name: getattr(options, name) for name in CODE_LIMITS if getattr(options, name) is not None}
    least = {} if options.you is None else {"you": options.you}
    faults = []
    parts = (("docs", docs(), most, least), ("docstrings and comments", code(), CODE_LIMITS, {}))
    for title, texts, upper, lower in parts:
        measured = figures(texts)
        print(f"{title}: " + ", ".join(f"{name} {value:.2f}" for name, value in measured.items()) + " per 1,000 words")
        for number, place in enumerate(places(texts, CODE_LIMITS)):
            if number < options.places:
                print(f"  {place.path} ({place.pattern}): {place.sentence}")
        faults += beyond(title, measured, upper, lower)
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
