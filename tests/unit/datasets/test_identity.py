"""Identities of sources: equal for equal events, different for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.contracts.mapping import parse_mapping
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.simulator import Disturbances, simulate

MAPPING = parse_mapping(
    '[[event]]\ntype = "page_viewed"\nfields = { customer_id = "c", occurred_at = "t" }\n',
    "a.toml",
)


def test_a_file_is_its_content_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_id\nc-1\n")
    (tmp_path / "b.csv").write_text("customer_id\nc-1\n")
    one = FileSource(tmp_path / "a.csv")
    assert one.identity() == FileSource(tmp_path / "b.csv").identity()
    assert len(one.identity()) == 16
    before = one.identity()
    (tmp_path / "a.csv").write_text("customer_id\nc-2\n")
    assert one.identity() != before


def test_options_that_change_the_events_change_the_identity(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_id\nc-1\n")
    (tmp_path / "a.jsonl").write_text("customer_id\nc-1\n")
    path = tmp_path / "a.csv"
    sources = [
        FileSource(path),
        FileSource(path, topic="purchases"),
        FileSource(path, topic="profiles"),
        FileSource(path, key_field="purchases"),
        FileSource(path, mapping=MAPPING),
        FileSource(tmp_path / "a.jsonl"),
    ]
    assert len({source.identity() for source in sources}) == len(sources)


def test_a_large_file_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b.csv").write_bytes(b"x" * 2_999_999 + b"y")
    assert FileSource(tmp_path / "a.csv").identity() != FileSource(tmp_path / "b.csv").identity()


def test_simulations_are_their_options() -> None:
    assert simulate(5, 3, seed=1).identity() == simulate(5, 3, seed=1).identity()
    others = [simulate(5, 3, seed=2), simulate(6, 3, seed=1), simulate(5, 4, seed=1), simulate(5, 3, seed=1, start_s=1)]
    others += [simulate(5, 3, seed=1, disturbances=Disturbances(late_share=0.1)), simulate(5, 3, seed=1)]
    assert len({each.identity() for each in others}) == len(others)


@pytest.mark.parametrize("source", [simulate(5, 3, disturbances=Disturbances(duplicate_share=0.5)), CompleteJourney()])
def test_lines_of_generated_sources_are_ordinals(source: CompleteJourney) -> None:
    lines = [record.line for record in source]
    assert lines == list(range(1, len(lines) + 1))
