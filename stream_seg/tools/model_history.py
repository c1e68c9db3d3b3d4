"""Read the history of models from `segment-models`, and publish a model on behalf of an operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.contracts.snapshot_chain import SnapshotChain
from stream_seg.contracts.times import rfc3339
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.core.dimensions.names import SegmentNames
from stream_seg.errors import BrokerError, ConcurrentUpdate
from stream_seg.kafka.append import append_snapshot
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import in_time, started_producer
from stream_seg.kafka.reader import read_all

TRIES: Final = 5

# (the active model, the version to publish, created_at) -> the snapshot to publish
Make = Callable[[ModelSnapshot, int, str], ModelSnapshot]


class Unusable(NamedTuple):
    """A message that is not a snapshot: its offset, its key as text, and the reason."""

    offset: int
    key: str
    why: str


@dataclass(slots=True)
class ModelHistory:
    """The published models of behavior.

    `accepted` are the snapshots that became active, by version. `superseded` are the snapshots that never did, each
    with the reason. `unusable` are messages that are not snapshots.
    """

    chain: SnapshotChain[ModelSnapshot] = field(default_factory=SnapshotChain)
    accepted: dict[int, ModelSnapshot] = field(default_factory=dict)
    superseded: list[tuple[ModelSnapshot, str]] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def latest(self) -> ModelSnapshot | None:
        """The active model, or None before the first."""
        return self.chain.latest

    def add(self, offset: int, key: bytes | None, value: bytes) -> None:
        """Take in the next message of the topic."""
        try:
            snapshot = parse_snapshot(value)
        except ValueError as reason:
            self.unusable.append(Unusable(offset, (key or b"").decode("utf-8", "backslashreplace"), str(reason)))
            return
        if snapshot.dimension != BEHAVIOR:
            return
        for ruling in self.chain.take(snapshot):
            version = ruling.snapshot.version
            if ruling.superseded is None:
                self.accepted[version] = ruling.snapshot
                self.superseded = [(each, why) for each, why in self.superseded if each is not ruling.snapshot]
            elif not self._again(ruling.snapshot):
                self.superseded.append((ruling.snapshot, ruling.superseded))

    @property
    def names(self) -> SegmentNames:
        """The segment names of every version that was active."""
        book = SegmentNames()
        for version, snapshot in self.accepted.items():
            book.learn(version, snapshot.names)
        return book

    def get(self, version: int) -> ModelSnapshot | None:
        """Return a version. A snapshot that became active comes before superseded ones of the same number."""
        superseded = (snapshot for snapshot, _ in self.superseded if snapshot.version == version)
        return self.accepted.get(version) or next(superseded, None)

    def _again(self, snapshot: ModelSnapshot) -> bool:
        known = self.accepted.get(snapshot.version)
        return known is not None and known.dumps() == snapshot.dumps()


async def read_history(broker: Broker, topic: str) -> ModelHistory:
    """Return all published models. Raises BrokerError."""
    history = ModelHistory()
    async for _, records in read_all(broker, topic):
        for record in records:
            if record.value is not None:
                history.add(record.offset, record.key, record.value)
    return history


async def publish_as_operator(
    broker: Broker, topic: str, make: Make, on_lost: Callable[[int], None], clock: Clock = SYSTEM_CLOCK
) -> ModelSnapshot:
    """Publish the snapshot that `make` derives from the active model, and return it after it has become active.

    A learner or another operator may publish at the same moment. The first snapshot on the topic then counts. In that
    case `on_lost` is called with its version, and the snapshot is derived again from it. Raises ConcurrentUpdate after
    five tries, BrokerError if there is no model yet or the broker fails, and the errors of `make`.
    """
    async with started_producer(broker) as producer:
        for _ in range(TRIES):
            latest = (await read_history(broker, topic)).latest
            if latest is None:
                raise BrokerError("no model has been published yet: the learner waits for enough customers")
            snapshot = make(latest, latest.version + 1, rfc3339(clock.wall()))
            await _append(producer, topic, snapshot, clock.wall())
            history = await read_history(broker, topic)
            winner = history.accepted.get(snapshot.version)
            if winner is not None and winner.dumps() == snapshot.dumps():
                return snapshot
            if winner is not None:
                # Compaction keeps the last message of a version, so the one that counts must be last.
                await _append(producer, topic, winner, clock.wall())
            on_lost(snapshot.version)
    raise ConcurrentUpdate(f"others published a model at the same moment {TRIES} times; nothing was changed, try again")


async def _append(producer: Any, topic: str, snapshot: ModelSnapshot, now_s: float) -> None:
    try:
        async with in_time():
            await append_snapshot(producer, topic, snapshot, now_s)
    except (KafkaError, ValueError) as error:
        raise BrokerError(f"the model could not be published: {str(error) or type(error).__name__}") from error
