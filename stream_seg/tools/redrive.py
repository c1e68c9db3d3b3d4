"""Send rejected records to their topics again, byte for byte, and each only once by default.

Committed offsets of the dead-letter topic record which letters were sent. There is one consumer group without members
per topic and reason, because a redrive may select by both. After a crash between sending and committing, the last
letters are sent again. Workers recognize their events by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.partitioning import partitions_of as partitions_of_keys
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError
from stream_seg.kafka.append import Message, append_all
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.offsets import commit, committed, high_watermarks
from stream_seg.kafka.producer import in_time, started_producer
from stream_seg.settings import Settings

from .dead_letters import Letter, Selection, read_letters

# Letters sent, acknowledged and committed together.
CHUNK: Final = 2_000


class Kind(NamedTuple):
    """The letters of one source topic (full name) and reason, whose progress is committed separately."""

    topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request for at most `limit` letters of a selection. `again` includes letters that an earlier redrive passed."""

    selection: Selection
    limit: int | None = None
    again: bool = False


@dataclass(slots=True)
class Tally:
    """Counts of letters by their treatment.

    `sent` are letters to send, or sent, by kind. The others are left out: `already` by an earlier redrive, `repeated`
    because a crashed worker wrote them twice, `truncated` because the record is incomplete, and `foreign` because they
    name no reason or no topic that this deployment reads.
    """

    sent: Counter[Kind] = field(default_factory=Counter)
    already: int = 0
    repeated: int = 0
    truncated: int = 0
    foreign: int = 0


class Redrive:
    """One redrive of one deployment. `plan` reports what it would do, and `send` does it.

    Letters that arrive after `plan` has read the topic, such as those of records rejected once more, are ignored.
    Memory grows by some 70 bytes per selected letter.
    """

    def __init__(self, broker: Broker, settings: Settings, request: Request, clock: Clock = SYSTEM_CLOCK) -> None:
        self._broker = broker
        self._clock = clock
        self._request = request
        self._app_id = settings.app_id
        self._topic = settings.topic("dead-letters")
        self._inputs = [settings.topic(name) for name in TOPICS]
        self._sources = settings.intake_topics
        self._bounds: dict[int, int] = {}  # first offset that is ignored, by partition
        self._positions: dict[Kind, dict[int, int]] = {}  # first offset not sent yet, by partition

    async def plan(self) -> Tally:
        """Read the letters and send nothing. Raises BrokerError."""
        tally, seen = Tally(), set[int]()
        async with connect(self._broker) as client:
            async for partition, last, letters in self._letters():
                self._bounds[partition] = last + 1
                for kind in {kind_of(letter) for letter in letters if letter.is_ours} - self._positions.keys():
                    self._positions[kind] = await self._remembered(client, kind)
                self._choose(letters, tally, seen)
        return tally

    async def send(self, on_progress: Callable[[int], None] | None = None) -> Tally:
        """Send the planned letters and call `on_progress(records acknowledged so far)`. Raises BrokerError."""
        tally, seen = Tally(), set[int]()
        async with (
            connect(self._broker) as client,
            started_producer(self._broker) as producer,
        ):
            found = await partitions_of(client, [*self._inputs, *self._sources])
            counts = {topic: len(partitions) for topic, partitions in found.items()}
            async for partition, _, letters in self._letters():
                known = [letter for letter in letters if letter.offset < self._bounds.get(partition, 0)]
                for start in range(0, len(known), CHUNK):
                    before = tally.sent.total()
                    chosen = self._choose(known[start : start + CHUNK], tally, seen)
                    await _append(producer, addressed(chosen, counts, self._sources), before, self._clock.wall())
                    await self._remember(client, chosen)
                    if on_progress is not None:
                        on_progress(tally.sent.total())
        return tally

    def _letters(self) -> AsyncIterator[tuple[int, int, list[Letter]]]:
        return read_letters(self._broker, self._topic, self._request.selection)

    def _choose(self, letters: Iterable[Letter], tally: Tally, seen: set[int]) -> list[Letter]:
        """Return the letters to send, up to the limit. `seen` holds the fingerprints of earlier letters."""
        again, limit = self._request.again, self._request.limit
        chosen = []
        for letter in letters:
            kind, mark = kind_of(letter), letter.fingerprint
            if not letter.is_ours or letter.source_topic not in (*self._inputs, *self._sources):
                tally.foreign += 1
            elif letter.truncated:
                tally.truncated += 1
            elif mark in seen:
                tally.repeated += 1
            elif not again and letter.offset < self._positions[kind].get(letter.partition, 0):
                tally.already += 1
                seen.add(mark)
            elif limit is None or tally.sent.total() < limit:
                tally.sent[kind] += 1
                seen.add(mark)
                chosen.append(letter)
        return chosen

    async def _remembered(self, client: AIOKafkaClient, kind: Kind) -> dict[int, int]:
        numbers = (await partitions_of(client, [self._topic])).get(self._topic, [])
        places = [TopicPartition(self._topic, number) for number in numbers]
        ends = await high_watermarks(self._broker, client, places)
        found = await committed(client, self._group(kind), places)
        # An offset beyond the end belongs to a deleted topic of the same name.
        return {tp.partition: offset for tp, offset in found.items() if offset is not None and offset <= ends[tp]}

    async def _remember(self, client: AIOKafkaClient, sent: Iterable[Letter]) -> None:
        moved: dict[Kind, dict[TopicPartition, int]] = {}
        for letter in sent:
            kind, number = kind_of(letter), letter.partition
            position = self._positions[kind]
            # With `again`, the committed offset may lie ahead.
            position[number] = max(letter.offset + 1, position.get(number, 0))
            moved.setdefault(kind, {})[TopicPartition(self._topic, number)] = position[number]
        for kind, offsets in moved.items():
            await commit(client, self._group(kind), offsets)

    def _group(self, kind: Kind) -> str:
        return f"{self._app_id}-redrive-{kind.topic}-{kind.reason}"


def kind_of(letter: Letter) -> Kind:
    """Return the kind of a letter."""
    return Kind(letter.source_topic, letter.reason)


def addressed(
    letters: Iterable[Letter], counts: Mapping[str, int], sources: Collection[str] = ()
) -> dict[str, dict[int, list[Message]]]:
    """Return the original records of letters by topic and partition. `counts` are partitions by topic.

    The murmur2 hash of its key decides the partition of a record. A record without a key, or from one of the intake
    topics `sources`, goes back to its own partition. Raises BrokerError if a topic does not exist anymore.
    """
    by_topic: dict[str, list[Letter]] = {}
    for letter in letters:
        by_topic.setdefault(letter.source_topic, []).append(letter)
    addresses: dict[str, dict[int, list[Message]]] = {}
    for topic, own in by_topic.items():
        count = counts.get(topic)
        if count is None:
            remedy = "create it again" if topic in sources else "create it with `stream-seg topics create`"
            raise BrokerError(f"no such topic: {topic}; {remedy}")
        partitions = partitions_of_keys([letter.key or b"" for letter in own], count).tolist()
        into = addresses[topic] = {}
        for letter, partition in zip(own, partitions, strict=True):
            back = letter.key is None or topic in sources
            to = max(letter.source_partition, 0) % count if back else partition
            into.setdefault(to, []).append((letter.key, letter.value, ()))
    return addresses


async def _append(
    producer: Any, addresses: Mapping[str, Mapping[int, list[Message]]], before: int, now_s: float
) -> None:
    try:
        for topic, by_partition in addresses.items():
            async with in_time():
                await append_all(producer, topic, by_partition, int(now_s * 1000))
    except (KafkaError, ValueError) as error:
        what = str(error) or type(error).__name__
        raise BrokerError(f"sending failed after {before:,} acknowledged records: {what}") from error
