"""The facts about one customer: what a record says, and what a program gets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest

from stream_seg.contracts.document import CustomerSegments, SegmentNow
from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.settings import Settings
from stream_seg.views.customer import CustomerView, RecordFacts, record_facts
from stream_seg.worker.partitions.state import PartitionState

KEYS = [
    "customer_id", "segments", "orders", "spend", "refunded", "refunds", "interactions", "traits", "categories",
    "features", "facts", "deadlines", "as_of", "changes",
]  # fmt: skip


def at(day: int, hour: int = 12) -> float:
    return datetime(2017, 5, day, hour, tzinfo=UTC).timestamp()


def customer() -> Customer:
    engine = example.engine()
    made = engine.new_customer(life=1)
    orders = [("o-1", at(1), 10_00), ("o-2", at(1, 18), 20_05), ("o-3", at(9), 300_00), ("o-4", at(9), 7_00)]
    for offset, (order, t, amount) in enumerate(orders):
        event = {"event_id": f"e-{order}", "type": "order_completed", "order_id": order}
        engine.absorb(made, "purchases", offset, event, t, amount)
    back = {"event_id": "e-4", "type": "order_refunded", "order_id": "o-3"}
    engine.absorb(made, "purchases", 4, back, at(10), 50_00)
    engine.absorb(made, "purchases", 5, {"event_id": "e-5", "type": "order_cancelled", "order_id": "o-4"}, at(10), 0)
    engine.absorb(made, "interactions", 0, {"event_id": "e-6", "type": "product_viewed"}, at(11))
    engine.absorb(made, "interactions", 1, {"event_id": "e-7", "type": "campaign_received"}, at(11))
    traits = {"event_id": "e-8", "type": "identify", "traits": {"age": "65+", "kids": 0}}
    engine.absorb(made, "profiles", 0, traits, at(1))
    made.as_of = made.last_seen
    return made


def facts_of(record: Customer, **settings: Any) -> RecordFacts:
    state = PartitionState(records={b"c-1": record.pack()})
    found = record_facts(b"c-1", 3, state, Settings(**settings))
    assert found is not None
    return found


def test_a_record_in_major_units() -> None:
    found = facts_of(customer())

    assert (found.partition, found.half_life_days) == (3, 30.0)
    assert (found.orders, found.order_days, found.interactions) == (3, 2, 2)
    assert (found.spend, found.refunds, found.refunded) == (280.05, 1, 57.0)
    assert (found.first_order, found.last_order) == (at(1), at(9))
    assert (found.first_seen, found.last_seen, found.as_of) == (at(1), at(11), at(11))
    assert found.traits == {"age": "65+", "kids": 0}


def test_features_are_those_of_the_last_evaluation() -> None:
    found = facts_of(customer())

    assert found.features["recency_days"] == 2.0
    assert found.features["gap_days"] == 8.0
    assert found.features["basket_value"] == pytest.approx(103.1291, abs=1e-4)  # the later orders weigh more


def test_a_currency_without_minor_units() -> None:
    found = facts_of(customer(), currency="JPY")

    assert (found.spend, found.refunded) == (28_005.0, 5_700.0)


def test_a_state_without_the_customer() -> None:
    assert record_facts(b"c-2", 3, PartitionState(records={b"c-1": customer().pack()}), Settings()) is None


CHANGES: list[dict[str, Any]] = [{"sequence": number} for number in (1, 2, 3)]
DOCUMENT = CustomerSegments(
    customer_id="c-1",
    segments={
        "behavior": SegmentNow("b1", "Big spenders", datetime(2017, 5, 9, 18, 0, 31, tzinfo=UTC)),
        "rule:vip": SegmentNow(
            "in", "VIPs", datetime(2017, 5, 9, tzinfo=UTC), until=datetime(2017, 6, 1, 0, 0, 0, 250_000, tzinfo=UTC)
        ),
    },
    sequence=3,
    epoch=1,
    as_of=datetime(2017, 5, 11, tzinfo=UTC),
    model_version=3,
)


def view(**changed: Any) -> CustomerView:
    found = CustomerView("c-1", DOCUMENT, facts_of(customer()), CHANGES, {})
    return replace(found, **changed)


def test_facts_for_programs() -> None:
    facts = view().facts()

    assert list(facts) == KEYS
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    features = facts.pop("features")
    assert features["recency_days"] == 2.0
    assert facts == {
        "customer_id": "c-1",
        "segments": {
            "behavior": {"segment": "b1", "name": "Big spenders", "since": "2017-05-09T18:00:31Z"},
            "rule:vip": {
                "segment": "in", "name": "VIPs", "since": "2017-05-09T00:00:00Z", "until": "2017-06-01T00:00:00.250Z",
            },
        },
        "orders": 3,
        "spend": 280.05,
        "refunded": 57.0,
        "refunds": 1,
        "interactions": 2,
        "traits": {"age": "65+", "kids": 0},
        "categories": {},
        "facts": {},
        "deadlines": {},
        "as_of": "2017-05-11T12:00:00Z",
        "changes": [{"sequence": 3}, {"sequence": 2}, {"sequence": 1}],
    }  # fmt: skip


@pytest.mark.parametrize(("shown", "sequences"), [(None, [3, 2, 1]), (0, []), (2, [3, 2]), (9, [3, 2, 1])])
def test_the_last_changes_come_first(shown: int | None, sequences: list[int]) -> None:
    assert [change["sequence"] for change in view().facts(shown)["changes"]] == sequences


def test_figures_that_no_place_knows_are_null() -> None:
    facts = view(record=None, document=None).facts()

    assert list(facts) == KEYS
    names = ("orders", "spend", "refunded", "refunds", "interactions", "traits", "features", "as_of")
    assert {name: facts[name] for name in names} == dict.fromkeys(names)
    assert facts["segments"] == {}


def test_a_number_that_json_lacks_is_null() -> None:
    record = replace(facts_of(customer()), features={"spend_rate": inf, "order_rate": 1.5}, as_of=-inf)

    facts = view(record=record).facts()

    assert (facts["features"], facts["as_of"]) == ({"spend_rate": None, "order_rate": 1.5}, None)


@pytest.mark.parametrize(
    ("places", "known"),
    [
        ({}, True),
        ({"document": None, "record": None}, True),
        ({"document": None, "changes": []}, True),
        ({"record": None, "changes": []}, True),
        ({"document": None, "record": None, "changes": []}, False),
    ],
)
def test_a_customer_is_known_where_any_place_knows_it(places: dict[str, Any], known: bool) -> None:
    assert view(**places).known is known
