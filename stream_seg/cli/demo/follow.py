"""Follow a worker from outside by its metrics, and detect when it has processed all events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.request import urlopen

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from stream_seg.addresses import Addresses
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import Failure
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.lag import PartitionLag, client_lag
from stream_seg.kafka.offsets import high_watermarks
from stream_seg.settings import Settings

POLL_S: Final = 0.1
TIMEOUT_S: Final = 2.0
# Outputs that have not grown for this time are complete. A new model follows its samples sooner.
REST_S: Final = 1.0
# The learner may start this late after the last event. With too few customers there is no model and no segment.
FIRST_MODEL_S: Final = 10.0
STUCK_S: Final = 60.0
OUTPUTS: Final = ("segment-changes", "dead-letters", "segment-models", "segment-samples")

Samples = Mapping[tuple[str, str], float]  # (name, first label's value or "") -> value


@dataclass(slots=True)
class Progress:
    """The progress of a worker. Times are monotonic seconds of the polls that observed it."""

    handled: int = 0  # events absorbed, recognized as repeats, or rejected
    begun: float | None = None
    last: float | None = None
    changes: int = 0
    model_version: int = 0
    waiting: int = 0  # customers whose document is not yet in Redis

    @property
    def events_per_s(self) -> float:
        """Events per second, from the first to the last."""
        if self.begun is None or self.last is None or self.last <= self.begun:
            return 0.0
        return self.handled / (self.last - self.begun)

    def update(self, samples: Samples, previous: float, now: float) -> None:
        """Take in the metrics read at `now`. The reading before was at `previous`, monotonic seconds."""
        handled = int(_sum(samples, "events_absorbed_total", "repeats_skipped_total", "events_rejected_total"))
        if handled > self.handled:
            # The first events came after the previous reading, which saw none.
            self.begun = previous if self.begun is None else self.begun
            self.handled, self.last = handled, now
        self.changes = int(_sum(samples, "changes_total"))
        self.model_version = int(_sum(samples, "model_version"))
        self.waiting = int(_sum(samples, "redis_dirty_customers"))


def parse_metrics(text: str) -> dict[tuple[str, str], float]:
    """Return the samples of a Prometheus page by name, without the namespace, and the value of the first label."""
    samples: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        if line.startswith("stream_seg_"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            label = labels.partition('"')[2].partition('"')[0]
            samples[name.removeprefix("stream_seg_"), label] = float(value)
    return samples


def _sum(samples: Samples, *names: str) -> float:
    return sum(value for (name, _), value in samples.items() if name in names)


async def follow(url: str, progress: Progress, check: Callable[[], None], clock: Clock = SYSTEM_CLOCK) -> None:
    """Read the metrics of a worker into `progress` until cancelled. `check` raises if the worker has ended."""
    previous = clock.monotonic()
    while True:
        check()
        # There is nothing to read before the worker listens.
        with suppress(OSError):
            text = await asyncio.to_thread(_read, f"{url}/metrics")
            now = clock.monotonic()
            progress.update(parse_metrics(text), previous, now)
            previous = now
        await asyncio.sleep(POLL_S)


def _read(url: str) -> str:
    with urlopen(url, timeout=TIMEOUT_S) as answer:
        page: bytes = answer.read()
    return page.decode()


async def settled(addresses: Addresses, settings: Settings, progress: Progress, clock: Clock = SYSTEM_CLOCK) -> None:
    """Return when all events sent so far are read, written and in Redis, and no more output appears.

    Raises Failure if the worker makes no progress for STUCK_S seconds.
    """
    topics = [settings.topic(name) for name in TOPICS]
    if settings.model is None:
        topics.append(settings.topic("segment-samples"))
    read_at: float | None = None
    rested_at, seen = clock.monotonic(), (0, 0)
    async with connect(addresses.broker) as client:
        while True:
            lags = await client_lag(addresses.broker, client, settings.app_id, topics, now_s=0.0)
            ends = await _output_ends(client, addresses, settings)
            behind = sum(lag.lag_events for lag in lags)
            now = clock.monotonic()
            if (behind, ends) != seen:
                seen, rested_at = (behind, ends), now
            read_at = (read_at or now) if not behind else None
            modelled = progress.model_version > 0 or (read_at is not None and now - read_at > FIRST_MODEL_S)
            if not behind and modelled and not progress.waiting and now - rested_at > REST_S:
                return
            if now - rested_at > STUCK_S:
                raise Failure(f"the worker has done nothing for {STUCK_S:.0f} s: {_waiting(lags, progress)}")
            await asyncio.sleep(2 * POLL_S)


def _waiting(lags: Iterable[PartitionLag], progress: Progress) -> str:
    behind = [f"{lag.topic} {lag.partition} ({lag.lag_events:,})" for lag in lags if lag.lag_events]
    unread = f"unread are {', '.join(behind)}" if behind else "all is read"
    return f"{unread}; {progress.waiting:,} documents are not in Redis"


async def _output_ends(client: AIOKafkaClient, addresses: Addresses, settings: Settings) -> int:
    """Return the total size of all outputs, a number that grows with every record written."""
    names = [settings.changelog, *(settings.topic(name) for name in OUTPUTS)]
    found = await partitions_of(client, names)
    tps = [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]
    return sum((await high_watermarks(addresses.broker, client, tps)).values())
