"""Tests of turning rows and JSON objects into events by a mapping."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.mapping import EventMapping, parse_mapping
from stream_seg.contracts.reasons import Refused

ROW = {"Customer": "7", "Order": "o-1", "Total": "12,50", "At": "31.01.2025 18:00", "Status": "paid", "Channel": "Shop"}


def mapping(events: str) -> EventMapping:
    common = '[numbers]\ndecimal = ","\n[times]\nformat = "%d.%m.%Y %H:%M"\nzone = "Europe/Berlin"\n'
    return parse_mapping(common + events, "a.toml")


def order(more: str = "", fields: str = "") -> EventMapping:
    return mapping(
        f'[[event]]\ntype = "order_completed"\n{more}\n[event.fields]\ncustomer_id = "Customer"\norder_id = "Order"\n'
        f'amount = "Total"\noccurred_at = "At"\n{fields}'
    )


def event(mapped: EventMapping, row: dict[str, Any]) -> dict[str, Any]:
    found = mapped.apply(row)
    assert found is not None
    return found.event


def test_an_order() -> None:
    assert order().apply(ROW) == (
        "purchases",
        {
            "type": "order_completed", "customer_id": "7", "order_id": "o-1", "amount": 12.5,
            "occurred_at": "2025-01-31T17:00:00Z",
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('currency = { value = "EUR" }', {"currency": "EUR"}),
        ('channel = { from = "Channel", values = { Shop = "web", Till = "store" } }', {"channel": "web"}),
        ('channel = { from = "Channel", values = { Till = "store" }, default = "other" }', {"channel": "other"}),
        ('channel = { from = "Nothing", default = "web" }', {"channel": "web"}),
        ('channel = "Nothing"', {}),
        ('channel = { from = ["Nothing", "Empty", "Channel"] }', {"channel": "Shop"}),
        ('discount = { from = "Cents", divide = 100 }', {"discount": 1.99}),
        ('discount = { from = "Dots", decimal = ".", thousands = "," }', {"discount": 1234.5}),
        ('items = "Pieces"', {"items": 3}),
        ('event_id = "Order"', {"event_id": "o-1"}),
    ],
)
def test_fields(field: str, expected: dict[str, Any]) -> None:
    row = {**ROW, "Cents": "199", "Pieces": "3", "Dots": "1,234.50", "Empty": ""}
    common = {"type", "customer_id", "order_id", "amount", "occurred_at"}
    mapped = event(order(fields=field), row)
    assert {name: value for name, value in mapped.items() if name not in common} == expected


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"Customer": ""}, "missing_field", "customer_id is missing: Customer is empty."),
        ({"Total": "12.50"}, "wrong_type", 'Total must be a number such as 1234,50 (it is "12.50").'),
        ({"At": "now"}, "bad_time", "At must be a time in the format '%d.%m.%Y %H:%M' (it is \"now\")."),
        ({"Pieces": "1,5"}, "wrong_type", "Pieces must be a whole number (it is 1.5)."),
        ({"Channel": "Fax"}, "unknown_type", 'Channel is "Fax", which `values` does not name.'),
        ({"Order": [1]}, "wrong_type", "Order must be text or a number (it is [1])."),
        ({"Order": b"o"}, "wrong_type", "Order must be text or a number (it is of the type bytes)."),
        ({"Properties": 5}, "wrong_type", "Properties must be an object (it is 5)."),
    ],
)
def test_a_row_that_lacks_a_value_is_refused(changes: dict[str, Any], reason: str, detail: str) -> None:
    fields = 'items = "Pieces"\nchannel = { from = "Channel", values = { Shop = "web" } }\nproperties = "Properties"'
    with pytest.raises(Refused) as refused:
        order(fields=fields).apply({**ROW, **changes})
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('{ from = "Status", is = "paid" }', True),
        ('{ from = "Status", is = ["sent", "paid"] }', True),
        ('{ from = "Status", is = "sent" }', False),
        ('{ from = "Status", not = ["sent"] }', True),
        ('{ from = "Status", not = "paid" }', False),
        ('{ from = "Nothing", not = "paid" }', True),
        ('{ from = "Nothing", is = "paid" }', False),
        ('{ from = "Status", present = true }', True),
        ('{ from = "Status", present = false }', False),
        ('{ from = "Nothing", present = false }', True),
        ('{ from = "Customer", is = 7 }', True),
        ('{ from = "Deleted", is = false }', True),
        ('{ from = "Deleted", is = "false" }', True),
        ('{ from = "List", is = "a" }', False),
        ('[{ from = "Status", is = "paid" }, { from = "Customer", is = 8 }]', False),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    mapped = order(f"when = {condition}").apply({**ROW, "Deleted": False, "List": ["a"]})
    assert (mapped is not None) == holds


def test_the_first_matching_table_is_used() -> None:
    mapped = mapping(
        """
        [[event]]
        type = "order_refunded"
        when = { from = "Status", is = "refunded" }
        fields = { customer_id = "Customer", order_id = "Order", occurred_at = "At" }
        [[event]]
        type = "page_viewed"
        when = { from = "Order", present = false }
        fields = { customer_id = "Customer", occurred_at = "At" }
        [[event]]
        type = "identify"
        fields = { customer_id = "Customer", occurred_at = "At" }
        traits = { status = "Status", total = { from = "Total", decimal = "," }, since = { from = "At", zone = "UTC" } }
        """
    )
    assert mapped.apply({**ROW, "Status": "refunded"}) == (
        "purchases",
        {"type": "order_refunded", "customer_id": "7", "order_id": "o-1", "occurred_at": "2025-01-31T17:00:00Z"},
    )
    topic, viewed = mapped.apply({**ROW, "Order": ""}) or ("", {})
    assert (topic, viewed["type"]) == ("interactions", "page_viewed")
    topic, known = mapped.apply(ROW) or ("", {})
    assert (topic, known["traits"]) == (
        "profiles",
        {"status": "paid", "total": 12.5, "since": "2025-01-31T18:00:00Z"},
    )


def test_the_type_may_come_from_the_row() -> None:
    mapped = mapping(
        """
        [[event]]
        type = { from = "What", values = { sale = "purchase", look = "Product Viewed" } }
        [event.fields]
        customer_id = "Customer"
        occurred_at = "At"
        order_id = "Order"
        amount = "Total"
        """
    )
    topic, sold = mapped.apply({**ROW, "What": "sale"}) or ("", {})
    assert (topic, sold["type"]) == ("purchases", "order_completed")
    topic, seen = mapped.apply({**ROW, "What": "look"}) or ("", {})
    assert (topic, seen["type"]) == ("interactions", "product_viewed")
    for what, reason in (("", "missing_field"), ("theft", "unknown_type")):
        with pytest.raises(Refused, match=reason):
            mapped.apply({**ROW, "What": what})


def test_a_debezium_envelope() -> None:
    mapped = parse_mapping(
        """
        [[event]]
        type = "order_completed"
        when = [{ from = "op", is = ["c", "r"] }, { from = "source.table", is = "orders" }]
        [event.fields]
        customer_id = "after.customer_id"
        order_id = "after.id"
        amount = { from = "after.total_cents", divide = 100 }
        occurred_at = { from = "after.created", format = "epoch_us" }
        """,
        "shop.toml",
    )
    after = {"id": 17, "customer_id": 7, "total_cents": 1999, "created": 1_735_689_600_500_000}
    change = {"op": "c", "source": {"table": "orders"}, "before": None, "after": after}
    assert event(mapped, change) == {
        "type": "order_completed", "customer_id": "7", "order_id": "17", "amount": 19.99,
        "occurred_at": 1_735_689_600.5,
    }  # fmt: skip
    assert mapped.apply({**change, "op": "d", "after": None}) is None
    assert mapped.apply({**change, "source": {"table": "users"}}) is None


def test_a_list_of_lines() -> None:
    mapped = parse_mapping(
        """
        [[event]]
        type = "order_completed"
        [event.fields]
        customer_id = "customer.id"
        order_id = "id"
        amount = "total_price"
        occurred_at = "created_at"
        coupon = "codes.0.code"
        [event.items]
        each = "line_items"
        product_id = "sku"
        category = { from = "type", default = "none" }
        quantity = "quantity"
        price = "price"
        """,
        "shopify.toml",
    )
    lines = [{"sku": 5, "quantity": 2, "price": "9.95", "type": "tea"}, {"sku": "b"}, "no line"]
    body = {"id": 1, "customer": {"id": 7}, "total_price": "19.90", "created_at": "2025-01-31T18:00:00+01:00"}
    made_event = event(mapped, {**body, "line_items": lines, "codes": [{"code": "MAY"}]})
    assert made_event["items"] == [
        {"product_id": "5", "category": "tea", "quantity": 2.0, "price": 9.95},
        {"product_id": "b", "category": "none"},
    ]
    assert made_event["coupon"] == "MAY"
    assert event(mapped, {**body, "line_items": [], "codes": []})["items"] == []
    with pytest.raises(Refused, match="line_items must be a list of objects"):
        mapped.apply({**body, "line_items": 5})


def test_a_column_may_have_dots_in_its_name() -> None:
    assert event(order(fields='coupon = "Code.1"'), {**ROW, "Code.1": "MAY"})["coupon"] == "MAY"
