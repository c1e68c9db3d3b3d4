"""The wait of fetches from the embedded broker grows and shrinks."""

from __future__ import annotations

import pytest

from stream_seg.worker.faust.embedded_quirks import next_wait_ms


@pytest.mark.parametrize(
    ("took_ms", "expected"),
    [
        (2.0, 20.0),  # records were ready
        (21.5, 20.0),  # waited to the end
        (29.0, 20.0),  # the same, plus time on the network
        (100.0, 200.0),  # cut off
        (60_000.0, 5_000.0),
    ],
)
def test_a_fetch_that_was_cut_off_makes_the_next_one_longer(took_ms: float, expected: float) -> None:
    assert next_wait_ms(20.0, took_ms, wanted_ms=20.0) == expected


def test_the_wait_goes_back_to_what_is_wanted() -> None:
    wait_ms, fetches = 200.0, 0
    while wait_ms > 20.0:
        wait_ms = next_wait_ms(wait_ms, took_ms=1.0, wanted_ms=20.0)
        fetches += 1
    assert fetches == 22
