"""Laws of customers with more orders than a record remembers one by one: orders and tiles together lose nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events import order_tiles
from stream_seg.core.events.order_entries import unpack
from stream_seg.core.events.orders import REMEMBERED_ORDERS
from tests.laws.fold import an_engine
from tests.laws.histories import laws

START = 1_700_000_000.0
ENGINE = an_engine()

orders = st.lists(
    st.tuples(st.floats(0.0, 700.0), st.integers(0, 100_000), st.booleans()), min_size=30, max_size=60
)  # day, amount, whether it is refunded or cancelled later
takings = st.tuples(st.sampled_from(["order_refunded", "order_cancelled"]), st.integers(0, 200_000), st.booleans())


def absorb(customer: Customer, offset: int, kind: str, number: int, day: float, amount: int, **more: float) -> None:
    event = {"event_id": f"e-{offset}", "type": kind, "order_id": f"o-{number}", **more}
    ENGINE.absorb(customer, "purchases", offset, event, START + day * DAY_S, amount)


@laws
@given(orders, st.data())
def test_orders_and_tiles_together_are_all_orders(placed: list[tuple[float, int, bool]], data: st.DataObject) -> None:
    customer, offset = Customer(1), 0
    for number in data.draw(st.permutations(range(len(placed)))):
        day, amount, _ = placed[number]
        absorb(customer, offset, "order_completed", number, day, amount)
        offset += 1
    assert customer.purchases == len(placed)
    assert customer.spend == sum(amount for _, amount, _ in placed)
    for number, (day, _, taken) in enumerate(placed):
        if taken:
            kind, amount, told = data.draw(takings)
            more = {"order_at": START + day * DAY_S} if told else {}
            absorb(customer, offset, kind, number, 701.0, amount, **more)
            offset += 1
    entries, tiles = unpack(customer.orders, customer.statements), order_tiles.unpack(customer.tiles)
    assert len(entries) <= REMEMBERED_ORDERS
    assert customer.spend + customer.refunded == sum(amount for _, amount, _ in placed)
    waiting = [entry for entry in entries if entry.state & 1]
    if not waiting:  # a refund that waits may have pushed out others, whose effect stays
        assert customer.purchases == sum(entry.counts for entry in entries) + sum(tile.orders for tile in tiles)
    assert all(tile.money >= 0 for tile in tiles)
    assert [tile.kind for tile in tiles] == sorted(tile.kind for tile in tiles)
