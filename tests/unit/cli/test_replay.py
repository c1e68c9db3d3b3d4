"""The summary of `stream-seg replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stream_seg.cli.replay import Request, day, facts, opened, remarks, sentence
from stream_seg.datasets import Reading
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.skips import Skips
from stream_seg.errors import UsageError
from stream_seg.tools.replay.send import ReplaySummary

SUMMARY = ReplaySummary(3000, {"purchases": 1000, "interactions": 2000}, 450_000, 1.5)


def test_for_people() -> None:
    assert sentence(SUMMARY) == (
        "sent 3,000 events in 1.5 s (2,000 a second, 0.5 MB): interactions 2,000, purchases 1,000"
    )
    assert sentence(ReplaySummary(0, {}, 0, 0.0)) == "sent 0 events in 0.0 s (0 a second, 0.0 MB)"


def test_for_programs() -> None:
    assert facts(SUMMARY, 7, Skips()) == {
        "events": 3000,
        "by_topic": {"purchases": 1000, "interactions": 2000},
        "value_bytes": 450_000,
        "elapsed_s": 1.5,
        "events_per_s": 2000.0,
        "already": 7,
        "skipped": 0,
        "by_reason": {},
        "first_lines": {},
    }


def test_skipped_rows_are_told_by_reason_with_their_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("[]\n" * 1_001 + "{}\n")
    source = FileSource(path)
    assert list(source) == []
    found = facts(SUMMARY, 0, source.skips)
    assert (found["skipped"], found["by_reason"]) == (1_002, {"not_an_object": 1_001, "missing_field": 1})
    assert found["first_lines"] == {"not_an_object": [1, 2, 3, 4, 5], "missing_field": [1_002]}
    first, *reasons = remarks(source, 0, source.skips)
    assert first == f"skipped, because 1,002 lines are not events; mend and replay {path} again:"
    assert [line.partition(":")[0] for line in reasons] == [
        "  not_an_object 1,001, lines 1, 2, 3, 4, 5, ...",
        "  missing_field 1, line 1,002",
    ]


def test_rows_that_a_mapping_leaves_out_are_no_faults(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    source = FileSource(tmp_path / "a.csv")
    for line in (2, 3):
        source.skips.count(line, "not_mapped", "no [[event]] of a.toml takes this row.")
    assert list(remarks(source, 0, source.skips)) == ["left out 2 lines that no [[event]] of the mapping takes"]


def test_events_that_were_left_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    source = FileSource(tmp_path / "a.csv")
    assert list(remarks(source, 19_999, source.skips)) == ["left out 19,999 events that earlier replays sent"]
    assert list(remarks(source, 0, source.skips)) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"resume": True, "again": True}, "--resume sends what is left and --again sends everything; give one of them"),
        ({"speed": 0.0}, "--speed is 0; give seconds of event time a second, above 0"),
        ({"skipped": "bad.jsonl"}, "bad.jsonl: exists already; name a file that does not"),
        ({"skipped": "bad.csv"}, "bad.csv: name a .jsonl file, as a.jsonl is, so that it can be replayed"),
        ({"reading": {"mapping": "none.toml"}}, "none.toml: cannot be read: No such file or directory"),
        ({"source": "simulate", "strict": True}, "--strict, --skipped and --map are for files, and simulate is none"),
        ({"source": "simulate", "skipped": "x"}, "--strict, --skipped and --map are for files, and simulate is none"),
        ({"source": "complete-journey", "reading": {"mapping": "x"}}, "--strict, --skipped and --map are for files"),
        ({"source": "none.csv"}, "none.csv: there is no such file"),
    ],
)
def test_options_that_make_no_sense(
    options: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").touch()
    Path("bad.jsonl").touch()
    reading = Reading(**{name: Path(path) for name, path in options.pop("reading", {}).items()})
    skipped = Path(options["skipped"]) if "skipped" in options else None
    with pytest.raises(UsageError) as raised:
        opened(Request(**{"source": "a.jsonl", "reading": reading, **options, "skipped": skipped}))
    assert str(raised.value).startswith(says)


def test_days() -> None:
    assert day(1494352831.0) == "09 May 2017"
    assert day(float("-inf")) == ""
