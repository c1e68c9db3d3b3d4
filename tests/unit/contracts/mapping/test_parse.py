"""Tests of reading mapping files, and of the line that reports an error."""

from __future__ import annotations

import pytest

from stream_seg.contracts.mapping import parse_mapping
from stream_seg.errors import MappingError

GOOD = """
[file]
delimiter = ";"
[numbers]
decimal = ","
thousands = "."
[times]
format = "%d.%m.%Y"
zone = "Europe/Berlin"
[[event]]
type = "order_completed"
when = { from = "Status", is = "paid" }
[event.fields]
customer_id = "Customer"
order_id = "Order"
amount = "Total"
occurred_at = "Day"
currency = { value = "EUR" }
[[event]]
type = "identify"
[event.fields]
customer_id = "Customer"
occurred_at = "Day"
[event.traits]
city = "City"
"""


def test_a_valid_mapping() -> None:
    mapping = parse_mapping(GOOD, "a.toml")
    assert (mapping.name, mapping.file.delimiter, mapping.file.encoding) == ("a.toml", ";", "utf-8-sig")


def test_the_digest_depends_only_on_the_content() -> None:
    one, same = parse_mapping(GOOD, "a.toml"), parse_mapping(f"# a comment\n{GOOD}\n", "b.toml")
    assert one.digest == same.digest
    assert one.digest != parse_mapping(GOOD.replace("EUR", "USD"), "a.toml").digest


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("[[event]]", "[[event]", "a.toml is not TOML: "),
        ("[numbers]", "[number]", "a.toml, [number]: there is no such table (did you mean numbers?)"),
        ("decimal =", "decimals =", "a.toml, [numbers], decimals: there is no such key (did you mean decimal?)"),
        ('decimal = ","', 'decimal = ";"', "a.toml, [numbers], decimal: input should be '.' or ',' (it is ';')"),
        (
            'thousands = "."',
            'thousands = ","',
            "a.toml, [[event]] 1, fields.amount: decimal and thousands are both ','",
        ),
        ("zone =", "zon =", "a.toml, [times], zon: there is no such key (did you mean zone?)"),
        (
            "Europe/Berlin",
            "Europe/Berln",
            "a.toml, [times], zone: unknown time zone 'Europe/Berln'. Write one such as Europe/Berlin or UTC "
            "(did you mean Europe/Berlin?)",
        ),
        ("%d.%m.%Y", "%q", "a.toml, [times], format.1: '%q' is not a time format. Write one such as '%d.%m.%Y %H:%M'"),
        ("%d.%m.%Y", "epoch_m", "a.toml, [times], format.1: 'epoch_m' is not a time format. Write one such as"),
        (
            'zone = "Europe/Berlin"',
            "",
            "a.toml, [[event]] 1, fields.occurred_at: the format '%d.%m.%Y' has no offset (%z), so it needs a `zone`",
        ),
        ('";"', '";;"', "a.toml, [file], delimiter: string should have at most 1 character (it is ';;')"),
        (
            '";"',
            '";"\nencoding = "utf9"',
            "a.toml, [file], encoding: unknown encoding 'utf9'. Write utf-8, latin-1",
        ),
        (
            "order_completed",
            "order_complete",
            "a.toml, [[event]] 1, type: 'order_complete' is not a type of event (did you mean order_completed?)",
        ),
        ('type = "identify"', "", "a.toml, [[event]] 2, type: is missing"),
        (
            'type = "identify"',
            'type = "identify"\ntopic = "profile"',
            "a.toml, [[event]] 2, topic: 'profile' is not an inpu",
        ),
        ("is =", "iss =", "a.toml, [[event]] 1, when.1.iss: there is no such key (did you mean is?)"),
        (', is = "paid"', "", "a.toml, [[event]] 1, when.1: write one of `is`, `not` and `present`"),
        (
            "amount =",
            "amonut =",
            "a.toml, [[event]] 1, fields.amonut: purchases have no such field (did you mean amount?)",
        ),
        ("amount =", "type =", 'a.toml, [[event]] 1, fields.type: write type = "order_completed" outside of fields'),
        (
            'amount = "Total"',
            "",
            "a.toml, [[event]] 1, fields: amount must be present, because order_completed needs customer_id, "
            "occurred_at, order_id, amount",
        ),
        (
            '{ value = "EUR" }',
            '{ value = "EUR", from = "C" }',
            "a.toml, [[event]] 1, fields.currency: write either `from`, the column or path, or `value`, a constant",
        ),
        (
            '{ value = "EUR" }',
            "5",
            "a.toml, [[event]] 1, fields.currency: must be a table or a name, not 5",
        ),
        (
            '{ value = "EUR" }',
            '{ frm = "C" }',
            "a.toml, [[event]] 1, fields.currency.frm: there is no such key (did you mean from?)",
        ),
        (
            '{ value = "EUR" }',
            '{ from = "C", divide = 0 }',
            "a.toml, [[event]] 1, fields.currency.divide: input should be",
        ),
        ('city = "City"', "", 'a.toml, [[event]] 2, traits: identify needs at least one, such as age = "Age"'),
    ],
)
def test_an_error_names_file_table_and_key(old: str, new: str, error: str) -> None:
    assert old in GOOD
    with pytest.raises(MappingError) as raised:
        parse_mapping(GOOD.replace(old, new, 1), "a.toml")
    assert str(raised.value).startswith(error)
    assert "\n" not in str(raised.value)


def test_a_mapping_needs_an_event_table() -> None:
    with pytest.raises(MappingError, match=r"^a\.toml, \[event\]: is missing$"):
        parse_mapping("", "a.toml")


def test_a_missing_column_is_reported() -> None:
    mapping = parse_mapping(GOOD, "a.toml")
    mapping.check_columns(["Status", "Customer", "Order", "Total", "Day", "City"])
    with pytest.raises(MappingError) as raised:
        mapping.check_columns(["Status", "Customer", "Order", "total", "Day", "City"])
    assert str(raised.value) == ("a.toml, [[event]] 1, fields.amount: there is no column 'Total' (did you mean total?)")
