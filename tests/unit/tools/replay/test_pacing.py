"""The pace at which records go out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from stream_seg.datasets.record import UNKNOWN_TIME_S, SourceRecord
from stream_seg.tools.replay.pacing import LAST_MOMENT_S, Timed, due, first_moment, paced

NEW_YEAR_S = 1_735_689_600.0  # 2025-01-01T00:00:00Z
IN_MS = 1_000 * NEW_YEAR_S


def at(*times: float) -> list[Timed]:
    return [SourceRecord("interactions", b"c-1", b"{}", t) for t in times]


async def _sent(chunks: Sequence[list[Timed]], speed: float) -> list[list[float]]:
    async def source() -> AsyncIterator[list[Timed]]:
        for chunk in chunks:
            yield chunk

    async with asyncio.timeout(10):
        return [[each.occurred_at_s for each in records] async for records in paced(source(), speed)]


def sent(chunks: Sequence[list[Timed]], speed: float) -> list[list[float]]:
    """Times of the records that go out together."""
    return asyncio.run(_sent(chunks, speed))


def test_time_counts_from_the_first_record_that_says_when_it_happened() -> None:
    assert sent([at(UNKNOWN_TIME_S, NEW_YEAR_S)], 1.0) == [[UNKNOWN_TIME_S, NEW_YEAR_S]]
    assert sent([at(UNKNOWN_TIME_S), at(-1.0), at(NEW_YEAR_S)], 1.0) == [[UNKNOWN_TIME_S], [-1.0], [NEW_YEAR_S]]
    assert sent([at(IN_MS, NEW_YEAR_S)], 1.0) == [[IN_MS, NEW_YEAR_S]]


def test_a_time_in_another_unit_is_not_waited_for() -> None:
    assert sent([at(NEW_YEAR_S, IN_MS, NEW_YEAR_S)], 1.0) == [[NEW_YEAR_S, IN_MS, NEW_YEAR_S]]


def test_later_records_wait() -> None:
    assert sent([at(NEW_YEAR_S, NEW_YEAR_S + 60.0)], 1_000.0) == [[NEW_YEAR_S], [NEW_YEAR_S + 60.0]]


def test_due_records_end_before_the_first_later_one() -> None:
    records = at(1.0, UNKNOWN_TIME_S, IN_MS, 3.0)
    assert [due(records, 0, t) for t in (0.5, 1.0, 3.0)] == [0, 3, 4]


def test_the_first_moment() -> None:
    assert first_moment(at(UNKNOWN_TIME_S, -1.0, LAST_MOMENT_S, 0.0, 1.0)) == 0.0
    assert first_moment(at(UNKNOWN_TIME_S)) is None
