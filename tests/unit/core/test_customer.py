from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.events import categories, order_tiles
from stream_seg.core.events.order_entries import AT_DISCOUNT, ORDER_ENTRY, STATEMENT_ENTRY
from stream_seg.core.events.taxonomy import INTERACTION_SLOT
from stream_seg.core.record import FIELDS, LAYOUT, NO_SEGMENT, columns
from stream_seg.errors import BadRecord

from .acts import cancel, order, refund

# The stored record of `a_customer`, field by field. Records on live changelogs have this layout. A change of these
# bytes needs a new format number.
GOLDEN = "".join(
    (
        "02",  # format
        "0000",  # flags
        "0500000000000000",  # last offset of purchases: 5
        "0c00000000000000",  # of interactions: 12
        "ffffffffffffffff" * 3,  # of profiles, and two spare topics: none yet, -1
        "7b0a93a89a010000",  # life 1763764800123
        "11000000",  # sequence 17
        "0200ffffffffffff",  # segment 2 of behavior, none in the other dimensions
        "0c000000000000000000000000000000",  # model version 12
        "000000000000f83f" + "0000000000000000" * 3,  # since 1.5
        "000000000000f07f0000000000001040" + "000000000000f07f" * 2,  # until: never, and 4.0 in lifecycle
        "0000000000001040",  # deadline 4.0
        "0000000000000040",  # as of 2.0
        "000000000000f07f",  # nothing pending
        "0000803f" + "00000000" * 10,  # features at the last evaluation: 1.0 orders
        "03000000",  # purchases 3
        "3930000000000000",  # spend 12345
        "01000000",  # refunds 1
        "f401000000000000",  # refunded 500
        "01000000",  # coupon orders 1
        "0500000000000000",  # units 5
        "07000000",  # interactions 7
        "02000000",  # ratings 2
        "0000000000002240",  # rating sum 9.0
        "efbeadde",  # campaign
        "000000000000e03f",  # received at 0.5
        "0300000000000000",  # visited on the last two days
        "000000000000e03f",  # first seen 0.5
        "0000000000000040",  # last seen 2.0
        "000000000000e03f",  # first purchase 0.5
        "000000000000f03f",  # last purchase 1.0
        "0600",  # purchase days 6
        "02000c00130012000a000900100000000000",  # bytes of the sections
        "000000000000f03f",  # decayed orders 1.0
        "00000000801cc840",  # decayed spend 12345.0
        "0000000000407f40",  # decayed money taken back 500.0
        "0000000000000000" * 21,  # other decayed sums
        "000000000000e03f",  # the last channel 0.5
        "0102",  # purchases on the last day, and nine days before
        "3d21bc8729acd99f0192e839",  # fingerprints of e-1 and e-2
        "a2e786d41eec",  # fingerprint of o-1
        "08",  # an order at a discount
        "000000000000f03f",  # at 1.0
        "39300000",  # of 12345
        "a2e786d41eec0000000000000040f4010000",  # o-1 was stated last at 2.0, and 500 of it are refunded
        "a2e786d41eec01020304",  # a refund id of o-1
        "0009000200b80b0000",  # a tile: day 9, two orders, 3000
        "01000000000000000000004003000000",  # category 1, weight 2.0, three units
        "7b22616765223a5b34342c302e302c22652d31225d7d",  # {"age":[44,0.0,"e-1"]}
    )
)


def a_customer() -> Customer:
    customer = Customer(1763764800123)
    customer.offsets[:2] = [5, 12]
    customer.sequence, customer.as_of, customer.deadline = 17, 2.0, 4.0
    customer.slots[0], customer.versions[0], customer.since[0], customer.until[1] = 2, 12, 1.5, 4.0
    customer.before[0] = 1.0
    customer.purchases, customer.spend, customer.refunds, customer.refunded, customer.interactions = 3, 12345, 1, 500, 7
    customer.coupon_orders, customer.units, customer.ratings, customer.rating_sum = 1, 5, 2, 9.0
    customer.campaign, customer.campaign_at, customer.visited_days = 0xDEADBEEF, 0.5, 3
    customer.first_seen, customer.last_seen, customer.first_purchase, customer.last_purchase = 0.5, 2.0, 0.5, 1.0
    customer.purchase_days, customer.days = 6, bytes.fromhex("0102")
    customer.sums[:3] = [1.0, 12345.0, 500.0]
    customer.sums[-1] = 0.5
    customer.recent = bytes.fromhex("3d21bc8729acd99f0192e839")
    customer.orders = ORDER_ENTRY.pack(bytes.fromhex("a2e786d41eec"), AT_DISCOUNT, 1.0, 12345)
    customer.statements = STATEMENT_ENTRY.pack(bytes.fromhex("a2e786d41eec"), 2.0, 500)
    customer.refund_ids = bytes.fromhex("a2e786d41eec01020304")
    customer.tiles = order_tiles.pack([order_tiles.Tile(order_tiles.DAY, 9, 2, 3000)])
    customer.categories = np.array([(1, 2.0, 3)], categories.ENTRY).tobytes()
    customer.traits = b'{"age":[44,0.0,"e-1"]}'
    return customer


def values(customer: Customer) -> dict[str, object]:
    """Return all stored values of a customer, by name."""
    return {name: value for name, value in vars(customer).items() if name not in ("cause", "lengths")}


def test_golden_bytes() -> None:
    assert a_customer().pack().hex() == GOLDEN


def test_a_record_read_from_golden_bytes() -> None:
    customer = Customer.unpack(bytes.fromhex(GOLDEN))
    assert values(customer) == values(a_customer())
    assert (customer.days_before, customer.purchase_days, customer.cause) == (4, 6, None)


def test_the_fixed_part_has_535_bytes() -> None:
    assert LAYOUT.size == 535
    assert len(Customer(1).pack()) == 535


def test_a_new_customer_is_empty() -> None:
    customer = Customer(7)
    assert (customer.life, customer.sequence, customer.slots, customer.versions) == (7, 0, [NO_SEGMENT] * 4, [0] * 4)
    again = Customer.unpack(customer.pack())
    assert values(again) == values(customer)


def test_packing_and_unpacking_change_nothing() -> None:
    customer = Customer(3)
    order(customer, 0, "A", 1000)
    order(customer, 400, "B", 2000)  # day 0 leaves the window, and sums move to the next landmark
    refund(customer, 401, "B", 500)
    cancel(customer, 399, "C", 70)
    again = Customer.unpack(customer.pack())
    assert values(again) == values(customer)
    assert again.pack() == customer.pack()


def test_an_unpacked_record_continues_where_it_was() -> None:
    customer = Customer(3)
    order(customer, 300, "A", 1000)
    again = Customer.unpack(customer.pack())
    for each in (customer, again):
        refund(each, 520, "A", 300)  # two landmarks later
        order(each, 299, "B", 100)
    assert values(again) == values(customer)


def test_the_largest_numbers_fit() -> None:
    customer = Customer(2**63)
    customer.offsets[:2] = [2**62, 0]
    customer.sequence = customer.versions[3] = customer.refunds = customer.interactions = 2**32 - 1
    customer.slots[3], customer.purchases, customer.spend, customer.refunded = 2**15 - 1, 2**31 - 1, -(2**62), 2**62
    customer.recent = b"abcdef" * 10_000
    again = Customer.unpack(customer.pack())
    assert values(again) == values(customer)


@pytest.mark.parametrize("number", [0, 1, 255])
def test_another_format_is_refused(number: int) -> None:
    record = bytes([number]) + bytes.fromhex(GOLDEN)[1:]
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(record)
    assert str(refused.value) == (
        f"customer record of format {number}; this version reads format 2: replay with a new APP_ID"
        " (docs/guides/upgrade.md)"
    )


@pytest.mark.parametrize("size", [1, 2, 534])
def test_a_record_cut_in_its_fixed_part_is_refused(size: int) -> None:
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(bytes.fromhex(GOLDEN)[:size])
    assert str(refused.value) == f"a customer record has at least 535 bytes, this one has {size}"


@pytest.mark.parametrize("size", [535, 536, 548, 620])
def test_a_record_cut_in_its_rings_is_refused(size: int) -> None:
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(bytes.fromhex(GOLDEN)[:size])
    assert str(refused.value) == f"a customer record is cut off: it declares 621 bytes and has {size}"


def test_columns_are_the_values_of_the_records() -> None:
    busy = Customer(9)
    for day in (1, 2, 2, 30):
        order(busy, day, f"o-{day}", 1000)
    refund(busy, 31, "o-30", 10)
    busy.interactions = 4
    busy.sums[INTERACTION_SLOT["product_viewed"]] = 0.25
    customers = [Customer(1), busy, a_customer()]
    table = columns([customer.pack() for customer in customers])
    assert table.shape == (3,)
    names = [name for name in table.dtype.names or () if name not in ("format", "lengths")]
    assert len(names) == len(FIELDS) - 2
    for name in names:
        expected = [getattr(customer, name) for customer in customers]
        assert table[name].tolist() == expected, name
    assert table["format"].tolist() == [2, 2, 2]
    assert table["lengths"].tolist() == [
        [0] * 9,
        [4, 30, 3 * ORDER_ENTRY.size, STATEMENT_ENTRY.size, 0, 0, 0, 0, 0],
        [2, 12, ORDER_ENTRY.size, STATEMENT_ENTRY.size, 10, 9, 16, 0, 0],
    ]


def test_columns_of_no_records() -> None:
    assert len(columns([])) == 0


def test_columns_cannot_change_a_record() -> None:
    with pytest.raises(ValueError, match="read-only"):
        columns([Customer(1).pack()])["spend"] = 5
