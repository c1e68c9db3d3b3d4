"""Days: what workers would sample of a source's customers, day by day, with no broker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_seg.contracts.decode import Decoder
from stream_seg.core import mix
from stream_seg.core.absorption import Rows, Rules
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine
from stream_seg.core.vocabulary import TOPICS
from stream_seg.datasets.record import SourceRecord

NOW_S = 2_000_000_000.0  # wall time: past anything that a source says


class Day(NamedTuple):
    """All n customers seen so far, at the end of a day counted from 0; `clock` is that moment, epoch seconds."""

    number: int
    clock: float
    customers: list[str]
    rows: NDArray[np.float64]  # (n, len(FEATURES))
    mixes: NDArray[np.float64]  # (n, MIX_SIZE)


def days(source: Iterable[SourceRecord], half_life_days: float = 30.0) -> Iterator[Day]:
    """Fold a source in order of arrival; a day ends when the first event of another one has come."""
    fold = _Fold(Decay(half_life_days * DAY_S))
    waiting: list[SourceRecord] = []
    first = end = -1.0
    for record in source:
        if end < 0:
            first = record.occurred_at_s // DAY_S * DAY_S
            end = first + DAY_S
        while record.occurred_at_s >= end:
            fold.absorb(waiting)
            waiting = []
            yield fold.day(round((end - first) / DAY_S) - 1, end)
            end += DAY_S
        waiting.append(record)
    fold.absorb(waiting)
    yield fold.day(round((end - first) / DAY_S) - 1, end)


class _Fold:
    def __init__(self, decay: Decay) -> None:
        self._engine = Engine(Rules(decay))
        self._held = self._engine.working_set()
        self._decoders = [Decoder(topic) for topic in TOPICS]
        self._offsets = 0

    def absorb(self, records: list[SourceRecord]) -> None:
        """Absorb a day's records."""
        new = {record.key for record in records} - set(self._held.keys)
        fresh = sorted(self._held.absent(new))
        self._held.open(fresh, [self._engine.new_customer(1).pack()] * len(fresh))
        for number, topic in enumerate(TOPICS):
            of_topic = [record for record in records if record.topic == topic]
            if of_topic:
                self._absorb(number, of_topic)
        self._held.settle()

    def _absorb(self, number: int, records: list[SourceRecord]) -> None:
        keys = [record.key for record in records]
        decoded = self._decoders[number].decode([record.value for record in records], keys, NOW_S)
        assert not decoded.rejected, decoded.rejected[0]
        rows = self._held.rows(keys)
        offsets = list(range(self._offsets, self._offsets + len(rows)))
        self._offsets += len(rows)
        amounts = decoded.amounts or [0] * len(rows)
        self._engine.absorb_rows(number, Rows(rows, offsets, decoded.events, decoded.times, amounts), self._held)

    def day(self, number: int, clock: float) -> Day:
        """Everybody at the end of a day, or later where an event of the day is late."""
        now = np.maximum(self._held["last_seen"], clock)
        return Day(
            number,
            clock,
            [key.decode() for key in self._held.keys],
            self._engine.features(self._held, now),
            mix.compute(self._held, now, self._engine.rules.decay),
        )
