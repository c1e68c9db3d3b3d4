"""The simulated input: a seeded shop with refunds, cancellations and repeats, in any order that a record can undo.

A record remembers the last event ids and orders of a customer. Repeats beyond them count again, as the settings say.
The input avoids that: an event repeats only for customers whose ids all fit, and the events of an order come before
the customer's next order.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.workload import PURCHASES, WAYS, Spec, break_value, generate
from tests.integration.support.events import REMEMBERED, Sent, dumps, late_orders, with_order_times

REACH = 20_000  # most records by which an event of an order may come later
# Shares of all orders, beside the refunds of the shop itself.
FATES = {
    "cancelled": 0.02,
    "cancelled first": 0.02,
    "refunded first": 0.02,
    "refunded and cancelled first": 0.01,
    "refunded as a whole": 0.02,
    "refunded as a whole first": 0.03,
    "said again": 0.03,
    "edited": 0.02,
    "edited first": 0.01,
    "refund announced twice": 0.02,
}
SHOP_SHARE, PROFILE_SHARE = 0.92, 0.01  # share of all records. Repeats fill the rest

Placed = tuple[float, Sent]


@dataclass(frozen=True)
class Simulated:
    """Records in order of sending. `repeatable` ones may be sent again at any later time."""

    sent: list[Sent]
    repeatable: set[Sent]


def simulate(events: int, customers: int, seed: int) -> Simulated:
    """Return `events` records of a seeded shop. Equal arguments give equal records."""
    rng = random.Random(seed)
    placed = list(_shop(max(1, int(events * SHOP_SHARE)), customers, seed))
    placed += _profiles(placed, int(events * PROFILE_SHARE), rng)
    placed = _with_fates(placed, rng)
    repeatable = _repeatable(placed)
    again = [item for item in placed if item[1] in repeatable]
    missing = max(0, events - len(placed)) if again else 0
    placed += [(rng.uniform(at, len(placed)), record) for at, record in rng.choices(again, k=missing)] if again else []
    placed.sort(key=lambda item: item[0])
    return Simulated([record for _, record in placed], repeatable)


def malformed(count: int, serial: int, like: Sequence[Sent], rng: random.Random) -> list[Sent]:
    """Return a burst of distinct records that must become dead letters: real records, each broken in one way."""
    whole = [
        record for record in like if record.good and b'Z",' in record.value
    ]  # the only time format that `WAYS` can break
    burst = []
    for number in range(count):
        record = whole[rng.randrange(len(whole))]
        event = json.loads(record.value) | {"event_id": f"bad-{serial}-{number}", "session": f"s-{serial}-{number}"}
        text = json.dumps({"session": event.pop("session"), **event}, separators=(",", ":"))
        broken = break_value(text, WAYS[number % len(WAYS)])
        burst.append(record._replace(value=broken.encode(), good=False))
    return burst


def _shop(events: int, customers: int, seed: int) -> Iterator[Placed]:
    workload = generate(Spec(events=events, customers=customers, seed=seed, partitions=1))
    bad = {(item.topic, item.offset) for item in workload.malformed}
    for (topic, _), records in workload.records.items():
        sent = [Sent(topic, *record, good=(topic, place) not in bad) for place, record in enumerate(records)]
        for place, record in enumerate(with_order_times(sent)):
            yield place / len(records) * events, record


def _profiles(shop: list[Placed], count: int, rng: random.Random) -> Iterator[Placed]:
    """Return traits of known customers."""
    good = [item for item in shop if item[1].good]
    for number, (at, record) in enumerate(rng.choices(good, k=count)):
        seen = json.loads(record.value)
        event = {
            "event_id": f"t-{number:07d}",
            "customer_id": seen["customer_id"],
            "type": "identify",
            "occurred_at": seen["occurred_at"],
            "traits": {"city": f"city {number % 50}"},
        }
        yield at + 0.5, Sent("profiles", record.key, dumps(event))


def _with_fates(placed: list[Placed], rng: random.Random) -> list[Placed]:
    """Cancel, refund, edit or repeat some orders, before or after the order itself."""
    placed.sort(key=lambda item: item[0])
    end, late = len(placed), late_orders(record for _, record in placed)
    next_purchase: dict[bytes, float] = {}
    result: list[Placed] = []
    for at, record in reversed(placed):
        if record.topic != PURCHASES or not record.good:
            result.append((at, record))
            continue
        until = min(next_purchase.get(record.key, end), at + REACH)
        next_purchase[record.key] = at
        event = json.loads(record.value)
        fate = _fate(rng) if event["type"] == "order_completed" and record not in late else None
        if fate is None:
            result.append((at, record))
            continue
        first, later = at, rng.uniform(at, until)
        companions = [_sent(record, companion) for companion in _companions(fate, event, rng)]
        order_at, companion_at = (later, first) if fate.endswith("first") else (first, later)
        result.append((order_at, record))
        result += [(companion_at, companion) for companion in companions]
    return result


def _fate(rng: random.Random) -> str | None:
    roll = rng.random()
    for fate, share in FATES.items():
        if roll < share:
            return fate
        roll -= share
    return None


def _companions(fate: str, order: dict[str, Any], rng: random.Random) -> Iterator[dict[str, Any]]:
    if fate == "said again":
        yield order | {"event_id": order["event_id"] + "-again"}
        return
    if "edited" in fate:
        at = datetime.fromisoformat(order["occurred_at"]) + timedelta(hours=1)
        amount = round(order["amount"] * rng.uniform(0.5, 1.5), 2)
        yield order | {"event_id": order["event_id"] + "-edit", "updated_at": at.isoformat(), "amount": amount}
        return
    hour_later = datetime.fromisoformat(order["occurred_at"]) + timedelta(hours=1)
    about = order | {"occurred_at": hour_later.isoformat(timespec="milliseconds")}
    if "whole" in fate:
        rest = {name: value for name, value in about.items() if name != "amount"}
        yield rest | {"event_id": order["event_id"] + "-rest", "type": "order_refunded"}
    elif "refunded" in fate:
        part = round(order["amount"] * rng.uniform(0.1, 0.9), 2)
        yield about | {"event_id": order["event_id"] + "-refund", "type": "order_refunded", "amount": part}
    elif "announced twice" in fate:
        part = round(order["amount"] * rng.uniform(0.1, 0.9), 2)
        refund = about | {"type": "order_refunded", "amount": part, "refund_id": order["event_id"] + "-r"}
        yield refund | {"event_id": order["event_id"] + "-refund"}
        yield refund | {"event_id": order["event_id"] + "-refund-again"}
    if "cancelled" in fate:
        yield about | {"event_id": order["event_id"] + "-cancel", "type": "order_cancelled"}


def _repeatable(placed: list[Placed]) -> set[Sent]:
    """Return good records of customers with so few ids that a record forgets none of them."""
    ids: defaultdict[bytes, int] = defaultdict(int)
    ids.update(Counter(record.key for _, record in placed if record.good))
    return {record for _, record in placed if record.good and ids[record.key] <= REMEMBERED}


def _sent(like: Sent, event: dict[str, Any]) -> Sent:
    return like._replace(value=dumps(event))
