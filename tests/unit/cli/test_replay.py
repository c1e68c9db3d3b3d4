"""What `stream-seg replay` says when it has sent everything."""

from __future__ import annotations

from stream_seg.cli.replay import day, facts, sentence
from stream_seg.tools.replay import ReplaySummary

SUMMARY = ReplaySummary(3000, {"purchases": 1000, "interactions": 2000}, 450_000, 1.5)


def test_for_people() -> None:
    assert sentence(SUMMARY) == (
        "sent 3,000 events in 1.5 s (2,000 a second, 0.5 MB): interactions 2,000, purchases 1,000"
    )
    assert sentence(ReplaySummary(0, {}, 0, 0.0)) == "sent 0 events in 0.0 s (0 a second, 0.0 MB)"


def test_for_programs() -> None:
    assert facts(SUMMARY) == {
        "events": 3000,
        "by_topic": {"purchases": 1000, "interactions": 2000},
        "value_bytes": 450_000,
        "elapsed_s": 1.5,
        "events_per_s": 2000.0,
    }


def test_days() -> None:
    assert day(1494352831.0) == "09 May 2017"
    assert day(float("-inf")) == ""
