"""Laws of loose spellings: an event in another unambiguous spelling changes a customer exactly as the strict one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from stream_seg.contracts.decode import Decoder
from stream_seg.core.absorb import absorb_rows
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.events.categories import CategoryNames
from stream_seg.core.events.taxonomy import TOPICS
from tests.laws.histories import laws

NOW = 1_800_000_000.0
KEY = b"70123"
ENGINE = Engine(Rules(Decay(30 * DAY_S)))

Json = dict[str, Any]
Spelling = Callable[[Any], Any]


def absorbed(topic: str, *events: Json) -> bytes:
    """Return the record of a customer after events, which must all be valid."""
    decoder = Decoder(topic, rates={"EUR": 1.25})
    decoded = decoder.decode([json.dumps(event).encode() for event in events], [KEY] * len(events), NOW)
    assert decoded.rejected == []
    batch = ENGINE.new_batch()
    batch.open([KEY], [ENGINE.new_customer(1).pack()])
    offsets, amounts = range(len(events)), decoded.amounts or [0] * len(events)
    rows = Rows([0] * len(events), offsets, decoded.events, decoded.times, amounts, decoded.times)
    absorb_rows(TOPICS.index(topic), rows, batch, [CategoryNames()] * len(batch))
    return batch.pack()[0]


def at(zone: timezone, form: str, end: str) -> Spelling:
    """Return a spelling of epoch seconds as text."""
    return lambda t: datetime.fromtimestamp(t, zone).strftime(form) + end


ZONES = (timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30)))
TIMES: list[Spelling] = [
    str,
    float,
    lambda t: f"{t}.000",
    at(UTC, "%Y-%m-%d %H:%M:%S", " UTC"),
    at(UTC, "%Y-%m-%dT%H:%M:%S", "+0000"),
    at(UTC, "%Y-%m-%dT%H:%M:%S", "+00"),
    at(UTC, "%Y-%m-%dT%H:%M", "Z"),
    at(ZONES[0], "%Y-%m-%d %H:%M", "+02"),
    at(ZONES[0], "%Y-%m-%dT%H:%M:%S.000", " +0200"),
    at(ZONES[1], "%Y-%m-%dT%H:%M:%S", "-09:30"),
]
NUMBERS: list[Spelling] = [str, lambda n: f" {n} ", lambda n: f"+{n}" if n >= 0 else str(n), lambda n: f"{n:.3f}"]
IDS: list[Spelling] = [int, float, str]
CURRENCIES: list[Spelling] = [
    str.lower,
    str.title,
    lambda code: f" {code} ",
    lambda code: None if code == "USD" else code,
]
# Full minutes, so that the seconds may be left out.
MINUTES = st.integers(10_000_000 // 60, int(NOW) // 60 - 1).map(lambda minute: 60 * minute)
CENTS = st.integers(0, 5_000_000).map(lambda cents: cents / 100)
QUANTITIES = st.sampled_from([1, 2, 0.5, -1, 100])


@st.composite
def spelled(draw: st.DrawFn, strict: Json, spellings: dict[str, list[Spelling]]) -> Json:
    """Draw an event with any of its fields in another spelling. Absent fields may become null."""
    loose = dict(strict)
    for name, ways in spellings.items():
        if name in loose and draw(st.booleans()):
            loose[name] = draw(st.sampled_from(ways))(loose[name])
    for name in draw(st.lists(st.sampled_from(["channel", "coupon", "context", "discount"]), max_size=2)):
        loose.setdefault(name, None)
    return loose


@st.composite
def orders(draw: st.DrawFn) -> tuple[Json, Json]:
    """Draw an order in its strict spelling and in a loose one."""
    items = draw(
        st.lists(st.fixed_dictionaries({"category": st.sampled_from(["12", "77"]), "quantity": QUANTITIES}), max_size=3)
    )
    strict = {
        "event_id": str(draw(st.integers(1, 10**9))),
        "customer_id": KEY.decode(),
        "occurred_at": draw(MINUTES),
        "order_id": str(draw(st.integers(1, 10**12))),
        "amount": draw(CENTS),
        "currency": draw(st.sampled_from(["USD", "EUR"])),
        "items": items,
    }
    times: list[Spelling] = TIMES if strict["occurred_at"] >= 100_000_000 else TIMES[3:]
    ways = {"event_id": IDS, "customer_id": IDS, "order_id": IDS, "occurred_at": times, "amount": NUMBERS}
    loose = draw(spelled(strict, {**ways, "currency": CURRENCIES}))
    loose["items"] = [draw(spelled(item, {"category": IDS, "quantity": NUMBERS})) for item in items]
    return strict, loose


@laws
@given(orders())
def test_a_loose_order_is_the_strict_order(pair: tuple[Json, Json]) -> None:
    strict, loose = pair
    assert absorbed("purchases", loose) == absorbed("purchases", strict)


@laws
@given(orders(), CENTS, st.booleans())
def test_a_loose_refund_is_the_strict_refund(pair: tuple[Json, Json], cents: float, as_return: bool) -> None:
    order, loose = pair
    refund = {**order, "event_id": "r-1", "type": "order_refunded", "amount": cents, "items": 1}
    other = {**loose, "event_id": "r-1", "type": "order_refunded", "amount": -cents, "items": "1"}
    if as_return and cents:
        del other["type"]
    assert absorbed("purchases", order, other) == absorbed("purchases", order, refund)


@laws
@given(
    orders(), st.lists(st.tuples(CENTS.filter(lambda price: price < 500), st.integers(-3, 5)), min_size=1, max_size=3)
)
def test_a_refund_of_items_is_a_refund_of_their_sum(pair: tuple[Json, Json], lines: list[tuple[float, int]]) -> None:
    order, _ = pair
    summed = {**order, "event_id": "r-1", "type": "order_refunded"}
    summed["amount"] = abs(round(sum(round(price * 100) * quantity for price, quantity in lines)) / 100)
    itemized = {name: value for name, value in summed.items() if name != "amount"}
    itemized["items"] = [{"price": f"{price:.2f}", "quantity": quantity} for price, quantity in lines]
    assert absorbed("purchases", order, itemized) == absorbed("purchases", order, summed)


@laws
@given(orders(), CENTS)
def test_a_refund_of_the_rest_takes_back_what_is_left_in_any_order(pair: tuple[Json, Json], part: float) -> None:
    order, _ = pair
    partly = {**order, "event_id": "r-1", "type": "order_refunded", "amount": part}
    rest = {
        "event_id": "r-2",
        "customer_id": KEY.decode(),
        "occurred_at": order["occurred_at"],
        "order_id": order["order_id"],
    }
    rest["type"] = "order_refunded"
    before, after = absorbed("purchases", rest, order), absorbed("purchases", order, rest)
    one, other = (ENGINE.open(record) for record in (before, after))
    assert (one.spend, one.refunded, one.refunds, one.orders) == (
        other.spend,
        other.refunded,
        other.refunds,
        other.orders,
    )
    assert one.spend == 0
    both = ENGINE.open(absorbed("purchases", partly, order, rest))
    assert (both.spend, both.refunded, both.refunds) == (0, one.refunded, 2)


@laws
@given(
    MINUTES.filter(lambda t: t >= 100_000_000),
    st.sampled_from([1, 1_000, 1_000_000]),
    st.sampled_from([int, float, str]),
)
def test_units_of_time_in_envelopes(t: int, per_second: int, spelling: Spelling) -> None:
    # Digits of other lengths may be a date in text.
    assume(spelling is not str or per_second == 1 or t >= 1_000_000_000)
    value = spelling(t * per_second)
    row = {"event_name": "view_item", "user_id": "70123", "event_timestamp": value, "event_id": "e-1"}
    native = {"event_id": "e-1", "customer_id": "70123", "occurred_at": t, "type": "product_viewed"}
    assert absorbed("interactions", row) == absorbed("interactions", native)
    if per_second < 1_000_000:
        call = {"messageId": "e-1", "userId": 70123, "event": "Viewed Product", "timestamp": value}
        assert absorbed("interactions", call) == absorbed("interactions", native)
