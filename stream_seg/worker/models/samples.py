"""Samples: each worker draws customers from its store and sends their features to the learner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import repeat
from math import inf
from typing import Any, Final

import numpy as np
import orjson

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core import activity_mix
from stream_seg.core.activity_mix import MIX_SIZE, Mix
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine
from stream_seg.core.events.categories import shares_of
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.record import columns, section
from stream_seg.kafka.append import append_all
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.partitions.ownership import OwnedPartition, SamplingState

# Customers in one message. Even with ids and categories of the greatest length it stays below one megabyte, which
# brokers accept.
ROWS_PER_MESSAGE: Final = 100
# A thousandth of a customer's activity makes no difference to a profile.
MIX_DIGITS: Final = 3
# Customers sampled per day over all partitions. That is enough for centers to follow, and to judge a challenger within
# days. Half as many need twice as long (docs/internals/clustering.md). The cost is negligible.
SAMPLES_PER_DAY: Final = 800
# Customers of a sample before the first model, where the learner needs more to choose a good start from.
FIRST_SAMPLE: Final = 2_000
SAMPLE_EVERY_S: Final = DAY_S
# After so long without a batch, samples say that the input is drained.
QUIET_S: Final = 2.0
# Longest time that a replay waits for the first model before it goes on without.
FIRST_MODEL_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One message on `segment-samples`: customers of one partition with their features at its clock.

    `rows` are pairs of customer id and features. `mixes` has the mix of each of `rows`, or is empty. `drained` says
    that there is no more input for now.
    """

    partition: int
    clock: float
    drained: bool
    rows: list[tuple[str, list[float]]]
    mixes: list[Mix] = field(default_factory=list)

    def dumps(self) -> bytes:
        """Return the sample as JSON."""
        return orjson.dumps(
            {
                "partition": self.partition,
                "clock": self.clock,
                "drained": self.drained,
                "rows": self.rows,
                "mixes": [mix.numbers for mix in self.mixes],
                "categories": [mix.categories for mix in self.mixes],
            }
        )

    def customers(self) -> Iterator[tuple[str, list[float], Mix | None]]:
        """Yield the id, the features and the mix, or None, of each customer."""
        mixes: Iterable[Mix | None] = self.mixes or repeat(None)
        return ((name, row, mixed) for (name, row), mixed in zip(self.rows, mixes, strict=False))

    def parts(self) -> list[Sample]:
        """Return the sample in parts of at most `ROWS_PER_MESSAGE` customers. Only the last one can be `drained`."""
        starts = range(0, len(self.rows), ROWS_PER_MESSAGE) or (0,)
        return [
            replace(
                self,
                rows=self.rows[at : at + ROWS_PER_MESSAGE],
                mixes=self.mixes[at : at + ROWS_PER_MESSAGE],
                drained=self.drained and at == starts[-1],
            )
            for at in starts
        ]

    @classmethod
    def loads(cls, value: bytes) -> Sample:
        """Return a sample from JSON. Raises ValueError when it is not a sample."""
        try:
            fields: dict[str, Any] = orjson.loads(value)
            rows = [(str(name), [float(x) for x in row]) for name, row in fields["rows"]]
            numbers = [[float(x) for x in row] for row in fields.get("mixes", ())]
            shares = [{str(name): float(x) for name, x in each.items()} for each in fields.get("categories", ())]
            mixes = [Mix(*each) for each in zip(numbers, shares, strict=True)]
            sample = cls(int(fields["partition"]), float(fields["clock"]), bool(fields["drained"]), rows, mixes)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as reason:
            # Only the type, because the text may quote a customer id.
            raise ValueError(f"not a sample ({type(reason).__name__})") from None
        if any(len(row) != len(FEATURES) for _, row in rows):
            raise ValueError(f"not a sample: each row must have {len(FEATURES)} features")
        if mixes and [len(mix.numbers) for mix in mixes] != [MIX_SIZE] * len(rows):
            raise ValueError(f"not a sample: mixes must be {MIX_SIZE} numbers for each row, or none")
        if not all(0.0 <= value < inf for mix in mixes for value in (*mix.numbers, *mix.categories.values())):
            raise ValueError("not a sample: mixes must be numbers that are not below 0")
        return sample


def draw(engine: Engine, owned: OwnedPartition, now: float, wanted: int, *, drained: bool) -> Sample:
    """Return at most `wanted` customers of a partition, drawn uniformly, with features at `now` (epoch seconds).

    Customers are drawn, never events. A heavy buyer must not outweigh others, and an inactive one must be included.
    """
    owned.sampling = SamplingState(now, len(owned.state.records))
    drawn = owned.state.records.sample(wanted, f"{owned.number}/{now}")
    records = [record for _, record in drawn]
    fixed = columns(records)
    at = np.maximum(fixed["as_of"], now)
    matrix = engine.features(fixed, at)
    rows = [(key.decode(), row) for (key, _), row in zip(drawn, matrix.tolist(), strict=True)]
    numbers = activity_mix.compute(fixed, at, engine.rules.decay).round(MIX_DIGITS).tolist()
    goods = shares_of(section(records, fixed, "categories"), owned.state.categories)
    mixes = [
        Mix(each, {name: round(share, MIX_DIGITS) for name, share in shares.items()})
        for each, shares in zip(numbers, goods, strict=True)
    ]
    return Sample(owned.number, now, drained, rows, mixes)


class Sampling:
    """Sends samples that are due, and makes a replay wait for the first model once enough are sent."""

    def __init__(
        self,
        engine: Engine,
        behavior: Behavior,
        settings: Settings,
        policy: LearnerPolicy,
        now: Callable[[OwnedPartition], float],
        producer: Callable[[], Any],
        metrics: Metrics,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._engine = engine
        self._behavior = behavior
        self._partitions = settings.partitions
        self._replays = settings.clock == "stream"
        self._topic = settings.topic("segment-samples")
        self._policy = policy
        self._now = now
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self._first_clock: float | None = None
        self._drained_at = 0.0
        self._model_known = asyncio.Event()
        self._waits_until = 0.0

    async def tend(self, owned: Collection[OwnedPartition], quiet_s: float) -> None:
        """Send the samples that are due. `quiet_s` is the time since the last batch, in seconds."""
        drained = quiet_s > QUIET_S
        due = [partition for partition in owned if self._due(partition, drained)]
        if not due:
            return
        if drained:
            self._drained_at = self._clock.monotonic()
        share = max(1, (SAMPLES_PER_DAY if self._behavior.model else FIRST_SAMPLE) // self._partitions)
        samples = [draw(self._engine, each, self._now(each), share, drained=drained) for each in due]
        messages = [(str(part.partition).encode(), part.dumps(), ()) for sample in samples for part in sample.parts()]
        await append_all(self._producer(), self._topic, {0: messages}, int(self._clock.wall() * 1000))
        self._metrics.samples_sent.inc(sum(len(sample.rows) for sample in samples))
        if self._behavior.model is None and self._replays and self._enough(owned, samples):
            self._waits_until = self._clock.monotonic() + FIRST_MODEL_WAIT_S

    def model_arrived(self) -> None:
        """End all waits for the first model."""
        self._model_known.set()

    async def wait_for_first_model(self) -> None:
        """Return at once, or in a replay that has sent enough samples, when the first model arrives."""
        left = self._waits_until - self._clock.monotonic()
        if left <= 0:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._model_known.wait(), left)
        self._waits_until = 0.0

    def _due(self, partition: OwnedPartition, drained: bool) -> bool:
        customers, now = len(partition.state.records), self._now(partition)
        if not customers or now <= 0:
            return False
        if partition.sampling.at is None or now - partition.sampling.at >= SAMPLE_EVERY_S:
            return True
        if self._behavior.model is not None:
            return False
        drained_again = drained and self._clock.monotonic() - self._drained_at > QUIET_S
        return customers >= 2 * partition.sampling.customers or drained_again

    def _enough(self, owned: Collection[OwnedPartition], samples: list[Sample]) -> bool:
        """Return whether this worker has sent its share of the samples that the first model needs."""
        first = min(sample.clock for sample in samples)
        self._first_clock = first if self._first_clock is None else min(first, self._first_clock)
        span = max(sample.clock for sample in samples) - self._first_clock
        customers = sum(len(partition.state.records) for partition in owned)
        share = self._policy.min_customers * len(owned) / self._partitions
        return customers >= share and span >= self._policy.warm_up_s
