"""The table of a record's fields, and the validation that derives from it."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.events.deltas import COUNTS
from stream_seg.core.events.taxonomy import SUMS
from stream_seg.core.record import COPIED, DTYPE, FIELDS, LAYOUT, pack_fixed, unpack_fixed, validate
from stream_seg.errors import BadRecord

LENGTHS = {"day_bytes", "recent_count", "order_count"}


def changed(name: str, value: Any) -> bytes:
    """The record of a new customer with another value in one field."""
    return pack_fixed(unpack_fixed(Customer(1).pack()) | {name: value})


def test_struct_and_dtype_have_the_same_bytes() -> None:
    sizes = [field.size for field in FIELDS]
    assert (sum(sizes), DTYPE.itemsize) == (LAYOUT.size, LAYOUT.size)
    offsets = [DTYPE.fields[field.name][1] for field in FIELDS]  # type: ignore[index]
    assert offsets == [sum(sizes[:at]) for at in range(len(sizes))]


def test_each_field_is_a_column_a_count_a_length_or_the_sums() -> None:
    others = {"format", "sums", *COUNTS, *LENGTHS}
    assert {field.name for field in FIELDS} == set(COPIED) | others
    assert not set(COPIED) & others


def test_each_field_has_a_meaning() -> None:
    assert all(field.meaning for field in FIELDS)


def test_a_new_customer_is_valid() -> None:
    validate(Customer(1).pack())
    assert unpack_fixed(Customer(7).pack()) | {"life": 0} == {
        field.name: [field.new] * field.numbers if field.shape else field.new for field in FIELDS
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence", 2**31),
        ("segment", -2),
        ("since", -1.0),
        ("since", inf),
        ("since", nan),
        ("as_of", 1e12),
        ("as_of", nan),
        ("first_seen", -1.0),
        ("first_seen", nan),
        ("last_seen", inf),
        ("last_seen", nan),
        ("first_purchase", -inf),
        ("first_purchase", nan),
        ("last_purchase", 1e12),
        ("last_purchase", nan),
    ],
)
def test_an_invalid_value_is_refused_by_the_name_of_its_field(name: str, value: float) -> None:
    with pytest.raises(BadRecord, match=f"is damaged: {name} is "):
        validate(changed(name, value))


@pytest.mark.parametrize("values", [[nan], [inf], [-inf], [inf, -inf], [1e308, 1e308]])
def test_sums_without_a_finite_total_are_refused(values: list[float]) -> None:
    sums = values + [0.0] * (SUMS - len(values))
    with pytest.raises(BadRecord, match="the total of its sums is not finite"):
        validate(changed("sums", sums))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_seen", inf),
        ("last_seen", -inf),
        ("as_of", -inf),
        ("segment", 127),
        ("sequence", 2**31 - 1),
        ("since", 0),
    ],
)
def test_values_at_the_ends_of_a_range_are_valid(name: str, value: float) -> None:
    validate(changed(name, value))
