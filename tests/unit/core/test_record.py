"""The table of a record's fields, and the validation that derives from it."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from stream_seg.core.customer import Customer
from stream_seg.core.events.deltas import COUNTS
from stream_seg.core.events.taxonomy import SUMS
from stream_seg.core.record import (
    COPIED,
    DTYPE,
    FIELDS,
    LAYOUT,
    SECTIONS,
    TAIL,
    columns,
    pack,
    section,
    unpack,
    validate,
)
from stream_seg.errors import BadRecord

NOTHING = [b""] * len(TAIL)


def changed(name: str, value: Any) -> bytes:
    """The record of a new customer with another value in one field."""
    fields, sections = unpack(Customer(1).pack())
    return pack(fields | {name: value}, sections)


def test_struct_and_dtype_have_the_same_bytes() -> None:
    sizes = [field.size for field in FIELDS]
    assert (sum(sizes), DTYPE.itemsize) == (LAYOUT.size, LAYOUT.size)
    offsets = [DTYPE.fields[field.name][1] for field in FIELDS]  # type: ignore[index]
    assert offsets == [sum(sizes[:at]) for at in range(len(sizes))]


def test_each_field_is_a_column_a_count_a_length_or_the_sums() -> None:
    others = {"format", "sums", "lengths", *COUNTS}
    assert {field.name for field in FIELDS} == set(COPIED) | others
    assert not set(COPIED) & others


def test_each_field_has_a_meaning() -> None:
    assert all(field.meaning for field in FIELDS)


def test_a_new_customer_is_valid() -> None:
    validate(Customer(1).pack())
    fields, sections = unpack(Customer(7).pack())
    new = {field.name: [field.new] * field.numbers if field.shape else field.new for field in FIELDS}
    assert (fields | {"life": 0}, sections) == (new, NOTHING)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence", 2**31),
        ("deadline", -1.0),
        ("deadline", nan),
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


@pytest.mark.parametrize("values", [[nan], [0.0, nan], [inf], [-inf], [inf, -inf]])
def test_sums_that_are_not_finite_are_refused(values: list[float]) -> None:
    sums = values + [0.0] * (SUMS - len(values))
    with pytest.raises(BadRecord, match="sums has a number that is not between"):
        validate(changed("sums", sums))


@pytest.mark.parametrize(
    ("name", "value"), [("since", -1.0), ("since", inf), ("since", nan), ("until", -1.0), ("until", nan)]
)
@pytest.mark.parametrize("at", range(4))
def test_a_bad_number_of_any_dimension_is_refused(name: str, value: float, at: int) -> None:
    with pytest.raises(BadRecord, match=f"{name} has a number that is not between"):
        validate(changed(name, [value if number == at else 0.0 for number in range(4)]))


@pytest.mark.parametrize("name", [each.name for each in TAIL[:-1] if each.width > 1])
def test_a_section_that_is_cut_inside_an_entry_is_refused(name: str) -> None:
    fields, sections = unpack(Customer(1).pack())
    sections[SECTIONS.index(name)] = b"\0" * (TAIL[SECTIONS.index(name)].width + 1)
    with pytest.raises(BadRecord, match=f"bytes of {name}, not a multiple of"):
        validate(pack(fields, sections))


def test_each_section_is_found_by_its_name() -> None:
    fields, _ = unpack(Customer(1).pack())
    sections = [bytes([at]) * each.width for at, each in enumerate(TAIL)]
    record = pack(fields, sections)
    assert [section([record], columns([record]), name) for name in SECTIONS[:-1]] == [[each] for each in sections[:-1]]
    assert unpack(record)[1] == sections


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_seen", inf),
        ("last_seen", -inf),
        ("as_of", -inf),
        ("deadline", inf),
        ("sequence", 2**31 - 1),
    ],
)
def test_values_at_the_ends_of_a_range_are_valid(name: str, value: float) -> None:
    validate(changed(name, value))
