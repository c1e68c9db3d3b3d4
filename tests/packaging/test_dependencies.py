"""The package declares all of its imports, because an import satisfied by another package's dependency breaks later."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = sorted((ROOT / "stream_seg").rglob("*.py"))
# Imported only where a setting or a command asks for them, with an error that names the extra.
EXTRAS = ("demo", "rocksdb")


def names(requirements: list[str]) -> set[str]:
    """Return the distributions that requirements name, in the form that an index compares."""
    return {normal(re.split(r"[^\w.-]", each)[0]) for each in requirements}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the top-level modules that a file imports, and whether the import runs with the file itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = set(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name.partition(".")[0], node in at_once) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0], node in at_once


def test_every_import_is_declared() -> None:
    main = names(PROJECT["dependencies"])
    extras = names([each for extra in EXTRAS for each in PROJECT["optional-dependencies"][extra]])
    known = packages_distributions()
    undeclared = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in FILES
        for module, at_once in imported(path)
        if module not in sys.stdlib_module_names | {"stream_seg"}
        and not {normal(each) for each in known[module]} & (main if at_once else main | extras)
    ]

    assert len(FILES) > 100
    assert undeclared == []
