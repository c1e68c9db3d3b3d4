"""Sources by name or path."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from stream_seg.datasets import Reading, open_source
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.files import FileSource
from stream_seg.errors import SourceError


def test_names_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("customer_id\n")
    assert isinstance(open_source("complete-journey"), CompleteJourney)
    assert isinstance(open_source(str(path)), FileSource)


def test_the_simulator_takes_a_seed() -> None:
    one = [record.value for record in islice(open_source("simulate", Reading(seed=1)), 50)]
    assert one == [record.value for record in islice(open_source("simulate", Reading(seed=1)), 50)]
    assert len(one) == 50
    assert one != [record.value for record in islice(open_source("simulate", Reading(seed=2)), 50)]


def test_topic_and_key_field_reach_files(tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    path.write_text('{"visitor":"v-1","type":"page_viewed","occurred_at":1}\n')
    (record,) = open_source(str(path), Reading(topic="profiles", key_field="visitor"))
    assert (record.topic, record.key) == ("profiles", b"v-1")


def test_an_unknown_name_lists_the_sources() -> None:
    with pytest.raises(SourceError) as raised:
        open_source("complete_journey")
    assert str(raised.value) == (
        "there is no source 'complete_journey'; give complete-journey, simulate, "
        "or a file (.csv, .jsonl, .ndjson, .json, .parquet, .pq)"
    )


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.csv: there is no such file"):
        open_source(str(tmp_path / "missing.csv"))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    path.touch()
    with pytest.raises(SourceError, match=r"orders\.xlsx: not a kind of file that can be replayed; give one of \.csv"):
        open_source(str(path))
