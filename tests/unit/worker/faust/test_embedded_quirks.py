"""The wait of fetches from the embedded broker grows and shrinks."""

from __future__ import annotations

import asyncio

import pytest

from stream_seg.clock import Clock
from stream_seg.worker.faust.embedded_quirks import look_long_enough, next_wait_ms


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


class Fetcher:
    """aiokafka's fetcher, whose fetches take `took_s` seconds of its own clock."""

    _fetch_max_wait_ms = 20

    def __init__(self, *took_s: float) -> None:
        self._took_s = iter(took_s)
        self._now = 0.0
        self.clock = Clock(monotonic=lambda: self._now)

    async def _proc_fetch_request(self, *_: object) -> bool:
        self._now += next(self._took_s)
        return True


def test_the_fetcher_gets_the_new_wait() -> None:
    async def story() -> list[int]:
        fetcher = Fetcher(0.1, 0.001)
        look_long_enough(fetcher, fetcher.clock)
        waits = []
        for _ in range(2):
            assert await fetcher._proc_fetch_request()
            waits.append(fetcher._fetch_max_wait_ms)
        return waits

    assert asyncio.run(story()) == [200, 180]
