"""Seeded mutants: events of every type, broken in their bytes, their structure or their values."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

WHEN: Final = "2017-05-09T18:00:31Z"
CUSTOMERS: Final = 500

# Replacements of a value: other types, limits, values just beyond limits, and values that parsers often mishandle.
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e-320, 1e300, 1e15, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**400,
    -(10**400), float("nan"), float("inf"), float("-inf"), "", " ", "x", "x" * 128, "x" * 129, "x" * 257, "x" * 5_000,
    "\x00", "\n", "\ud800", "\udfff", "😀", "é" * 129, "null", "USD", "EUR", "usd", "ZZZ", "US", "order_completed",
    "order_refunded", "order_cancelled", "identify", "erase", "track", "Order Completed", "purchase", "refund", WHEN,
    "2017-05-09T18:00:31", "2017-13-41T25:61:61Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z",
    "1969-12-31T23:59:59Z", "9999-12-31T23:59:60Z", "GBP",
    "2017-05-09T18:00:31.123456789+14:00", "2017-05-09T18:00:31-99:99", "2017-W19-2", 1494352831, 1494352831000, 1e11,
    [], {}, [[]], [None], {"": None}, [{"category": 1}], [{"quantity": -1}], [{"category": "c", "quantity": 1e9}],
)  # fmt: skip
FRAGMENTS: Final = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\n",
    b",null,\n", b"null", b"NaN", b"-Infinity", b"\\ud800", b"\\u0000", b"1e999", b"-", b"/*", b"{}", b"[]", b'"":',
    b"0" * 400,
)  # fmt: skip


class Mutant(NamedTuple):
    """A record for an input topic."""

    topic: str
    key: bytes | None
    value: bytes | None


def mutants(count: int, seed: int) -> Iterator[Mutant]:
    """Return `count` records, one in ten of them intact. The same seed gives the same records."""
    rng = Random(seed)
    for number in range(count):
        topic, event, customer = _event(rng, number)
        roll = rng.random()
        key: bytes | None = customer.encode()
        if roll < 0.1:
            yield Mutant(topic, key, _dumps(event))
        elif roll < 0.4:
            yield Mutant(topic, key, _broken(rng, _dumps(event)))
        elif roll < 0.65:
            yield Mutant(topic, key, _dumps(_restructured(rng, event)))
        elif roll < 0.9:
            yield Mutant(topic, key, _dumps(_revalued(rng, event)))
        else:
            yield _misplaced(rng, Mutant(topic, key, _dumps(event)))


def _event(rng: Random, number: int) -> tuple[str, dict[str, Any], str]:
    customer = f"m-{rng.randrange(CUSTOMERS)}"
    native = {"event_id": f"e-{number}", "customer_id": customer, "occurred_at": rng.choice((WHEN, 1494352831.25))}
    order = {"order_id": f"o-{number}", "amount": round(rng.uniform(0, 500), 2), "currency": "USD", "channel": "web"}
    item = {"product_id": "p-1", "category": "toys", "quantity": 2, "price": 9.5}
    segment = {"messageId": f"m-{number}", "userId": customer, "timestamp": WHEN, "type": "track"}
    ga4 = {"event_name": "purchase", "user_id": customer, "event_timestamp": 1494352831000000}
    topic, event = rng.choice(
        (
            ("purchases", {**native, **order, "type": "order_completed", "items": [item, item]}),
            ("purchases", {**native, **order, "type": "order_refunded"}),
            ("purchases", {**native, "type": "order_cancelled", "order_id": f"o-{number}"}),
            ("purchases", {**segment, "event": "Order Completed", "properties": {**order, "products": [item]}}),
            ("purchases", {**ga4, "params": {"transaction_id": f"T-{number}", "value": 9.9, "items": [item]}}),
            ("interactions", {**native, "type": "product_viewed", "product_id": "p-1", "category": "toys", "value": 3}),
            ("interactions", {**native, "type": "danced", "properties": {"how": ["well", {"so": 1}]}}),
            ("interactions", {**segment, "event": "Product Added", "properties": {"product_id": "p-1"}}),
            ("profiles", {**native, "type": "identify", "traits": {"age": 44, "city": "Köln", "vip": True}}),
            ("profiles", {**native, "type": rng.choice(("alias", "consent", "erase")), "previous_id": "c"}),
            ("profiles", {**segment, "type": "identify", "traits": {"address": {"city": "Köln"}}}),
        )
    )
    return topic, event, customer


def _dumps(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=True).encode()


def _broken(rng: Random, value: bytes) -> bytes:
    """Apply one to three changes of bytes."""
    for _ in range(rng.randint(1, 3)):
        if value:
            start = rng.randrange(len(value))
            value = _changed(rng, value, start, min(len(value), start + rng.randint(1, 40)))
    return value


def _changed(rng: Random, value: bytes, start: int, end: int) -> bytes:
    before, part, after = value[:start], value[start:end], value[end:]
    match rng.randrange(9):
        case 0:
            return before  # truncated
        case 1:
            return before + after  # a hole
        case 2:
            return before + part + part + after  # a stutter
        case 3:
            return before + bytes([part[0] ^ 1 << rng.randrange(8)]) + part[1:] + after
        case 4:
            return before + rng.randbytes(len(part)) + after
        case 5:
            return before + rng.choice(FRAGMENTS) + part + after
        case 6:
            return value + rng.choice((b",", b"\n", b"")) + value  # two in one
        case 7:
            return b"[" + value + b"]"
        case _:
            return b'{"a":' * (start % 400) + value + b"}" * (start % 400)


def _restructured(rng: Random, event: dict[str, Any]) -> Any:
    """Delete, rename, move or nest a field, or wrap the event."""
    event = copy.deepcopy(event)
    name, other = rng.choice(list(event)), rng.choice(list(event))
    match rng.randrange(6):
        case 0:
            del event[name]
        case 1:
            event[name + "_"] = event.pop(name)
        case 2:
            event[other], event[name] = event[name], event[other]
        case 3:
            event[name] = {name: event[name]}
        case 4:
            event = {**event, **_event(rng, rng.randrange(1_000_000_000))[1]}  # two envelopes in one
        case _:
            return rng.choice(
                ([event], {"event": event}, {"batch": [event]}, [event, event], list(event.items()), name)
            )
    return event


def _revalued(rng: Random, event: dict[str, Any]) -> dict[str, Any]:
    """Replace a value, at some depth, by one of `VALUES`."""
    event = copy.deepcopy(event)
    place: Any = event
    while True:
        at = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[at]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.7:
            place = inner
            continue
        place[at] = rng.choice(VALUES)
        return event


def _misplaced(rng: Random, mutant: Mutant) -> Mutant:
    """Replace the key, the topic or the value. Some values are larger than 256 KiB."""
    match rng.randrange(20):
        case 0:
            return mutant._replace(value=b"x" * rng.randint(1, 300_000))
        case 1 | 2 | 3:
            return mutant._replace(
                value=rng.choice((None, b"", b" ", b"null", b"{}", b"[]", b"\x00\x00\x00\x00\x01\x06e-1"))
            )
        case 4 | 5 | 6:
            return mutant._replace(key=None)
        case 7 | 8 | 9:
            return mutant._replace(
                key=rng.choice((b"", b"\xff\xfe", b"m-0 ", b"\xffheader", "é".encode(), b"k" * 11_000))
            )
        case 10 | 11 | 12:
            return mutant._replace(topic=rng.choice(("purchases", "interactions", "profiles")))
        case _:
            return mutant._replace(value=(mutant.value or b"").replace(b'"m-', b'"n-', 1))
