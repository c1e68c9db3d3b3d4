"""Only JSON and length-checked packed records are ever read from bytes, never pickle or code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [*sorted((ROOT / "stream_seg").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
# Modules that create objects or run code from bytes.
FORBIDDEN_MODULES = {
    "cloudpickle", "code", "codeop", "copyreg", "dill", "imp", "joblib", "jsonpickle", "marshal", "pickle",
    "pickletools", "runpy", "shelve", "yaml",
}  # fmt: skip
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "fromfile",
    "fromstring",
    "read_pickle",
    "memmap",
    "loadtxt",
}
FORBIDDEN_WORDS = {"pickle", "allow_pickle", "marshal", "yaml"}  # as the name of a codec, or of an argument
RE_COMPILE = "re.compile"


def forbidden(tree: ast.AST) -> Iterator[str]:
    """Return the expressions in a module that could create more than values from bytes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {name.name}" for name in node.names if name.name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            yield f"from {node.module}"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in FORBIDDEN_CALLS and called != RE_COMPILE:
                yield f"{called}()"
            yield from (f"{word.arg}=" for word in node.keywords if word.arg in FORBIDDEN_WORDS)
        elif isinstance(node, ast.Constant) and node.value in FORBIDDEN_WORDS:
            yield repr(node.value)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_can_make_more_than_values_out_of_bytes(source: Path) -> None:
    assert list(forbidden(ast.parse(source.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "import os, marshal", "eval(x)", "np.load(f, allow_pickle=True)",
        "app.topic('x', value_serializer='pickle')", "pd.read_pickle(f)", "__import__('os')", "import yaml",
    ],
)  # fmt: skip
def test_the_scan_finds_forbidden_expressions(text: str) -> None:
    assert list(forbidden(ast.parse(text))) != []


def test_every_topic_that_faust_reads_is_raw_bytes() -> None:
    program = (
        "from prometheus_client import CollectorRegistry\n"
        "from stream_seg.addresses import Addresses\n"
        "from stream_seg.kafka.broker import Broker\n"
        "from stream_seg.ops.metrics import Metrics\n"
        "from stream_seg.settings import Settings\n"
        "from stream_seg.worker.app import build_app\n"
        "nowhere = Addresses(Broker('127.0.0.1:1'), 'redis://127.0.0.1:1')\n"
        "made = build_app(Settings(), nowhere, Metrics(CollectorRegistry()))\n"
        "made.faust.finalize()\n"
        "topics = [agent.channel for agent in made.faust.agents.values()]\n"
        "tables = list(made.faust.tables.values())\n"
        "print(len(topics), len(tables))\n"
        "for topic in topics:\n"
        "    print(topic.key_serializer, topic.value_serializer, topic.key_type, topic.value_type)\n"
        "for table in tables:\n"
        "    print(table.key_serializer, table.value_serializer, table.key_type, table.value_type)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    counts, *lines = done.stdout.splitlines()
    assert len(lines) == sum(map(int, counts.split())) > 1
    assert set(lines) == {"raw raw <class 'bytes'> <class 'bytes'>"}
