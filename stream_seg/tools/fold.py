"""Fold the topics of changes and of state from their beginning into the current segments of customers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from stream_seg.contracts.changes import parse_change
from stream_seg.contracts.document import CustomerSegments
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.times import rfc3339
from stream_seg.core.dimensions.base import Dimension
from stream_seg.core.evaluation import segments_of
from stream_seg.core.record import columns
from stream_seg.errors import BadChange
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect
from stream_seg.kafka.client import partitions_of as partitions_of_topics
from stream_seg.kafka.reader import read_all
from stream_seg.worker.partitions.state import PartitionState

Change = dict[str, Any]  # one message of segment-changes, as its JSON says


class Place(NamedTuple):
    """A segment that a customer is in. `since` is an RFC 3339 time."""

    segment: str
    name: str
    since: str


class CurrentSegments(NamedTuple):
    """The current segments of a customer by dimension, and the sequence number of its last change."""

    sequence: int
    segments: dict[str, Place]


class Flow(NamedTuple):
    """The segment left and the segment entered, by id and by the name at that time. None stands for no segment."""

    dimension: str
    left: str | None
    left_name: str | None
    entered: str | None
    entered_name: str | None


class LastChange(NamedTuple):
    """The last change of a customer: all current segments after it, and its flow."""

    epoch: int
    current: CurrentSegments
    flow: Flow


class Difference(NamedTuple):
    """A customer for whom topic, Redis and state differ. None stands for a place without the customer."""

    customer_id: str
    topic: CurrentSegments | None
    redis: CurrentSegments | None
    state: CurrentSegments | None


@dataclass(slots=True)
class ChangesFold:
    """The topic of changes folded by customer. Memory grows with customers, not with changes.

    `changes` counts every change once. `repeats` counts changes that were sent again, or that came from a worker that
    had lost its partition.
    """

    last: dict[str, LastChange] = field(default_factory=dict)
    changes: int = 0
    repeats: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    flows: Counter[Flow] = field(default_factory=Counter)

    def add(self, value: bytes) -> None:
        """Fold one message. Raises BadChange."""
        try:
            change: Change = orjson.loads(value)
            customer_id, order = change["customer_id"], (change["epoch"], change["sequence"])
            previous = self.last.get(customer_id)
            if previous is not None and order <= (previous.epoch, previous.current.sequence):
                self.repeats += 1
                return
            flow = flow_of(change)
            self.last[customer_id] = LastChange(change["epoch"], segments_after_change(change), flow)
            self.reasons[change["reason"]["code"]] += 1
        except (AttributeError, KeyError, TypeError, ValueError) as reason:
            raise BadChange(f"a message on the topic of changes is not a segment change: {reason!r}") from None
        self.changes += 1
        self.flows[flow] += 1

    def current_segments(self) -> dict[str, CurrentSegments]:
        """Return the current segments by customer, without customers that have left all segments."""
        return {customer: last.current for customer, last in self.last.items() if last.current.segments}

    def sizes(self) -> dict[str, dict[str, int]]:
        """Return the number of customers now in each segment: dimension -> segment -> customers."""
        counts: dict[str, Counter[str]] = {}
        for last in self.last.values():
            for dimension, place in last.current.segments.items():
                counts.setdefault(dimension, Counter())[place.segment] += 1
        return {dimension: dict(segments) for dimension, segments in counts.items()}


def segments_after_change(change: Change) -> CurrentSegments:
    """Return the segments of the customer after a change."""
    places = {
        dimension: Place(each["segment"], each["name"], each["since"]) for dimension, each in change["segments"].items()
    }
    return CurrentSegments(change["sequence"], places)


def segments_of_document(document: CustomerSegments) -> CurrentSegments:
    """Return the segments that a document in Redis holds."""
    places = {
        dimension: Place(now.segment, now.name, rfc3339(now.since.timestamp()))
        for dimension, now in document.segments.items()
    }
    return CurrentSegments(document.sequence, places)


def flow_of(change: Change) -> Flow:
    """Return the flow of a change."""
    left, entered = change.get("from") or {}, change.get("to") or {}
    return Flow(
        change["dimension"],
        left.get("segment"),
        left.get("name"),
        entered.get("segment"),
        entered.get("name"),
    )


async def fold_changes(broker: Broker, topic: str) -> ChangesFold:
    """Return the last change of every customer. Raises BrokerError, BadChange."""
    fold = ChangesFold()
    async for _, records in read_all(broker, topic):
        for record in records:
            if record.value is not None:
                fold.add(record.value)
            elif record.key is not None:
                fold.last.pop(record.key.decode(errors="replace"), None)
    return fold


async def changes_of(broker: Broker, topic: str, customers: Sequence[str]) -> dict[str, list[Change]]:
    """Return all changes of some customers, each once, in order. Read only the partitions of those customers.

    Raises BrokerError, BadChange.
    """
    async with connect(broker) as client:
        count = len((await partitions_of_topics(client, [topic])).get(topic, ()))
    keys = [customer.encode() for customer in customers]
    mine = set(partitions_of(keys, count).tolist()) if keys and count else set()
    found: dict[str, list[Change]] = {customer: [] for customer in customers}
    async for _, records in read_all(broker, topic, partitions=mine):
        for record in records:
            changes = found.get(record.key.decode(errors="replace")) if record.key is not None else None
            if changes is None or record.value is None:
                continue
            change = _validated(record.value)
            if not changes or _order(change) > _order(changes[-1]):
                changes.append(change)
    return found


def _validated(value: bytes) -> Change:
    try:
        parse_change(value)
    except ValueError:
        raise BadChange("a message on the topic of changes is not a segment change of this version") from None
    change: Change = orjson.loads(value)
    return change


def _order(change: Change) -> tuple[int, int]:
    return change["epoch"], change["sequence"]


async def fold_changelog(
    broker: Broker, topic: str, *, partitions: Collection[int] | None = None
) -> dict[int, PartitionState]:
    """Return the state of every partition, exactly as a worker would recover it. Raises BrokerError, BadChangelog."""
    states: dict[int, PartitionState] = {}
    async for number, records in read_all(broker, topic, partitions=partitions):
        state = states.setdefault(number, PartitionState())
        for record in records:
            state.restore(record.key, record.value)
        state.offset = records[-1].offset
    return states


def segments_of_state(states: Iterable[PartitionState], dimensions: Sequence[Dimension]) -> dict[str, CurrentSegments]:
    """Return the current segments in the workers' records, without customers that are in no segment."""
    found: dict[str, CurrentSegments] = {}
    for state in states:
        for chunk in state.records.slices():
            table = columns([record for _, record in chunk])
            segments = segments_of(dimensions, table, range(len(chunk)))
            for (key, _), current, sequence in zip(chunk, segments, table["sequence"].tolist(), strict=True):
                if current:
                    places = {
                        name: Place(each.segment, each.name, rfc3339(each.since)) for name, each in current.items()
                    }
                    found[key.decode()] = CurrentSegments(sequence, places)
    return found


def compare(
    topic: Mapping[str, CurrentSegments], redis: Mapping[str, CurrentSegments], state: Mapping[str, CurrentSegments]
) -> list[Difference]:
    """Return the customers for whom the three differ, in order of id."""
    customers = sorted(topic.keys() | redis.keys() | state.keys())
    found = (
        Difference(customer, topic.get(customer), redis.get(customer), state.get(customer)) for customer in customers
    )
    return [each for each in found if not each.topic == each.redis == each.state]
