"""Each use of a private name of Faust or aiokafka says what, why, until when, and which test covers it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import isfunction
from pathlib import Path

import pytest
from faust.transport.drivers import aiokafka as driver

import stream_seg
from stream_seg.worker.faust.transport import BatchConsumer, BatchConsumerThread, BatchTransport

PACKAGE = Path(stream_seg.__file__).parent
ROOT = PACKAGE.parent
LABELS = ("Patches", "Why", "Remove when", "Test")
SOURCES = [*sorted((PACKAGE / "worker" / "faust").glob("*.py")), PACKAGE / "kafka" / "client.py"]
ADAPTED = [
    (BatchConsumerThread, driver.AIOKafkaConsumerThread),
    (BatchConsumer, driver.Consumer),
    (BatchTransport, driver.Transport),
]

Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def blocks() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each docstring that describes a patch, as its place and the text of each label."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            docstring = ast.get_docstring(node) if isinstance(node, Scope) else None
            if docstring and "Patches:" in docstring:
                parts = re.split(rf"^({'|'.join(LABELS)}): ", docstring, flags=re.MULTILINE)
                yield f"{path.relative_to(ROOT)}:{node.name}", dict(zip(parts[1::2], parts[2::2], strict=True))  # type: ignore[union-attr]


def foreign_private_names(node: ast.AST, described: str = "") -> Iterator[tuple[int, str]]:
    """Yield line and name of each private attribute of another object that no docstring around it describes."""
    for child in ast.iter_child_nodes(node):
        inner = described + (ast.get_docstring(child) or "") if isinstance(child, Scope) else described
        if isinstance(child, ast.Attribute) and child.attr.startswith("_") and not child.attr.startswith("__"):
            own = isinstance(child.value, ast.Name) and child.value.id in ("self", "cls")
            if not own and not re.search(rf"Patches:.*\b{child.attr}`", inner, re.DOTALL):
                yield child.lineno, child.attr
        yield from foreign_private_names(child, inner)


BLOCKS = list(blocks())


def test_patches_are_found() -> None:
    assert len(BLOCKS) > 10


@pytest.mark.parametrize(("place", "block"), BLOCKS, ids=[place for place, _ in BLOCKS])
def test_a_patch_has_four_lines_and_a_test(place: str, block: dict[str, str]) -> None:
    assert tuple(block) == LABELS, place
    assert all(text.strip() for text in block.values()), place
    assert (ROOT / block["Test"].strip()).is_file(), place


@pytest.mark.parametrize("path", SOURCES, ids=[path.stem for path in SOURCES])
def test_private_names_of_other_objects_are_described(path: Path) -> None:
    assert list(foreign_private_names(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(("ours", "base"), ADAPTED, ids=[ours.__name__ for ours, _ in ADAPTED])
def test_overridden_private_methods_are_described(ours: type, base: type) -> None:
    private = {name: value for name, value in vars(ours).items() if name.startswith("_") and not name.startswith("__")}
    overridden = [value for name, value in private.items() if isfunction(value) and hasattr(base, name)]
    assert [method.__name__ for method in overridden if "Patches:" not in (method.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (driver.AIOKafkaConsumerThread, "_gather_remaining_tasks"),
        (driver.AIOKafkaConsumerThread, "_fetch_records"),
        (driver.AIOKafkaConsumerThread, "_highwaters"),
        (driver.Consumer, "_new_consumer_thread"),
        (driver.Consumer, "_add_gap"),
        (driver.Consumer, "_new_offset"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_faust_still_has_the_methods_that_are_overridden(base: type, name: str) -> None:
    assert callable(getattr(base, name))
