"""The history of models: all that `segment-models` holds and what became of it, and publishing as a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError

from stream_seg.contracts.model import ModelSnapshot, parse_snapshot
from stream_seg.contracts.model_chain import ModelChain
from stream_seg.contracts.times import rfc3339
from stream_seg.core.dimensions.names import SegmentNames
from stream_seg.errors import BrokerError, ConcurrentUpdate
from stream_seg.kafka.append import append_snapshot
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.producer import in_time, started_producer
from stream_seg.kafka.reader import read_all

TRIES: Final = 5

# (the model in force, the version to publish, created_at) -> what to publish
Make = Callable[[ModelSnapshot, int, str], ModelSnapshot]


class Unusable(NamedTuple):
    """A message that is no snapshot: its offset, its key as text, and why."""

    offset: int
    key: str
    why: str


@dataclass(slots=True)
class ModelHistory:
    """Snapshots that were in force, by version, those that never were with the reason, and what is no snapshot."""

    chain: ModelChain = field(default_factory=ModelChain)
    in_force: dict[int, ModelSnapshot] = field(default_factory=dict)
    aside: list[tuple[ModelSnapshot, str]] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def latest(self) -> ModelSnapshot | None:
        """The one in force now."""
        return self.chain.latest

    def add(self, offset: int, key: bytes | None, value: bytes) -> None:
        """One more message of the topic."""
        try:
            snapshot = parse_snapshot(value)
        except ValueError as reason:
            self.unusable.append(Unusable(offset, (key or b"").decode("utf-8", "backslashreplace"), str(reason)))
            return
        for ruling in self.chain.take(snapshot):
            version = ruling.snapshot.version
            if ruling.aside is None:
                self.in_force[version] = ruling.snapshot
                self.aside = [(each, why) for each, why in self.aside if each is not ruling.snapshot]
            elif not self._again(ruling.snapshot):
                self.aside.append((ruling.snapshot, ruling.aside))

    @property
    def names(self) -> SegmentNames:
        """What every version that was in force called its segments."""
        book = SegmentNames()
        for version, snapshot in self.in_force.items():
            book.learn(version, snapshot.names)
        return book

    def get(self, version: int) -> ModelSnapshot | None:
        """A version: the one that was in force, else the first that was left aside."""
        aside = (snapshot for snapshot, _ in self.aside if snapshot.version == version)
        return self.in_force.get(version) or next(aside, None)

    def _again(self, snapshot: ModelSnapshot) -> bool:
        known = self.in_force.get(snapshot.version)
        return known is not None and known.dumps() == snapshot.dumps()


async def read_history(broker: Broker, topic: str) -> ModelHistory:
    """All published models. Raises BrokerError."""
    history = ModelHistory()
    async for _, records in read_all(broker, topic):
        for record in records:
            if record.value is not None:
                history.add(record.offset, record.key, record.value)
    return history


async def publish_as_operator(broker: Broker, topic: str, make: Make, on_lost: Callable[[int], None]) -> ModelSnapshot:
    """Publish what `make` makes of the model in force, and return it once it has taken force.

    A learner, or another person, may publish at the same moment: then the first on the topic counts, `on_lost` hears
    of the version that was faster, and it is tried again on top of that. Raises ConcurrentUpdate after five tries,
    BrokerError where there is no model yet or the broker fails, and what `make` raises.
    """
    async with started_producer(broker) as producer:
        for _ in range(TRIES):
            latest = (await read_history(broker, topic)).latest
            if latest is None:
                raise BrokerError("no model has been published yet: the learner waits for enough customers")
            made = make(latest, latest.version + 1, rfc3339(time()))
            await _append(producer, topic, made)
            history = await read_history(broker, topic)
            winner = history.in_force.get(made.version)
            if winner is not None and winner.dumps() == made.dumps():
                return made
            if winner is not None:
                # Compaction keeps the last message of a version: let it be the one that counts.
                await _append(producer, topic, winner)
            on_lost(made.version)
    raise ConcurrentUpdate(f"others published a model at the same moment {TRIES} times; nothing was changed, try again")


async def _append(producer: Any, topic: str, snapshot: ModelSnapshot) -> None:
    try:
        async with in_time():
            await append_snapshot(producer, topic, snapshot, time())
    except (KafkaError, ValueError) as error:
        raise BrokerError(f"the model could not be published: {str(error) or type(error).__name__}") from error
