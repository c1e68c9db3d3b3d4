"""The simulated shop: repeatable, in order of arrival, and with the requested disorder."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest

from stream_seg.datasets import SourceRecord
from stream_seg.datasets.archetypes import ARCHETYPES, NAMES
from stream_seg.datasets.simulator import CUSTOMER_DAYS, START_S, Disturbances, simulate
from stream_seg.errors import SourceError

DAY_S = 86_400


def events(records: list[SourceRecord]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records]


@pytest.fixture(scope="module")
def records() -> list[SourceRecord]:
    return list(simulate(300, 60, seed=7))


def test_the_same_seed_gives_the_same_bytes() -> None:
    disturbances = Disturbances(drift_share=0.3, sale_day=2, late_share=0.1, duplicate_share=0.1)
    one = simulate(50, 5, seed=3, disturbances=disturbances)
    two = simulate(50, 5, seed=3, disturbances=disturbances)
    assert list(one) == list(two) == list(one)
    assert one.truth(4) == two.truth(4)


def test_another_seed_or_size_shares_no_event_id() -> None:
    runs = [simulate(20, 3, seed=1), simulate(20, 3, seed=2), simulate(21, 3, seed=1), simulate(20, 4, seed=1)]
    ids = [{event["event_id"] for event in events(list(run))} for run in runs]
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_time_goes_forward_within_the_period(records: list[SourceRecord]) -> None:
    times = [record.occurred_at_s for record in records]
    assert times == sorted(times)
    assert times[0] >= START_S
    assert times[-1] < START_S + 60 * DAY_S


def test_the_events_time_and_key_are_the_records(records: list[SourceRecord]) -> None:
    value = orjson.loads(records[0].value)
    assert value["occurred_at"] == "2025-01-01T00:00:00.000Z"
    assert all(
        event["customer_id"].encode() == record.key for event, record in zip(events(records), records, strict=True)
    )


def test_a_funnel_narrows(records: list[SourceRecord]) -> None:
    kinds = Counter(event["type"] for event in events(records) if event.get("channel") != "store")
    assert kinds["product_viewed"] > kinds["product_added"] > kinds["checkout_started"] > kinds["order_completed"] > 0
    assert {event["type"] for event in events(records)} == {
        "identify", "campaign_received", "email_opened", "product_viewed", "product_added", "checkout_started",
        "order_completed", "order_refunded", "order_cancelled", "coupon_redeemed",
    }  # fmt: skip


def test_every_customer_is_identified_once(records: list[SourceRecord]) -> None:
    identified = Counter(record.key for record in records if record.topic == "profiles")
    assert len(identified) == 300
    assert set(identified.values()) == {1}


def test_a_few_percent_of_orders_come_back_and_never_more_than_was_paid(records: list[SourceRecord]) -> None:
    purchases = [event for event in events(records) if event["type"].startswith("order_")]
    paid = {event["order_id"]: event for event in purchases if event["type"] == "order_completed"}
    back = [event for event in purchases if event["type"] != "order_completed"]
    assert 0.01 < len(back) / len(paid) < 0.1
    for event in back:
        order = paid[event["order_id"]]
        assert event["customer_id"] == order["customer_id"]
        assert event["occurred_at"] > order["occurred_at"]
        assert 0 < event["amount"] <= order["amount"]


def test_few_products_make_most_of_the_views(records: list[SourceRecord]) -> None:
    views = Counter(event["product_id"] for event in events(records) if event["type"] == "product_viewed")
    top = sum(count for _, count in views.most_common(len(views) // 10))
    assert top > 0.4 * views.total()


def test_archetypes_behave_differently(records: list[SourceRecord]) -> None:
    truth = simulate(300, 60, seed=7).truth(59)
    orders = Counter(truth[e["customer_id"]] for e in events(records) if e["type"] == "order_completed")
    members = Counter(truth.values())
    rate = {name: orders[name] / members[name] for name in NAMES}
    assert rate["frequent small"] > 2 * rate["loyal big baskets"] > 4 * rate["browser"]
    assert set(members) == set(NAMES) == {archetype.name for archetype in ARCHETYPES}


def test_no_customer_changes_without_drift_and_half_do_with_half() -> None:
    still = simulate(400, 30, seed=1)
    assert still.truth(0) == still.truth(29)
    drifting = simulate(400, 30, seed=1, disturbances=Disturbances(drift_share=0.5))
    before, after = drifting.truth(0), drifting.truth(30)
    changed = [customer for customer in before if before[customer] != after[customer]]
    assert 150 < len(changed) < 250
    assert all(after[customer] != "new" for customer in changed)


def test_a_sale_brings_more_sessions_and_lower_prices() -> None:
    calm = list(simulate(200, 28, seed=1))
    sale = list(simulate(200, 28, seed=1, disturbances=Disturbances(sale_day=14)))

    def views(records: list[SourceRecord], first_day: int) -> int:
        begin = START_S + first_day * DAY_S
        inside = [record for record in records if begin <= record.occurred_at_s < begin + 14 * DAY_S]
        return sum(b'"product_viewed"' in record.value for record in inside)

    assert views(sale, 14) > 1.2 * views(calm, 14)
    assert 0.9 < views(sale, 0) / views(calm, 0) < 1.1


def test_late_events_are_late_by_up_to_a_day() -> None:
    records = list(simulate(200, 20, seed=1, disturbances=Disturbances(late_share=0.1)))
    newest, delays = 0.0, []
    for record in records:
        newest = max(newest, record.occurred_at_s)
        delays.append(newest - record.occurred_at_s)
    late = [delay for delay in delays if delay > 300]
    assert 0.05 < len(late) / len(records) < 0.12
    assert max(delays) <= DAY_S
    ids = [event["event_id"] for event in events(records)]
    assert len(set(ids)) == len(ids)


def test_duplicates_are_the_same_to_the_byte() -> None:
    records = list(simulate(200, 20, seed=1, disturbances=Disturbances(duplicate_share=0.05)))
    values = Counter(record.value for record in records)
    assert 0.03 < sum(count == 2 for count in values.values()) / len(values) < 0.07
    assert len({orjson.loads(value)["event_id"] for value in values}) == len(values)


def test_a_large_shop_goes_by_the_hour_and_is_in_order_too() -> None:
    shop = simulate(2 * CUSTOMER_DAYS, 1, seed=1)
    times = [record.occurred_at_s for record in shop]
    assert times == sorted(times)


def test_a_shop_without_customers_is_refused() -> None:
    with pytest.raises(SourceError, match="0 customers over 5 days; give at least 1 of each"):
        simulate(0, 5)
    with pytest.raises(SourceError, match="the seed is -1; give 0 or more"):
        simulate(seed=-1)
