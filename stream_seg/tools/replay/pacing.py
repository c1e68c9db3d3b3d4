"""Send the records of a replay when they are due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol, TypeVar

# The end of the year 9999. A later time is in another unit, so the replay does not wait for it.
LAST_MOMENT_S: Final = 253_402_300_800.0
SHORTEST_WAIT_S: Final = 0.002  # records that are due within this time go out together


class Timed(Protocol):
    """A record with the time of its event in epoch seconds."""

    @property
    def occurred_at_s(self) -> float: ...


R = TypeVar("R", bound=Timed)


async def paced(chunks: AsyncIterator[list[R]], speed: float | None) -> AsyncIterator[Sequence[R]]:
    """Yield chunks unchanged, or with a `speed` the parts of them that are due.

    `speed` is seconds of event time per second, and None means as fast as possible. Time counts from the first record
    whose time is known. A record that is late in event time, or whose time is not known, is due at once.
    """
    loop = asyncio.get_running_loop()
    begun_s, first_s = loop.time(), None
    async for chunk in chunks:
        if speed is None:
            yield chunk
            continue
        if first_s is None:
            begun_s, first_s = loop.time(), first_moment(chunk)
        if first_s is None:
            yield chunk
            continue
        begin = 0
        while begin < len(chunk):
            end = due(chunk, begin, first_s + (loop.time() - begun_s) * speed)
            if end > begin:
                yield chunk[begin:end]
                begin = end
            else:
                wait_s = (chunk[begin].occurred_at_s - first_s) / speed - (loop.time() - begun_s)
                await asyncio.sleep(max(wait_s, SHORTEST_WAIT_S))


def due(records: Sequence[Timed], begin: int, occurred_at_s: float) -> int:
    """Return the end of the run from `begin` of records that are due by a time, or whose time is not known."""
    later = (i for i in range(begin, len(records)) if occurred_at_s < records[i].occurred_at_s < LAST_MOMENT_S)
    return next(later, len(records))


def first_moment(records: Sequence[Timed]) -> float | None:
    """Return the first known time in epoch seconds, or None."""
    return next((each.occurred_at_s for each in records if 0.0 <= each.occurred_at_s < LAST_MOMENT_S), None)
