"""Publishes the contracts as JSON Schemas: `python -m stream_seg.contracts.schemas docs/schemas`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from .changes import SegmentChanged
from .drift import SegmentDrift
from .events import InteractionEvent, ProfileEvent, PurchaseEvent
from .model import ModelSnapshot

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TITLES: Final[dict[str, tuple[Any, str]]] = {
    "purchases": (PurchaseEvent, "Events of the topic purchases"),
    "interactions": (InteractionEvent, "Events of the topic interactions"),
    "profiles": (ProfileEvent, "Events of the topic profiles"),
    "segment-changes": (SegmentChanged, "Events of the topic segment-changes"),
    "segment-drift": (SegmentDrift, "Events of the topic segment-drift"),
    "segment-models": (ModelSnapshot, "Snapshots of the topic segment-models"),
}


def schemas() -> dict[str, str]:
    """Return the text of every schema by file name."""
    return {f"{name}.json": _text(contract, title) for name, (contract, title) in _TITLES.items()}


def write(folder: Path) -> None:
    """Write all schemas into a folder. Create the folder if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


class _Untitled(GenerateJsonSchema):
    """A generator that omits titles, because they only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def _text(contract: Any, title: str) -> str:
    schema = TypeAdapter(contract).json_schema(schema_generator=_Untitled)
    return json.dumps({"$schema": DIALECT, **schema, "title": title}, indent=2) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stream_seg.contracts.schemas FOLDER")
    write(Path(sys.argv[1]))
