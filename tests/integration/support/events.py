"""Test events for a worker: literal ones, and a seeded shop with repeats and malformed records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any, NamedTuple

from benchmarks.workload import PURCHASES, Spec, generate
from stream_seg.core.absorb import REMEMBERED_WHEN_QUIET

# Default number of ids that a worker remembers per customer.
REMEMBERED = REMEMBERED_WHEN_QUIET  # whatever pauses a customer makes


class Sent(NamedTuple):
    """A record for an input topic. `at` paces it (see `paced`). `good` means that it must be absorbed exactly once."""

    topic: str
    key: bytes
    value: bytes
    occurred_at_s: float = 0.0
    good: bool = True


def order(customer: str, number: int, when: str, amount: float, **more: Any) -> Sent:
    """Return an order that is the only one with its number."""
    return _sent(
        "purchases", customer, f"o{number}", when, type="order_completed", order_id=f"o-{number}", amount=amount, **more
    )


def view(customer: str, number: int, when: str, **more: Any) -> Sent:
    """Return a product view."""
    return _sent("interactions", customer, f"v{number}", when, type="product_viewed", product_id="p-1", **more)


def identify(customer: str, number: int, when: str, **traits: Any) -> Sent:
    """Return a profile event with traits."""
    return _sent("profiles", customer, f"i{number}", when, type="identify", traits=traits)


def _sent(topic: str, customer: str, event: str, when: str, **more: Any) -> Sent:
    value = {"event_id": f"e-{event}", "customer_id": customer, "occurred_at": when, **more}
    return Sent(topic, customer.encode(), dumps(value))


def shop(events: int, customers: int, seed: int, *, repeat_every: int = 3, seconds: float = 0.0) -> list[Sent]:
    """Return a seeded shop (W1 of the benchmarks): late events, refunds, one record in a thousand malformed.

    Every `repeat_every`-th record of a customer with few events comes twice (0: none). A busy customer's repeats
    could lie beyond the ids that a worker remembers, if a batch ends between them, and would then count twice as the
    setting says. The order of the records keeps the order within each partition. With `seconds` they are due at a
    steady pace.
    """
    spec = Spec(events=events, customers=customers, seed=seed, partitions=1)
    workload = generate(spec)
    bad = {(item.topic, item.offset) for item in workload.malformed}
    queues = [
        [(place / len(records), topic, place, record) for place, record in enumerate(records)]
        for (topic, _), records in workload.records.items()
    ]
    sent = [
        Sent(topic, key, value, number / events * seconds, (topic, place) not in bad)
        for number, (_, topic, place, (key, value)) in enumerate(merge(*queues))
    ]
    sent = with_order_times(sent)
    return list(_with_repeats(sent, repeat_every)) if repeat_every else sent


def with_order_times(sent: list[Sent]) -> list[Sent]:
    """Return the records with `order_at` in refunds of late orders, because a record may have forgotten such orders."""
    late = {json.loads(record.value)["order_id"]: json.loads(record.value) for record in late_orders(sent)}
    result = []
    for record in sent:
        if record.good and b'"order_refunded"' in record.value:
            event = json.loads(record.value)
            if event["order_id"] in late:
                event["order_at"] = late[event["order_id"]]["occurred_at"]
                record = record._replace(value=dumps(event))
        result.append(record)
    return result


def late_orders(sent: Iterable[Sent]) -> set[Sent]:
    """Return the orders that come after a later one of their customer, and may be forgotten at once."""
    newest: dict[bytes, str] = {}
    late = set()
    for record in sent:
        if record.topic == PURCHASES and record.good:
            at = json.loads(record.value)["occurred_at"]
            if at < newest.get(record.key, ""):
                late.add(record)
            newest[record.key] = max(at, newest.get(record.key, ""))
    return late


def dumps(event: dict[str, Any]) -> bytes:
    """Return an event as compact JSON."""
    return json.dumps(event, separators=(",", ":")).encode()


def _with_repeats(sent: list[Sent], repeat_every: int) -> Iterator[Sent]:
    few = {key for key, count in Counter(record.key for record in sent).items() if count <= REMEMBERED}
    quiet = 0
    for record in sent:
        yield record
        if record.good and record.key in few:
            quiet += 1
            if quiet % repeat_every == 0:
                yield record
