"""The final state of a deployment: state, changes and dead letters read from the topics, and the laws they must
obey.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

import numpy as np

from stream_seg.cache.keys import Keys
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.times import rfc3339
from stream_seg.core.customer import Customer
from stream_seg.core.decay import Decay
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.events.taxonomy import FIRST_CHANNEL, FIRST_INTERACTION, INTERACTION_SLOT, ORDERS, REFUNDED, SPEND
from stream_seg.core.record import NO_SEGMENT
from stream_seg.kafka.reader import read_all
from stream_seg.tools.model_history import ModelHistory, read_history
from stream_seg.worker.partitions.state import PartitionState
from tests.activity import Activity
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import Sent
from tests.integration.support.polling import until
from tests.integration.support.yardstick import HALF_LIFE_S, Expected, expect

DECAY = Decay(HALF_LIFE_S)
REPAIRED_S = 15.0
# The dimensions that workers in tests may have: where records keep them, and the names of their segments.
DIMENSIONS: dict[str, tuple[int, Callable[[int], str]]] = {
    each.key: (each.position, each.segment) for each in (Behavior(), Activity())
}


class Place(NamedTuple):
    """The sequence of a customer's last change, and (segment, name, since) by dimension."""

    sequence: int
    segments: dict[str, tuple[str, str, str]]


Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Letter:
    """A record of an output topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def header(self) -> dict[str, str]:
        """Return headers as text."""
        return {name: value.decode() for name, value in self.headers}


@dataclass(frozen=True)
class Ending:
    """The state by partition as a worker would recover it, its customers, and the changes and dead letters in order."""

    states: dict[int, PartitionState]
    customers: dict[str, Customer]
    changes: list[Letter]
    dead_letters: list[Letter]


def read_topic(deployed: Deployment, topic: str) -> list[Letter]:
    """Return all records of a topic, in order within each partition."""

    async def read() -> list[Letter]:
        return [
            Letter(partition, record.offset, record.key, record.value, tuple(record.headers))
            async for partition, records in read_all(deployed.broker, topic)
            for record in records
        ]

    return asyncio.run(read())


def read_states(deployed: Deployment) -> dict[int, PartitionState]:
    """Return the state by partition, restored from the changelog as recovery does it."""
    states: dict[int, PartitionState] = {}
    for record in read_topic(deployed, deployed.settings.changelog):
        assert record.key is not None
        states.setdefault(record.partition, PartitionState()).restore(record.key, record.value)
    return states


def read_ending(deployed: Deployment) -> Ending:
    """Read everything that a deployment left in its topics."""
    states = read_states(deployed)
    records = [(key, record) for state in states.values() for key, record in state.records.items()]
    customers = {key.decode(): Customer.unpack(record) for key, record in records}
    assert len(customers) == len(records), "two partitions hold the same customer"
    for number, state in states.items():
        keys = list(state.records)
        assert set(partitions_of(keys, deployed.settings.partitions).tolist()) <= {number}
    changes = read_topic(deployed, deployed.settings.topic("segment-changes"))
    letters = read_topic(deployed, deployed.settings.topic("dead-letters"))
    return Ending(states, customers, changes, letters)


def assert_exact(ending: Ending, expected: Mapping[str, Expected]) -> None:
    """Assert exact counts, money and times, and decayed sums to 1e-9, for every customer and no other."""
    found = {customer_id: counts_of(customer) for customer_id, customer in ending.customers.items()}
    assert differences(found, {customer_id: each.counts for customer_id, each in expected.items()}) == {}
    # In bulk, because pytest.approx would take longer than all other checks together.
    sums = np.array([decayed_of(ending.customers[customer_id]) for customer_id in expected])
    wanted = np.array([each.decayed for each in expected.values()])
    wrong = ~(np.abs(sums - wanted) <= np.maximum(1e-6, 1e-9 * np.abs(wanted)))
    assert [(list(expected)[row], sums[row], wanted[row]) for row in np.flatnonzero(wrong.any(axis=-1))] == []


def assert_segments(ending: Ending, expected: Mapping[str, Expected], model: Mapping[str, Any]) -> None:
    """Assert that every customer is in the segment whose center was nearest at the latest event."""
    wanted = {customer_id: each.segment(model, each.last_seen) for customer_id, each in expected.items()}
    clear = {customer_id: segment for customer_id, segment in wanted.items() if segment is not None}
    assert differences({customer_id: segment_of(ending.customers[customer_id]) for customer_id in clear}, clear) == {}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the differences as (found, wanted) by customer."""
    everyone = found.keys() | wanted.keys()
    return {each: (found.get(each), wanted.get(each)) for each in everyone if found.get(each) != wanted.get(each)}


def assert_changes_chain(changes: Sequence[Letter]) -> None:
    """Assert unique change ids, sequences without gaps, and that each change starts where the previous one ended."""
    contents: dict[str, set[tuple[bytes | None, bytes | None, Headers]]] = defaultdict(set)
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in changes:
        contents[record.header["ce_id"]].add((record.key, record.value, record.headers))
    assert [ce_id for ce_id, content in contents.items() if len(content) > 1] == []
    for ce_id, ((key, value, _),) in contents.items():
        change = json.loads(value or b"")
        assert key == change["customer_id"].encode()
        assert ce_id == "/".join(str(change[name]) for name in ("customer_id", "dimension", "life", "sequence"))
        by_customer[change["customer_id"]].append(change)
    for customer_id, own in by_customer.items():
        own.sort(key=lambda change: (change["epoch"], change["sequence"]))
        assert [change["sequence"] for change in own] == list(range(1, len(own) + 1)), customer_id
        assert len({change["life"] for change in own}) == 1, customer_id
        assert unchained(own) == [], customer_id


def unchained(own: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the faults in the changes of one customer, in order: what each came from, its kind, and all segments."""
    faults, segments = [], dict[str, Any]()
    for change in own:
        dimension, number = change["dimension"], change["sequence"]
        came_from = segments.pop(dimension, None)
        segments |= {dimension: change["to"]} if change["to"] is not None else {}
        if change["from"] != came_from or change["change"] != kind_of(change):
            faults.append(f"{number}: {change['change']} from {change['from']}, was {came_from}")
        if change["segments"] != segments:
            faults.append(f"{number}: segments {change['segments']}, not {segments}")
    return faults


def kind_of(change: Mapping[str, Any]) -> str:
    """Return the type that a change must have."""
    if change["from"] is None or change["to"] is None:
        return "exited" if change["to"] is None else "entered"
    return "renamed" if change["from"]["segment"] == change["to"]["segment"] else "moved"


def place_after(change: Mapping[str, Any]) -> Place:
    """Return the place of a customer after a change."""
    segments = {key: (each["segment"], each["name"], each["since"]) for key, each in change["segments"].items()}
    return Place(change["sequence"], segments)


def sizes_of(places: Iterable[Place]) -> Counter[str]:
    """Return the number of customers by `dimension:segment`."""
    return Counter(f"{key}:{segment}" for place in places for key, (segment, *_) in place.segments.items())


def assert_all_agree(deployed: Deployment, ending: Ending) -> None:
    """Assert that the fold of the changes, Redis, and the workers' state agree on every customer, and that sizes add
    up.
    """
    last: dict[str, dict[str, Any]] = {}
    for record in ending.changes:
        change = json.loads(record.value or b"")
        held = last.get(change["customer_id"])
        if held is None or (change["epoch"], change["sequence"]) > (held["epoch"], held["sequence"]):
            last[change["customer_id"]] = change
    topic = {customer_id: place_after(change) for customer_id, change in last.items()}
    state = {customer_id: held_by(customer) for customer_id, customer in ending.customers.items() if customer.sequence}
    assert differences({customer_id: without_names(place) for customer_id, place in topic.items()}, state) == {}
    wanted, ends = sizes_of(topic.values()), {each: ends_of(customer) for each, customer in ending.customers.items()}
    # A worker retries late cache writes within seconds, because the input does not wait for them.
    redis, sizes, until_of = dict[str, Place](), Counter[str](), dict[str, dict[str, float]]()

    def repaired() -> bool:
        nonlocal redis, sizes, until_of
        redis, sizes = read_redis(deployed)
        until_of = read_ends(deployed, redis)
        return (redis, sizes) == (topic, wanted) and all(until_of[each] == ends[each] for each in redis)

    until(repaired, REPAIRED_S, every_s=0.5)
    assert differences(redis, topic) == {}
    assert sizes == wanted
    assert differences(until_of, {each: ends[each] for each in redis}) == {}


def read_redis(deployed: Deployment) -> tuple[dict[str, Place], Counter[str]]:
    """Return the place in every document in Redis, and the sizes of segments by `dimension:segment`."""
    keys = Keys(deployed.settings.redis_prefix)
    with deployed.redis() as client:
        start = len(keys.customer(""))
        ids = [key[start:] for key in client._redis.scan_iter(keys.customer("*"), count=1000)]
        documents = client.get_many(ids)
        sizes = client.sizes()
    places = {
        customer_id: Place(
            document.sequence,
            {
                key: (each.segment, each.name, rfc3339(each.since.timestamp()))
                for key, each in document.segments.items()
            },
        )
        for customer_id, document in documents.items()
        if document is not None
    }
    counted = Counter({f"{key}:{segment}": n for key, of_one in sizes.items() for segment, n in of_one.items()})
    return places, counted


def read_ends(deployed: Deployment, customers: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the times at which segments end, by customer and dimension, as Redis shows them."""
    with deployed.redis() as client:
        documents = client.get_many(list(customers))
    return {
        each: {key: now.until.timestamp() for key, now in document.segments.items() if now.until is not None}
        for each, document in documents.items()
        if document is not None
    }


def read_models(deployed: Deployment) -> ModelHistory:
    """Return all published models with their outcome."""
    settings = deployed.settings
    return asyncio.run(read_history(deployed.broker, settings.topic("segment-models")))


def shown_model(deployed: Deployment) -> dict[str, Any] | None:
    """Return the active model, as Redis shows it."""
    with deployed.redis() as client:
        return client.model()


def segment_of(customer: Customer) -> str | None:
    """Return the current segment of behavior in a customer's record."""
    segment = held_by(customer).segments.get("behavior")
    return None if segment is None else segment[0]


def held_by(customer: Customer) -> Place:
    """Return the place in a customer's record, which has no names and times as numbers."""
    held = {
        key: (segment(customer.slots[at]), "", rfc3339(customer.since[at]))
        for key, (at, segment) in DIMENSIONS.items()
        if customer.slots[at] != NO_SEGMENT
    }
    return Place(customer.sequence, held)


def ends_of(customer: Customer) -> dict[str, float]:
    """Return the times at which the segments in a customer's record end."""
    ends = ((key, customer.until[at]) for key, (at, _) in DIMENSIONS.items() if customer.slots[at] != NO_SEGMENT)
    return {key: end for key, end in ends if end < inf}


def without_names(place: Place) -> Place:
    """Return a place as records have it."""
    return Place(place.sequence, {key: (segment, "", since) for key, (segment, _, since) in place.segments.items()})


def counts_of(customer: Customer) -> tuple[float, ...]:
    """Return the values that must be exact, in the order of `Expected.counts`."""
    return (
        customer.purchases,
        customer.spend,
        customer.refunds,
        customer.refunded,
        customer.interactions,
        customer.first_seen,
        customer.last_seen,
        customer.first_purchase,
        customer.last_purchase,
        customer.purchase_days,
    )


def decayed_of(customer: Customer) -> tuple[float, ...]:
    """Return orders, money kept, money taken back, and interactions without campaigns, decayed to the last time
    seen.
    """
    sums = customer.sums
    fade = 1.0 / DECAY.weight(customer.last_seen, DECAY.landmark(customer.last_seen))
    browsed = sum(sums[FIRST_INTERACTION:FIRST_CHANNEL]) - sums[INTERACTION_SLOT["campaign_received"]]
    return tuple(value * fade for value in (sums[ORDERS], sums[SPEND], sums[REFUNDED], browsed))


def epoch_s(text: str) -> float:
    """Return epoch seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def assert_whole(deployed: Deployment, sent: Sequence[Sent], model: Mapping[str, Any]) -> None:
    """Assert that no sent event is lost, counted twice, or shown differently in two places. Bad records are dead
    letters.
    """
    ending, expected = read_ending(deployed), expect(sent)
    assert_exact(ending, expected)
    assert_segments(ending, expected, model)
    assert_changes_chain(ending.changes)
    assert_all_agree(deployed, ending)
    bad = {record.value for record in sent if not record.good}
    assert {letter.value for letter in ending.dead_letters} == bad
