"""Samples: each worker draws customers from its store and sends their features to the one learner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import repeat
from math import inf
from time import monotonic, time
from typing import Any, Final

import numpy as np
import orjson

from stream_seg.core import activity_mix
from stream_seg.core.activity_mix import MIX_SIZE
from stream_seg.core.customer import columns
from stream_seg.core.decay import DAY_S
from stream_seg.core.engine import Engine
from stream_seg.core.events.taxonomy import category_names
from stream_seg.core.features import FEATURES
from stream_seg.kafka.append import append_all
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.partitions.ownership import OwnedPartition

# Customers in one message: with ids of the greatest length it stays below what brokers take, which is a megabyte.
ROWS_A_MESSAGE: Final = 500
# A thousandth of a customer's activity makes no difference to a profile.
MIX_DIGITS: Final = 3
# What workers sent before the orders of a customer were counted in a mix.
MIX_SIZE_BEFORE: Final = MIX_SIZE - 1
# Customers sampled a day over all partitions: enough for centres to follow, and for a challenger to be judged within
# days (half as many need twice as long: docs/internals/clustering.md), little enough to cost nothing.
SAMPLES_A_DAY: Final = 800
# Before the first model more are wanted, so that a good start has something to choose from.
FIRST_SAMPLE: Final = 2_000
SAMPLE_EVERY_S: Final = DAY_S
# Nothing to read for so long: the samples say that there will be no more for now.
QUIET_S: Final = 2.0
# A replay waits so long for the first model before it goes on without.
FIRST_MODEL_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one message on `segment-samples` says: rows of features of customers of one partition at its clock.

    `mixes` has a row of `MIX_SIZE` for each of `rows`, or none at all, as from older workers. `categories` are the
    names that the worker has met in each category slot.
    """

    partition: int
    clock: float
    drained: bool
    rows: list[tuple[str, list[float]]]
    mixes: list[list[float]] = field(default_factory=list)
    categories: list[list[str]] = field(default_factory=list)

    def dumps(self) -> bytes:
        """As JSON."""
        return orjson.dumps(
            {
                "partition": self.partition,
                "clock": self.clock,
                "drained": self.drained,
                "rows": self.rows,
                "mixes": self.mixes,
                "categories": self.categories,
            }
        )

    def customers(self) -> Iterator[tuple[str, list[float], list[float] | None]]:
        """Id, features and, where it is said, mix of each customer."""
        mixes: Iterable[list[float] | None] = self.mixes or repeat(None)
        return ((name, row, mixed) for (name, row), mixed in zip(self.rows, mixes, strict=False))

    def parts(self) -> list[Sample]:
        """The same in messages of at most `ROWS_A_MESSAGE` customers; only the last says that all is drained."""
        starts = range(0, len(self.rows), ROWS_A_MESSAGE) or (0,)
        return [
            replace(
                self,
                rows=self.rows[at : at + ROWS_A_MESSAGE],
                mixes=self.mixes[at : at + ROWS_A_MESSAGE],
                drained=self.drained and at == starts[-1],
            )
            for at in starts
        ]

    @classmethod
    def loads(cls, value: bytes) -> Sample:
        """From JSON; raises ValueError when it is not a sample."""
        try:
            fields: dict[str, Any] = orjson.loads(value)
            rows = [(str(name), [float(x) for x in row]) for name, row in fields["rows"]]
            mixes = [[float(x) for x in row] for row in fields.get("mixes", ())]
            names = [[str(name) for name in slot] for slot in fields.get("categories", ())]
            sample = cls(int(fields["partition"]), float(fields["clock"]), bool(fields["drained"]), rows, mixes, names)
        except (KeyError, OverflowError, TypeError, ValueError) as reason:
            # The type only: the text may quote what a customer is called.
            raise ValueError(f"not a sample ({type(reason).__name__})") from None
        if any(len(row) != len(FEATURES) for _, row in rows):
            raise ValueError(f"not a sample: each row must have {len(FEATURES)} features")
        if mixes and [len(row) for row in mixes] == [MIX_SIZE_BEFORE] * len(rows):
            sample = replace(sample, mixes=[])
        elif mixes and [len(row) for row in mixes] != [MIX_SIZE] * len(rows):
            raise ValueError(f"not a sample: mixes must be {MIX_SIZE} numbers for each row, or none")
        if not all(0.0 <= value < inf for row in mixes for value in row):
            raise ValueError("not a sample: mixes must be numbers that are not below 0")
        return sample


def draw(engine: Engine, owned: OwnedPartition, now: float, wanted: int, *, drained: bool) -> Sample:
    """At most `wanted` customers of a partition, uniformly, evaluated at `now` (epoch seconds).

    Customers, never events: a heavy buyer must not outweigh others, and a silent one must be seen.
    """
    owned.sampled_at, owned.sampled_of = now, len(owned.state.records)
    drawn = owned.state.records.sample(wanted, f"{owned.number}/{now}")
    fixed = columns([record for _, record in drawn])
    at = np.maximum(fixed["as_of"], now)
    matrix = engine.features(fixed, at)
    rows = [(key.decode(), row) for (key, _), row in zip(drawn, matrix.tolist(), strict=True)]
    mixes = activity_mix.compute(fixed, at, engine.rules.decay).round(MIX_DIGITS).tolist()
    return Sample(owned.number, now, drained, rows, mixes, category_names())


class Sampling:
    """Sends samples that are due, and makes a replay wait for the first model once enough were sent."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        policy: LearnerPolicy,
        now: Callable[[OwnedPartition], float],
        producer: Callable[[], Any],
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._partitions = settings.partitions
        self._replays = settings.clock == "stream"
        self._topic = settings.topic("segment-samples")
        self._policy = policy
        self._now = now
        self._producer = producer
        self._metrics = metrics
        self._first_clock: float | None = None
        self._drained_at = 0.0
        self._model_known = asyncio.Event()
        self._waits_until = 0.0

    async def tend(self, owned: Collection[OwnedPartition], quiet_s: float) -> None:
        """Send what is due; `quiet_s`: seconds since the last batch came."""
        drained = quiet_s > QUIET_S
        due = [held for held in owned if self._due(held, drained)]
        if not due:
            return
        if drained:
            self._drained_at = monotonic()
        share = max(1, (SAMPLES_A_DAY if self._engine.model else FIRST_SAMPLE) // self._partitions)
        samples = [draw(self._engine, held, self._now(held), share, drained=drained) for held in due]
        messages = [(str(part.partition).encode(), part.dumps(), ()) for sample in samples for part in sample.parts()]
        await append_all(self._producer(), self._topic, {0: messages}, int(time() * 1000))
        self._metrics.samples_sent.inc(sum(len(sample.rows) for sample in samples))
        if self._engine.model is None and self._replays and self._enough(owned, samples):
            self._waits_until = monotonic() + FIRST_MODEL_WAIT_S

    def model_arrived(self) -> None:
        """There is a model: nobody waits for the first one any more."""
        self._model_known.set()

    async def wait_for_first_model(self) -> None:
        """Return at once, or, in a replay that has sent enough samples, when the first model has come."""
        left = self._waits_until - monotonic()
        if left <= 0:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._model_known.wait(), left)
        self._waits_until = 0.0

    def _due(self, held: OwnedPartition, drained: bool) -> bool:
        customers, now = len(held.state.records), self._now(held)
        if not customers or now <= 0:
            return False
        if held.sampled_at is None or now - held.sampled_at >= SAMPLE_EVERY_S:
            return True
        if self._engine.model is not None:
            return False
        return customers >= 2 * held.sampled_of or (drained and monotonic() - self._drained_at > QUIET_S)

    def _enough(self, owned: Collection[OwnedPartition], samples: list[Sample]) -> bool:
        """Whether this worker sent its share of what the learner wants before it starts."""
        first = min(sample.clock for sample in samples)
        self._first_clock = first if self._first_clock is None else min(first, self._first_clock)
        span = max(sample.clock for sample in samples) - self._first_clock
        customers = sum(len(held.state.records) for held in owned)
        share = self._policy.min_customers * len(owned) / self._partitions
        return customers >= share and span >= self._policy.warm_up_s
