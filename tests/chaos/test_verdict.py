"""Every row of the verdict can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.workload import fixed_model
from stream_seg.contracts.model import parse_snapshot
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from tests.chaos.verdict import Verdict, judge_changes, judge_customers, judge_letters, judge_models, judge_redis
from tests.integration.support.ending import Ending, Letter, Place
from tests.integration.support.events import Sent, order
from tests.integration.support.yardstick import HALF_LIFE_S, expect

LIFE = 1_763_764_800_123
SINCE = ("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z")
MODEL = fixed_model()


def change(sequence: int, came_from: dict[str, str] | None, to: str, **more: Any) -> Letter:
    """Return a change of customer c-1 as stored on the topic."""
    now = {"segment": to, "name": to.upper(), "since": SINCE[sequence - 1]}
    value = {
        "customer_id": "c-1",
        "dimension": "behavior",
        "change": "moved" if came_from else "entered",
        "from": came_from,
        "to": now,
        "segments": {"behavior": now},
        "sequence": sequence,
        "life": LIFE,
        "epoch": LIFE,
        **more,
    }
    headers = (("ce_id", f"c-1/behavior/{LIFE}/{sequence}".encode()),)
    return Letter(0, sequence, b"c-1", json.dumps(value).encode(), headers)


FIRST = change(1, None, "b0")
SECOND = change(2, {"segment": "b0", "name": "B0", "since": SINCE[0]}, "b1")


def ending(*changes: Letter, **held: Any) -> Ending:
    """Return one customer and the changes under test."""
    engine = Engine(Rules(Decay(HALF_LIFE_S)))
    customer = engine.new_customer(LIFE)
    event = {"event_id": "e-o1", "type": "order_completed", "order_id": "o-1"}
    engine.absorb(customer, "purchases", 0, event, 1_738_368_000.0, 20_00)
    customer.slots[0], customer.sequence, customer.since[0] = held.pop("segment", 1), 2, 1_738_368_000.0
    for name, value in held.items():
        setattr(customer, name, value)
    return Ending({}, {"c-1": customer}, list(changes), [])


SENT = [order("c-1", 1, "2025-02-01T00:00:00Z", 20.0, currency="USD")]
TOPIC = {"c-1": Place(2, {"behavior": ("b1", "B1", SINCE[1])})}


def judged(end: Ending) -> dict[str, int | None]:
    """Return the rows about customers and changes."""
    verdict = Verdict()
    judge_customers(verdict, end, expect(SENT), None)
    judge_changes(verdict, end)
    return {name: found for name, found in verdict.figures.items() if found}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert judged(ending(FIRST, SECOND, SECOND)) == {}
    verdict = Verdict()
    assert judge_changes(verdict, ending(FIRST, SECOND)) == TOPIC
    judge_redis(verdict, TOPIC, TOPIC, {"behavior:b1": 1})
    assert verdict.ok


@pytest.mark.parametrize(
    ("end", "row"),
    [
        (ending(FIRST, SECOND, spend=40_00), "counts_differ"),
        (ending(FIRST, SECOND, last_purchase=1.0), "counts_differ"),
        (ending(FIRST, SECOND, sequence=3), "last_change_differs"),
        (ending(FIRST, SECOND, segment=2), "last_change_differs"),
        (ending(FIRST, SECOND, life=1), "last_change_differs"),
        (ending(SECOND), "sequence_gaps"),
        (ending(FIRST, change(2, {"segment": "b3"}, "b1")), "unchained"),
        (ending(FIRST, SECOND, replace(SECOND, headers=(*SECOND.headers, ("x", b"")))), "ce_id_contents"),
        (ending(FIRST, SECOND, replace(SECOND, value=(SECOND.value or b"") + b" ")), "ce_id_contents"),
    ],
)
def test_each_fault_is_found(end: Ending, row: str) -> None:
    assert judged(end).get(row) == 1


def test_a_segment_that_is_not_the_nearest_is_found() -> None:
    right = expect(SENT)["c-1"].segment(MODEL, 1_738_368_000.0)
    for segment, found in ((right, 0), ("b5", 1)):
        verdict = Verdict()
        judge_customers(verdict, ending(segment=int(str(segment)[1:])), expect(SENT), MODEL)
        assert verdict.figures["segments_differ"] == found


def test_a_document_that_is_late_missing_or_too_many_is_found() -> None:
    for redis in ({"c-1": Place(1, {"behavior": ("b0", "B0", SINCE[0])})}, {}, {**TOPIC, "c-2": TOPIC["c-1"]}):
        verdict = Verdict()
        judge_redis(verdict, TOPIC, redis, {"behavior:b1": 2})
        assert verdict.figures["redis_differs"] == 1
        assert verdict.figures["sizes_differ"] == 1


def test_a_change_of_the_name_alone_must_say_so() -> None:
    was = {"segment": "b0", "name": "B0", "since": SINCE[0]}
    assert judged(ending(FIRST, change(2, was, "b0")))["unchained"] == 1
    assert "unchained" not in judged(ending(FIRST, change(2, was, "b0", change="renamed")))


def test_a_model_or_a_name_that_has_not_arrived_is_found() -> None:
    snapshot = parse_snapshot(
        json.dumps(
            {**MODEL, "segments": [{**MODEL["segments"][0], "name_pinned": True}, *MODEL["segments"][1:]]}
        ).encode()
    )
    named = snapshot.segments[0]
    for shown, name, found in (
        (snapshot.version, named.name, (0, 0)),
        (snapshot.version + 1, "B0", (1, 1)),
        (None, "B0", (1, 1)),
    ):
        verdict = Verdict()
        places = {
            "c-1": Place(1, {"behavior": (named.id, name, SINCE[0])}),
            "c-2": Place(1, {"behavior": ("b1", "anything", SINCE[0])}),
        }
        judge_models(verdict, snapshot, None if shown is None else {"version": shown}, places)
        assert (verdict.figures["models_differ"], verdict.figures["misnamed"]) == found
    verdict = Verdict()
    judge_models(verdict, None, None, TOPIC)
    assert verdict.ok


def test_missing_dead_letters_and_those_of_good_records_are_found() -> None:
    bad = Sent("purchases", b"c-1", b"{", good=False)
    letter = Letter(0, 0, SENT[0].key, SENT[0].value, (("reason", b"bad_amount"),))
    verdict = Verdict()
    judge_letters(verdict, [letter], [*SENT, bad])
    assert verdict.figures["malformed_without_letter"] == verdict.figures["letters_for_good"] == 1
    judge_letters(verdict, [replace(letter, value=b"{")], [*SENT, bad])
    assert verdict.ok
