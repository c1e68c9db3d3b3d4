"""Inputs from real shops with the expected result, through the decoder and the engine of a worker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.contracts.test_formats import SHOPIFY_ORDER
from tests.unit.worker.shops import NOW, Shop, seconds

PURCHASES, INTERACTIONS, PROFILES = "purchases", "interactions", "profiles"


def track(message: str, user: Any, event: str, time: str, **properties: Any) -> dict[str, Any]:
    """Return a Segment track call."""
    call = {"type": "track", "messageId": message, "userId": user, "event": event, "timestamp": time}
    return {**call, "properties": properties}


def ga4(name: str, user: str, micros: Any, **more: Any) -> dict[str, Any]:
    """Return a row of GA4's export."""
    return {"event_name": name, "event_timestamp": micros, "user_id": user, "user_pseudo_id": "71.4", **more}


def native(event_id: str, customer: str, time: Any, **more: Any) -> dict[str, Any]:
    """Return a native event."""
    return {"event_id": event_id, "customer_id": customer, "occurred_at": time, **more}


def params(**values: Any) -> list[dict[str, Any]]:
    """Return the event parameters of a row of GA4's export."""
    return [{"key": key, "value": value} for key, value in values.items()]


# 01, 03: GA4


def test_case_01_events_of_one_ga4_batch_share_their_time() -> None:
    shop = Shop()
    rows = [
        ga4(
            "view_item",
            "batched",
            "1795889142000000",
            batch_event_index=index,
            event_params=[],
            items=[{"item_id": item, "item_category": "Lighting"}],
        )
        for index, item in (("1", "LAMP"), ("2", "SOFA"), ("3", "SOFA"))
    ]
    shop.send(INTERACTIONS, "batched", *rows)
    assert shop.customer("batched").interactions == 3
    shop.send(INTERACTIONS, "batched", *rows)
    assert shop.customer("batched").interactions == 3


def test_case_01_items_distinguish_events_without_a_batch_index() -> None:
    shop = Shop()
    rows = [
        ga4("view_item", "batched", 1795889142000000, items=[{"item_id": item}]) for item in ("LAMP", "SOFA", "LAMP")
    ]
    shop.send(INTERACTIONS, "batched", *rows)
    assert shop.customer("batched").interactions == 2
    index = params(batch_event_index={"int_value": "4"})
    shop.send(INTERACTIONS, "batched", {**rows[0], "event_params": index})
    assert shop.customer("batched").interactions == 3


def test_case_03_bigquery_writes_whole_numbers_as_text() -> None:
    shop = Shop()
    row = ga4(
        "purchase",
        "whole",
        "1795802742000000",
        event_params=params(value={"int_value": "40"}),
        ecommerce={"transaction_id": "T-900"},
        items=[{"item_id": "A", "item_category": "Tea", "quantity": "3"}],
    )
    shop.send(PURCHASES, "whole", row)
    customer = shop.customer("whole")
    assert (customer.purchases, customer.spend) == (1, 40_00)
    assert shop.weight("whole", "Tea") == pytest.approx(3)


def test_ga4_refunds_use_refund_value_and_not_the_revenue_of_the_order() -> None:
    shop = Shop()
    order = ga4("purchase", "back", 1795802742000000, ecommerce={"transaction_id": "T-1", "purchase_revenue": 90.5})
    refund = ga4(
        "refund",
        "back",
        1795802743000000,
        ecommerce={"transaction_id": "T-1", "purchase_revenue": 90.5, "refund_value": 30},
    )
    shop.send(PURCHASES, "back", order, refund)
    customer = shop.customer("back")
    assert (customer.spend, customer.refunded) == (60_50, 30_00)


@pytest.mark.parametrize("where", ["ecommerce", "event_params"])
def test_a_placeholder_transaction_id_counts_as_missing(where: str) -> None:
    unset = {"ecommerce": {"transaction_id": "(not set)"}, "event_params": params(value={"int_value": "5"})}
    if where == "event_params":
        unset["event_params"] = params(value={"int_value": "5"}, transaction_id={"string_value": "(not set)"})
    shop = Shop()
    shop.send(PURCHASES, "u", ga4("purchase", "u", 1795802742000000, **unset))
    assert shop.dead_letter() == ("missing_field", "order_id is missing.")
    shop = Shop()
    good: dict[str, Any] = {**unset, "ecommerce": {"transaction_id": "T-1"}}
    shop.send(PURCHASES, "u", ga4("purchase", "u", 1795802742000000, **good))
    assert shop.customer("u").purchases == 1


# 04: traits


def test_case_04_rudderstack_sends_traits_in_the_context() -> None:
    shop = Shop()
    call = {
        "type": "identify",
        "messageId": "r-1",
        "userId": "rs",
        "originalTimestamp": "2026-11-29T18:00:00Z",
        "context": {"traits": {"plan": "gold", "city": "Graz", "age": 41, "anonymousId": "a-1"}},
    }
    shop.send(PROFILES, "rs", call)
    assert shop.traits("rs") == {"plan": "gold", "city": "Graz", "age": 41}
    shop.send(
        PROFILES, "rs", {**call, "messageId": "r-2", "originalTimestamp": "2026-11-29T19:00:00Z",
                         "traits": {"plan": "blue"}}
    )  # fmt: skip
    assert shop.traits("rs") == {"plan": "blue", "city": "Graz", "age": 41}


def test_a_group_call_sets_traits_and_does_not_rename_the_customer() -> None:
    shop = Shop()
    common = {"userId": "g", "timestamp": "2026-11-29T18:00:00Z"}
    shop.send(PROFILES, "g", {**common, "type": "identify", "messageId": "m-1", "traits": {"name": "Ann"}})
    group = {"name": "Acme", "industry": "Tea", "address": {"city": "Graz"}}
    shop.send(PROFILES, "g", {**common, "type": "group", "messageId": "m-2", "groupId": 7, "traits": group})
    assert shop.traits("g") == {
        "name": "Ann",
        "group.id": 7,
        "group.name": "Acme",
        "group.address.city": "Graz",
        "industry": "Tea",
    }


def test_case_25_the_first_sixty_four_of_seventy_traits_are_kept() -> None:
    shop = Shop()
    traits = {f"f{number:02}": number for number in range(70)}
    shop.send(PROFILES, "crm", native("c-1", "crm", "2026-11-29T18:00:00Z", type="identify", traits=traits))
    assert shop.traits("crm") == {f"f{number:02}": number for number in range(64)}
    assert shop.metric("traits_dropped") == 6


def test_traits_that_fit_into_four_kilobytes_are_kept_unchanged() -> None:
    shop = Shop()
    traits: dict[str, Any] = {"plan": "gold", "story": "x" * 5_000}
    traits |= {f"n{number}": "x" * 1_000 for number in range(5)}
    traits["age"] = 41
    shop.send(PROFILES, "crm", native("c-1", "crm", "2026-11-29T18:00:00Z", type="identify", traits=traits))
    assert list(shop.traits("crm")) == ["age", "n0", "n1", "n2", "n3", "plan"]
    assert shop.metric("traits_dropped") == 2


# 08, 09: refunds


def test_case_08_a_refund_of_items_and_a_refund_of_the_rest() -> None:
    shop = Shop()
    products = [{"product_id": "A", "price": 12.0, "quantity": 3}, {"product_id": "B", "price": 12.0, "quantity": 1}]
    order = track(
        "m-1", "part", "Order Completed", "2026-11-24T18:00:00Z", order_id="o-1", revenue=48, products=products
    )
    part = [{"product_id": "A", "price": 12.0, "quantity": 2}]
    shop.send(PURCHASES, "part", order)
    shop.send(
        PURCHASES, "part", track("m-2", "part", "Order Refunded", "2026-11-27T18:00:00Z", order_id="o-1", products=part)
    )
    assert shop.customer("part").refunded == 24_00
    shop.send(PURCHASES, "part", track("m-3", "part", "Order Refunded", "2026-11-28T18:00:00Z", order_id="o-1"))
    customer = shop.customer("part")
    assert (customer.refunded, customer.spend, customer.refunds) == (48_00, 0, 2)
    assert shop.metric("refunds_without_effect") == 0


def test_a_refund_of_the_rest_waits_for_its_order() -> None:
    shop = Shop()
    refund = native("e-2", "early", "2026-11-27T18:00:00Z", type="order_refunded", order_id="o-1")
    shop.send(PURCHASES, "early", refund)
    assert (shop.customer("early").spend, shop.customer("early").refunded) == (0, 0)
    assert shop.metric("refunds_without_effect") == shop.metric("refunds_unmatched") == 1
    shop.send(PURCHASES, "early", native("e-1", "early", "2026-11-24T18:00:00Z", order_id="o-1", amount=30))
    customer = shop.customer("early")
    assert (customer.purchases, customer.spend, customer.refunded) == (1, 0, 30_00)


def test_a_refund_whose_items_have_no_price_is_refused() -> None:
    refund = native("e-1", "c", "2026-11-27T18:00:00Z", type="order_refunded", order_id="o-1")
    for items, why in (([{"product_id": "A"}], "items.0 has no price"), (2, "a number of items does not tell it")):
        shop = Shop()
        shop.send(PURCHASES, "c", {**refund, "items": items})
        reason, detail = shop.dead_letter()
        assert reason == "missing_field"
        assert why in detail


@pytest.mark.parametrize("products", ['[{"price": 5}]', {"0": {"price": 5}}, [5], [{"price": 5}, "x"], 2, True])
def test_a_refund_with_unreadable_items_does_not_refund_the_rest(products: Any) -> None:
    shop = Shop()
    refund = track("m-1", "c", "Order Refunded", "2026-11-27T18:00:00Z", order_id="o-1", products=products)
    shop.send(PURCHASES, "c", refund)
    assert shop.dead_letter()[0] in ("wrong_type", "missing_field")
    shop = Shop()
    shop.send(PURCHASES, "c", native("e-1", "c", "2026-11-27T18:00:00Z", order_id="o-1", amount=5))
    shop.send(PURCHASES, "c", {**refund, "properties": {"order_id": "o-1", "total": 2, "products": products}})
    assert shop.customer("c").refunded == 2_00


@pytest.mark.parametrize("products", [None, []])
def test_a_refund_without_items_refunds_the_rest(products: Any) -> None:
    shop = Shop()
    shop.send(PURCHASES, "c", native("e-1", "c", "2026-11-27T18:00:00Z", order_id="o-1", amount=5))
    refund = track("m-1", "c", "Order Refunded", "2026-11-27T18:00:00Z", order_id="o-1", products=products)
    shop.send(PURCHASES, "c", refund)
    assert shop.customer("c").refunded == 5_00


def test_case_09_signs_of_refunds_and_returned_lines() -> None:
    shop = Shop()
    shop.send(
        PURCHASES, "neg", track("n-2", "neg", "Order Refunded", "2026-11-27T18:00:00Z", order_id="o-1", total=-16.13)
    )
    assert shop.customer("neg").refunded == 16_13
    lines = [
        {"category": "Shoes", "quantity": 1, "price": 80.0},
        {"category": "Shoes", "quantity": -1, "price": 50.0},
    ]
    exchange = native("x-1", "exchange", "2026-11-27T18:00:00Z", order_id="o-1", amount=30.0, items=lines)
    shop.send(PURCHASES, "exchange", exchange)
    customer = shop.customer("exchange")
    assert (customer.purchases, customer.spend) == (1, 30_00)
    assert shop.weight("exchange", "Shoes") == 0


def test_a_negative_order_is_a_return() -> None:
    shop = Shop()
    shop.send(PURCHASES, "c", native("e-1", "c", "2026-11-24T18:00:00Z", order_id="o-1", amount=80))
    shop.send(PURCHASES, "c", native("e-2", "c", "2026-11-25T18:00:00Z", order_id="o-1", amount="-30.00"))
    customer = shop.customer("c")
    assert (customer.purchases, customer.spend, customer.refunds, customer.refunded) == (1, 50_00, 1, 30_00)


# 10, 13: loose types and times


def test_case_10_amounts_and_ids_as_text_or_numbers() -> None:
    shop = Shop()
    call = track(
        "l-1", 70123, "Order Completed", "2026-11-29T18:00:00Z", order_id=50314, revenue="25.50", currency="usd"
    )
    shop.send(PURCHASES, "70123", call)
    assert shop.customer("70123").spend == 25_50
    again = native("l-2", "70123", "2026-11-29T18:00:00Z", order_id="50314", amount=25.5)
    shop.send(PURCHASES, "70123", again)
    assert shop.customer("70123").purchases == 1


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20 10:00:00 UTC",
        "2026-11-20T10:00:00UTC",
        "2026-11-20 10:00:00 GMT",
        "2026-11-20 10:00:00+0000",
        "2026-11-20 10:00:00 +0000",
        "2026-11-20T10:00:00+00",
        "2026-11-20T12:00:00+0200",
        "2026-11-20T12:00:00+02",
        "2026-11-20T10:00Z",
        "2026-11-20 10:00 UTC",
        "2026-11-20T12:00+02:00",
        "2026-11-20 10:00:00.000 UTC",
        "1795168800",
        "1795168800.000",
        1795168800,
    ],
)
def test_case_13_times_in_other_formats(written: Any) -> None:
    shop = Shop()
    shop.send(PURCHASES, "t", native("t-1", "t", written, order_id="o-1", amount=5))
    assert shop.customer("t").last_seen == seconds("2026-11-20T10:00:00Z")


@pytest.mark.parametrize("written", [1795168800, 1795168800000, "1795168800", "1795168800000", 1795168800000.0])
def test_case_13_envelopes_may_use_milliseconds(written: Any) -> None:
    shop = Shop()
    shop.send(INTERACTIONS, "t", track("m-1", "t", "Product Viewed", written))
    row = ga4("view_item", "t", written)
    shop.send(INTERACTIONS, "t", row, {**row, "event_timestamp": None, "timestamp_micros": None, "timestamp": written})
    assert shop.customer("t").first_seen == shop.customer("t").last_seen == seconds("2026-11-20T10:00:00Z")


def test_the_reason_names_milliseconds_in_a_native_event() -> None:
    for written in (1795168800000, "1795168800000"):
        shop = Shop()
        shop.send(PURCHASES, "t", native("t-1", "t", written, order_id="o-1", amount=5))
        assert shop.dead_letter()[0] == "time_in_future"
        assert "milliseconds" in shop.dead_letter()[1]


# 11: placeholder ids


@pytest.mark.parametrize(
    "customer",
    ["undefined", "null", "None", "NaN", "0", 0, -1, "[object Object]", "Anonymous", "GUEST", " unknown ", "(not set)",
     "00000000-0000-0000-0000-000000000000", "   "],
)  # fmt: skip
def test_case_11_placeholder_ids(customer: Any) -> None:
    shop = Shop()
    call = track("n-1", customer, "Order Completed", "2026-11-29T18:00:00Z", order_id="o-1", revenue=20.0)
    shop.send(PURCHASES, str(customer), call)
    shop.send(PURCHASES, str(customer), native("n-2", customer, NOW, order_id="o-1", amount=20.0))
    assert [dead_letter["reason"] for dead_letter in shop.dead_letters] == ["placeholder_id"] * 2
    assert shop.known == []


def test_the_list_of_placeholder_ids_is_a_setting() -> None:
    shop = Shop(placeholder_ids="walk-in, test")
    shop.send(PURCHASES, "guest", native("e-1", "guest", NOW, order_id="0", amount=20))
    assert shop.customer("guest").purchases == 1
    shop.send(PURCHASES, "Walk-In", native("e-1", "Walk-In", NOW, order_id="o-1", amount=20))
    assert shop.dead_letter()[0] == "placeholder_id"


# 12: clocks


def test_case_12a_a_device_whose_clock_is_ahead() -> None:
    shop = Shop()
    call = track("k-1", "clock", "Order Completed", "", order_id="o-1", revenue=45.0)
    clocks = {
        "originalTimestamp": "2026-12-01T23:30:00Z",
        "sentAt": "2026-12-01T23:30:04Z",
        "receivedAt": "2026-11-30T18:00:04Z",
    }
    del call["timestamp"]
    shop.send(PURCHASES, "clock", {**call, **clocks})
    assert shop.customer("clock").last_seen == seconds("2026-11-30T18:00:00Z")
    other = {**call, "messageId": "k-2", "userId": "other", "timestamp": "2026-12-01T23:30:00Z", **clocks}
    shop.send(PURCHASES, "other", other)
    assert shop.customer("other").last_seen == seconds("2026-11-30T18:00:00Z")


def test_a_call_that_is_sent_again_with_other_clocks_is_the_same_event() -> None:
    shop = Shop()
    for sent, received in (("17:00:04", "17:00:05"), ("17:10:00", "17:10:03")):
        call = track("", "c", "Product Viewed", f"2026-11-30T{received}Z", product_id="p")
        clocks = {"originalTimestamp": "2026-11-30T17:00:00Z", "sentAt": f"2026-11-30T{sent}Z"}
        shop.send(INTERACTIONS, "c", {**call, "messageId": None, **clocks, "receivedAt": f"2026-11-30T{received}Z"})
    assert shop.customer("c").interactions == 1


def test_the_future_begins_five_minutes_after_the_record_was_written() -> None:
    order = native("e-1", "c", "2026-11-30T12:00:00Z", order_id="o-1", amount=5)
    shop = Shop()
    shop.send(PURCHASES, "c", order, written="2026-11-30T11:54:59Z")
    assert shop.dead_letter()[0] == "time_in_future"
    shop = Shop()
    shop.send(PURCHASES, "c", order, written="2026-11-30T11:55:00Z")
    assert shop.customer("c").purchases == 1
    late = {**order, "event_id": "e-2", "occurred_at": "2026-11-30T18:05:01Z"}
    shop.send(PURCHASES, "c", late, written="2027-01-01T00:00:00Z")
    assert shop.dead_letter()[0] == "time_in_future"


def test_an_event_in_a_record_without_timestamp_is_compared_with_the_clock() -> None:
    shop = Shop()
    shop.send(PURCHASES, "c", native("e-1", "c", NOW, order_id="o-1", amount=5), written="1970-01-01T00:00:00Z")
    assert shop.customer("c").purchases == 1


# 15: schema registries

ORDER = native("e-1", "c", "2026-11-29T18:00:00Z", order_id="o-1", amount=5)


@pytest.mark.parametrize("header", [b"\0\0\0\0\7", b"\0" + (9).to_bytes(8), b"\3\0" + bytes(range(16))])
def test_case_15_json_after_the_header_of_a_schema_registry(header: bytes) -> None:
    shop = Shop()
    call = track("m-1", "c", "Order Completed", "2026-11-29T18:00:00Z", order_id="o-2", revenue="7")
    shop.send(PURCHASES, "c", header + json.dumps(ORDER).encode(), header + json.dumps(call).encode())
    assert shop.customer("c").spend == 12_00


def test_case_15_the_reason_names_avro_and_protobuf() -> None:
    for payload in (b"\x06e-1\x02c\x06o-1", b"\0\x0a\x03e-1\x12\x01c"):
        shop = Shop()
        shop.send(PURCHASES, "c", b"\0\0\0\1\2" + payload)
        reason, detail = shop.dead_letter()
        assert reason == "unsupported_format"
        assert "schema registry's header (schema 258)" in detail
        assert "Avro or Protobuf" in detail


# 31: event names of the first e-commerce specification


def test_case_31_event_names_of_the_first_specification() -> None:
    shop = Shop()
    time = "2026-11-28T18:00:00Z"
    shop.send(PURCHASES, "v1", track("m-1", "v1", "Completed Order", time, order_id="o-1", revenue=61.0))
    names = ("Viewed Product", "viewedProduct", "viewed_product_category", "Added Product", "Removed Product")
    shop.send(INTERACTIONS, "v1", *(track(f"m-{name}", "v1", name, time) for name in names))
    customer = shop.customer("v1")
    assert (customer.purchases, customer.spend, customer.interactions) == (1, 61_00, 5)
    assert shop.features("v1")["cart_rate"] > 0


@pytest.mark.parametrize("amount", [70.0, 145.0])
def test_an_order_update_replaces_the_amount(amount: float) -> None:
    shop = Shop()
    placed = track("m-1", "c", "Order Completed", "2026-11-25T18:00:00Z", order_id="o-1", revenue=100.0)
    update = track("m-2", "c", "Order Updated", "2026-11-26T18:00:00Z", order_id="o-1", revenue=amount)
    shop.send(PURCHASES, "c", placed, update, placed)
    assert (shop.customer("c").purchases, shop.customer("c").spend) == (1, amount * 100)


@pytest.mark.parametrize("name", ["order_updated", "order_completed"])
def test_an_edited_order_has_its_latest_amount(name: str) -> None:
    """Case 16."""
    shop = Shop()
    first = native("en-1", "edit", "2026-11-25T18:00:00Z", order_id="o-1", amount=100.0)
    edit = native("en-2", "edit", "2026-11-26T18:00:00Z", order_id="o-1", amount=70.0, type=name)
    shop.send(PURCHASES, "edit", first)
    shop.send(PURCHASES, "edit", edit)
    assert (shop.customer("edit").purchases, shop.customer("edit").spend) == (1, 70_00)
    assert shop.metric("orders_edited") == 1


def test_a_shopify_order_that_was_updated_has_its_latest_amount() -> None:
    for first, second in ((0, 1), (1, 0)):
        shop = Shop()
        statements = [
            {**SHOPIFY_ORDER, "currency": "USD", "cancelled_at": None, "total_price": price, "updated_at": updated_at}
            for price, updated_at in (("99.00", "2026-11-20T11:00:00+01:00"), ("120.00", "2026-11-21T11:00:00+01:00"))
        ]
        key = str(SHOPIFY_ORDER["customer"]["id"])
        shop.send(PURCHASES, key, statements[first], statements[second])
        assert (shop.customer(key).purchases, shop.customer(key).spend) == (1, 120_00)


def test_a_refund_notified_twice_counts_once() -> None:
    """Case 06."""
    shop = Shop()
    shop.send(PURCHASES, "c", native("e-1", "c", "2026-11-24T18:00:00Z", order_id="o-1", amount=100))
    refund = native("e-2", "c", "2026-11-27T18:00:00Z", type="order_refunded", order_id="o-1", amount=30)
    more = {"refund_id": 7, "order_at": "2026-11-24 18:00 UTC"}
    shop.send(PURCHASES, "c", {**refund, **more}, {**refund, **more, "event_id": "e-3"})
    assert (shop.customer("c").refunded, shop.customer("c").refunds) == (30_00, 1)
    assert shop.metric("repeats_skipped", by="refund_id") == 1


def test_a_queue_that_a_phone_sends_again_counts_once() -> None:
    """Case 05."""
    shop = Shop()
    queue = [
        track(f"m-{number}", "c", "Product Viewed", f"2026-11-30T12:00:{number:02}Z", product_id="p", category="Tea")
        for number in range(20)
    ]
    shop.send(INTERACTIONS, "c", *queue)
    shop.send(INTERACTIONS, "c", *queue)
    assert shop.customer("c").interactions == 20
    assert shop.metric("repeats_skipped", by="event_id") == 20


def test_a_refund_of_an_old_order_does_not_erase_what_was_kept() -> None:
    """Case 18b."""
    shop = Shop()
    orders = [("o-1", "2026-10-21", 200.0), ("o-2", "2026-10-31", 50.0), ("o-3", "2026-11-10", 50.0)]
    for order_id, day, amount in [*orders, ("o-4", "2026-11-20", 50.0)]:
        shop.send(PURCHASES, "c", native(order_id, "c", f"{day}T18:00:00Z", order_id=order_id, amount=amount))
    refund = native("l-5", "c", "2026-11-29T18:00:00Z", type="order_refunded", order_id="o-1", amount=200.0)
    shop.send(PURCHASES, "c", refund)
    features = shop.features("c")
    assert features["spend_rate"] == pytest.approx(66.67, abs=0.005)
    assert features["refund_share"] == pytest.approx(0.45, abs=0.005)


def test_a_cancelled_order_counts_as_never_placed() -> None:
    """Case 34."""
    shop = Shop()
    shop.send(PURCHASES, "c", native("g-1", "c", "2026-08-22T18:00:00Z", order_id="o-1", amount=60.0))
    shop.send(PURCHASES, "c", native("g-2", "c", "2026-11-27T18:00:00Z", order_id="o-2", amount=80.0))
    cancelled = native("g-3", "c", "2026-11-28T18:00:00Z", type="order_cancelled", order_id="o-2")
    shop.send(PURCHASES, "c", cancelled)
    features = shop.features("c")
    assert shop.customer("c").purchases == 1
    assert (features["recency_days"], features["gap_days"]) == (pytest.approx(100), 0)


def test_the_categories_of_an_export_have_their_names() -> None:
    """Case 03."""
    shop = Shop()
    event = {
        "event_name": "purchase",
        "event_timestamp": "1795802742000000",
        "user_id": "ga-int",
        "event_params": [{"key": "value", "value": {"int_value": "40"}}],
        "ecommerce": {"transaction_id": "T-900"},
        "items": [{"item_id": "A", "item_category": "Tea", "quantity": "3"}],
    }
    shop.send(PURCHASES, "ga-int", event)
    assert shop.categories("ga-int") == {"Tea": 3}


def test_ratings_and_campaigns_are_remembered() -> None:
    shop = Shop()
    at = "2026-11-30T12:00:00Z"
    review = native("e-1", "c", at, type="review_posted", rating=4)
    answer = native("e-2", "c", at, type="survey_answered", rating="4.5", question="style", answer="plain")
    sent = native("e-3", "c", at, type="campaign_received", campaign_id=17)
    later = native("e-4", "c", "2026-11-30T13:00:00Z", type="campaign_received", campaign_id="spring")
    shop.send(INTERACTIONS, "c", review, answer, later, sent)
    customer = shop.customer("c")
    assert (customer.ratings, customer.rating_sum) == (2, 8.5)
    assert customer.campaign_at == seconds("2026-11-30T13:00:00Z")
    assert shop.traits("c") == {"survey.style": "plain"}
