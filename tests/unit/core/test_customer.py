from __future__ import annotations

import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.events.taxonomy import INTERACTION_SLOT
from stream_seg.core.record import LAYOUT, NO_SEGMENT, columns
from stream_seg.errors import BadRecord

from .acts import cancel, order, refund

# The stored record of `a_customer`, field by field. Records on live changelogs have this layout. A change of these
# bytes needs a new format number, and a reader for the old one.
GOLDEN = "".join(
    (
        "01",  # format
        "0500000000000000",  # last offset of purchases: 5
        "0c00000000000000",  # of interactions: 12
        "ffffffffffffffff",  # of profiles: none yet, -1
        "7b0a93a89a010000",  # life 1763764800123
        "11000000",  # sequence 17
        "02",  # segment 2
        "0c000000",  # model version 12
        "000000000000f83f",  # since 1.5
        "0000000000000040",  # as of 2.0
        "03000000",  # purchases 3
        "3930000000000000",  # spend 12345
        "01000000",  # refunds 1
        "f401000000000000",  # refunded 500
        "07000000",  # interactions 7
        "000000000000e03f",  # first seen 0.5
        "0000000000000040",  # last seen 2.0
        "000000000000e03f",  # first purchase 0.5
        "000000000000f03f",  # last purchase 1.0
        "0600",  # purchase days 6
        "02",  # bytes of purchase days
        "02",  # recent events
        "01",  # orders
        "000000000000f03f",  # decayed orders 1.0
        "00000000801cc840",  # decayed spend 12345.0
        "0000000000407f40",  # decayed money taken back 500.0
        "0000000000000000" * 26,  # other decayed sums
        "000000000000e03f",  # the last category 0.5
        "0102",  # purchases on the last day, and nine days before
        "3d21bc8729acd99f0192e839",  # fingerprints of e-1 and e-2
        "a2e786d41eec",  # fingerprint of o-1
        "00",  # an order
        "000000000000f03f",  # at 1.0
        "39300000",  # of 12345
        "f4010000",  # 500 taken back
        "7b22616765223a5b34342c302e302c22652d31225d7d",  # {"age":[44,0.0,"e-1"]}
    )
)


def a_customer() -> Customer:
    customer = Customer(1763764800123)
    customer.offsets = [5, 12, -1]
    customer.sequence, customer.segment, customer.model_version, customer.since, customer.as_of = 17, 2, 12, 1.5, 2.0
    customer.purchases, customer.spend, customer.refunds, customer.refunded, customer.interactions = 3, 12345, 1, 500, 7
    customer.first_seen, customer.last_seen, customer.first_purchase, customer.last_purchase = 0.5, 2.0, 0.5, 1.0
    customer.purchase_days, customer.day_bits = 6, 0b10_0000_0001
    customer.sums[:3] = [1.0, 12345.0, 500.0]
    customer.sums[-1] = 0.5
    customer.recent = bytes.fromhex("3d21bc8729acd99f0192e839")
    customer.orders = bytes.fromhex("a2e786d41eec00000000000000f03f39300000f4010000")
    customer.traits = b'{"age":[44,0.0,"e-1"]}'
    return customer


def values(customer: Customer) -> dict[str, object]:
    """Return all stored values of a customer, by name."""
    customer.pack()  # sets the lengths of the tail
    return {name: value for name, value in vars(customer).items() if name != "cause"}


def test_golden_bytes() -> None:
    assert a_customer().pack().hex() == GOLDEN


def test_a_record_read_from_golden_bytes() -> None:
    customer = Customer.unpack(bytes.fromhex(GOLDEN))
    assert values(customer) == values(a_customer())
    assert (customer.days_before, customer.purchase_days, customer.cause) == (4, 6, None)


def test_the_fixed_part_has_363_bytes() -> None:
    assert LAYOUT.size == 363
    assert len(Customer(1).pack()) == 363


def test_a_new_customer_is_empty() -> None:
    customer = Customer(7)
    assert (customer.life, customer.sequence, customer.segment, customer.model_version) == (7, 0, NO_SEGMENT, 0)
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
    customer.offsets = [2**62, 0, -1]
    customer.sequence = customer.model_version = customer.refunds = customer.interactions = 2**32 - 1
    customer.segment, customer.purchases, customer.spend, customer.refunded = 63, 2**31 - 1, -(2**62), 2**62
    customer.recent = b"abcdef" * 255
    again = Customer.unpack(customer.pack())
    assert values(again) == values(customer)


@pytest.mark.parametrize("number", [0, 2, 255])
def test_another_format_is_refused(number: int) -> None:
    record = bytes([number]) + bytes.fromhex(GOLDEN)[1:]
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(record)
    assert str(refused.value) == (
        f"customer record of format {number}; this version reads format 1: upgrade stream_seg"
    )


@pytest.mark.parametrize("size", [0, 1, 362])
def test_a_record_cut_in_its_fixed_part_is_refused(size: int) -> None:
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(bytes.fromhex(GOLDEN)[:size])
    assert str(refused.value) == f"a customer record has at least 363 bytes, this one has {size}"


@pytest.mark.parametrize("size", [363, 364, 376, 399])
def test_a_record_cut_in_its_rings_is_refused(size: int) -> None:
    with pytest.raises(BadRecord) as refused:
        Customer.unpack(bytes.fromhex(GOLDEN)[:size])
    assert str(refused.value) == f"a customer record is cut off: it declares 400 bytes and has {size}"


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
    names = [name for name in table.dtype.names or () if not name.endswith(("_bytes", "_count", "format"))]
    assert len(names) == 18
    for name in names:
        expected = [getattr(customer, name) for customer in customers]
        assert table[name].tolist() == (list(map(list, expected)) if name in ("offsets", "sums") else expected), name
    assert table["format"].tolist() == [1, 1, 1]
    assert table["day_bytes"].tolist() == [0, 4, 2]
    assert table["recent_count"].tolist() == [0, 5, 2]
    assert table["order_count"].tolist() == [0, 3, 1]


def test_columns_of_no_records() -> None:
    assert len(columns([])) == 0


def test_columns_cannot_change_a_record() -> None:
    with pytest.raises(ValueError, match="read-only"):
        columns([Customer(1).pack()])["spend"] = 5
