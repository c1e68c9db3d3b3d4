"""The example of the guide to replays works as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.event_fields import all_fields
from stream_seg.contracts.mapping.model import EventTable, FileOptions, Numbers, Source, Times
from stream_seg.datasets import Reading, open_source
from stream_seg.datasets.files import FileSource
from tests.unit.docs.test_docs import ROOT, first_cells, json_objects

GUIDE = (ROOT / "docs" / "guides" / "replay.md").read_text(encoding="utf-8")
NOW_S = 1_900_000_000.0


def block(kind: str) -> str:
    """The only block of a kind."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)
    return str(found)


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    """The export, read by the mapping."""
    (tmp_path / "export.csv").write_text(block("csv"), encoding="utf-8")
    (tmp_path / "orders.toml").write_text(block("toml"), encoding="utf-8")
    opened = open_source(str(tmp_path / "export.csv"), Reading(mapping=tmp_path / "orders.toml"))
    assert isinstance(opened, FileSource)
    return opened


def test_the_rows_become_the_events_that_are_shown(source: FileSource) -> None:
    events = [json.loads(record.value) for record in source]
    assert len({event.pop("event_id") for event in events}) == len(events)
    assert events == json_objects(GUIDE)
    assert source.skips.first_lines == {"not_mapped": [4]}


def test_a_worker_takes_them(source: FileSource) -> None:
    for record in source:
        decoded = Decoder(record.topic, currency="EUR").decode([record.value], [record.key], NOW_S)
        assert (len(decoded.events), decoded.rejected) == (1, [])


def test_every_key_of_a_mapping_is_described() -> None:
    named = set(first_cells(GUIDE)) | set(re.findall(r"`(\w+)`", GUIDE))
    for table in (EventTable, FileOptions, Numbers, Times, Source):
        assert {field.alias or name for name, field in table.model_fields.items()} <= named
    assert {"order_id", "amount", "occurred_at"} <= all_fields().keys()
