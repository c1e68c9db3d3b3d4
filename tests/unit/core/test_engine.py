"""Transitions: the segments before and after a change, and its reason."""

from __future__ import annotations

import doctest
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from stream_seg.core import engine as engine_module
from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.dimensions.base import View
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import Assignment, SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.evaluation import apply, evaluate
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.features import Matrix
from stream_seg.core.record import columns
from stream_seg.core.transitions import CurrentSegment, FeatureReason, Transition

Array = np.ndarray[Any, Any]

NOW = 1_700_000_000.0


MODEL = SegmentModel(
    version=12,
    features=("order_rate", "spend_rate", "browse_rate", "refund_share"),
    log=(False,) * 4,
    center=np.zeros(4),
    scale=np.array([1.0, 100.0, 10.0, 0.25]),
    centroids=np.zeros((3, 4)),
    names=("Quiet", "Keen", "Lapsed"),
)


def an_engine(behavior: Behavior | None = None) -> Engine:
    """Return an engine with three segments on four features.

    A step on the scale of its model is one order, 100 of money, 10 views, or a quarter of refunds.
    """
    return Engine(Rules(Decay(30 * DAY_S)), behavior or Behavior(model=MODEL))


class Fixed(SegmentModel):
    """A model that finds every customer at the same distances from the centers."""

    def at(self, distances: tuple[float, ...]) -> Fixed:
        object.__setattr__(self, "distances", distances)
        return self

    def assign(self, matrix: Matrix) -> Assignment:
        order = np.argsort(self.distances, kind="stable")  # type: ignore[attr-defined]
        n = len(matrix)
        found = np.tile(self.distances, (n, 1))  # type: ignore[attr-defined]
        return Assignment(np.repeat(order[0], n), np.repeat(order[1], n), found, np.ones((3, 3)))


def row(**features: float) -> Array:
    """Return a row of features with zeros for features that are not given."""
    return np.array([features.get(name, 0.0) for name in FEATURES])


def move(
    engine: Engine,
    customer: Customer,
    after: Array,
    before: Array | None = None,
    distances: tuple[float, ...] = (8.0, 2.0, 9.0),
    now: float = NOW,
    code: str = "event",
) -> Transition:
    """Move a customer at these distances from the centers, with these features."""
    behavior = engine.dimensions[0]
    assert isinstance(behavior, Behavior)
    assert behavior.model is not None
    behavior.model = Fixed(**{each.name: getattr(behavior.model, each.name) for each in fields(SegmentModel)}).at(
        distances
    )
    batch = engine.new_batch()
    batch.open([b"c-1"], [customer.pack()])
    batch.causes[0] = cause = customer.cause
    batch["before"][0] = np.zeros(len(FEATURES)) if before is None else before
    view = View(batch, np.array([now]), Decay(30 * DAY_S), 100.0)
    view.features = after[np.newaxis]
    (change,) = apply(evaluate(engine.dimensions, view), view, batch, code).transitions
    customer.load(batch.pack()[0])
    customer.cause = cause
    return change


def features_of(change: Transition) -> dict[str, tuple[float, float]]:
    assert isinstance(change.reason, FeatureReason)
    return change.reason.features


def current(engine: Engine, customer: Customer) -> CurrentSegment:
    """Return the segment of a customer in behavior."""
    (segments,) = engine.current_segments(columns([customer.pack()]), [0])
    return segments["behavior"]


def entered(engine: Engine, customer: Customer) -> Transition:
    """Evaluate a customer for the first time."""
    (change,) = engine.update(b"c-1", customer, NOW)
    return change


def with_an_order(engine: Engine, event_id: str = "e-1") -> Customer:
    customer = engine.new_customer(1763764800123)
    engine.absorb(customer, "purchases", 0, {"event_id": event_id, "order_id": "o-1"}, NOW, 1000)
    return customer


def test_the_example_of_the_module_runs() -> None:
    result = doctest.testmod(engine_module)
    assert (result.attempted, result.failed) == (7, 0)


def test_a_first_segment_is_entered() -> None:
    engine = an_engine()
    customer = with_an_order(engine)
    change = move(engine, customer, row(order_rate=2.0, spend_rate=50.0))
    keen = CurrentSegment("b1", "Keen", NOW)
    assert change == Transition(
        customer_id="c-1",
        dimension="behavior",
        change="entered",
        from_=None,
        to=keen,
        code="event",
        event_id="e-1",
        event_type="order_completed",
        reason=FeatureReason({"order_rate": (0.0, 2.0), "spend_rate": (0.0, 50.0)}),
        confidence=0.75,  # 1 - 2 / 8
        runner_up="b0",
        segments={"behavior": keen},
        sequence=1,
        life=1763764800123,
        occurred_at=NOW,
        version=12,
    )
    assert (customer.slots[0], customer.since[0], customer.versions[0], customer.sequence) == (1, NOW, 12, 1)


def test_a_later_segment_is_moved_to_and_changes_chain() -> None:
    engine = an_engine()
    customer = with_an_order(engine)
    first = move(engine, customer, row(order_rate=2.0))
    view = {"event_id": "e-2", "type": "product_viewed"}
    engine.absorb(customer, "interactions", 0, view, NOW + 60)
    second = move(engine, customer, row(), row(order_rate=2.0), (9.0, 4.0, 3.0), NOW + 60)
    assert (second.change, second.from_, second.to) == ("moved", first.to, CurrentSegment("b2", "Lapsed", NOW + 60))
    assert (second.event_id, second.event_type) == ("e-2", "product_viewed")
    assert (second.confidence, second.runner_up) == (0.25, "b1")
    assert (first.sequence, second.sequence, second.life) == (1, 2, first.life)
    assert second.segments == {"behavior": second.to}


def test_a_reason_names_the_three_features_that_moved_most_on_the_scale_of_the_model() -> None:
    # In steps: spend 3, refunds 2, orders 1.5, views 1.
    before = row(order_rate=2.5, spend_rate=100.0, browse_rate=30.0, refund_share=0.0, basket_value=5.0)
    after = row(order_rate=1.0, spend_rate=400.0, browse_rate=40.0, refund_share=0.5, basket_value=5000.0)
    engine = an_engine()
    change = move(engine, with_an_order(engine), after, before)
    assert list(features_of(change).items()) == [
        ("spend_rate", (100.0, 400.0)),
        ("refund_share", (0.0, 0.5)),
        ("order_rate", (2.5, 1.0)),
    ]


def test_a_reason_names_no_feature_that_hardly_moved() -> None:
    before = row(order_rate=1.0, spend_rate=100.0, browse_rate=30.0)
    after = row(order_rate=1.04, spend_rate=95.2, browse_rate=29.0, refund_share=0.1)
    engine = an_engine()
    change = move(engine, with_an_order(engine), after, before)
    assert features_of(change) == {"refund_share": (0.0, 0.1), "browse_rate": (30.0, 29.0)}
    assert features_of(move(engine, with_an_order(engine), before, before)) == {}


def test_of_features_that_moved_equally_the_first_of_the_model_is_named_first() -> None:
    engine = an_engine()
    change = move(engine, with_an_order(engine), row(order_rate=1.0, spend_rate=100.0, browse_rate=10.0))
    assert list(features_of(change)) == ["order_rate", "spend_rate", "browse_rate"]


def test_values_are_rounded_for_reading() -> None:
    engine = an_engine()
    change = move(engine, with_an_order(engine), row(order_rate=2 / 3), row(order_rate=1 / 3), (3.0, 1.0, 9.0))
    assert features_of(change) == {"order_rate": (0.3333, 0.6667)}
    assert change.confidence == 0.6667


@pytest.mark.parametrize(
    ("distances", "confidence", "runner_up"),
    [
        ((5.0, 0.0, 9.0), 1.0, "b0"),
        ((4.0, 3.0, 9.0), 0.25, "b0"),
        ((3.0, 3.0, 3.0), 0.0, "b1"),
        ((0.0, 0.0, 3.0), 0.0, "b1"),
    ],
)
def test_confidence_is_how_much_nearer_the_segment_is_than_the_runner_up(
    distances: tuple[float, ...], confidence: float, runner_up: str
) -> None:
    engine = an_engine()
    change = move(engine, with_an_order(engine), row(), None, distances)
    assert (change.confidence, change.runner_up) == (confidence, runner_up)


def test_a_model_of_one_segment_has_no_runner_up() -> None:
    engine = an_engine(Behavior(model=replace(MODEL, centroids=np.zeros((1, 4)), names=("All",))))
    customer = with_an_order(engine)
    change = entered(engine, customer)
    assert (change.to, change.runner_up, change.confidence) == (CurrentSegment("b0", "All", NOW), None, 0.0)


@pytest.mark.parametrize("reason", ["model", "deadline"])
def test_only_an_event_is_named_as_cause(reason: str) -> None:
    engine = an_engine()
    change = move(engine, with_an_order(engine), row(), code=reason)
    assert (change.code, change.event_id, change.event_type) == (reason, None, None)


def test_the_cause_is_the_last_event_that_was_absorbed() -> None:
    engine = an_engine()
    customer = with_an_order(engine)
    repeats = [
        {"event_id": "e-1", "order_id": "o-1"},  # the same event
        {"event_id": "e-9", "order_id": "o-1"},  # the same order
    ]
    for offset, event in enumerate(repeats, 1):
        engine.absorb(customer, "purchases", offset, event, NOW, 1000)
    assert move(engine, customer, row()).event_id == "e-1"


def test_the_cause_is_not_stored_in_the_record() -> None:
    engine = an_engine()
    customer = engine.open(with_an_order(engine).pack())
    assert move(engine, customer, row()).event_id is None


def test_a_current_segment_keeps_its_name_at_the_time_of_entry() -> None:
    behavior = Behavior(model=MODEL)
    engine = an_engine(behavior)
    customer = with_an_order(engine)
    move(engine, customer, row())
    behavior.use(replace(MODEL, version=13, names=("Silent", "Eager", "Gone")))
    assert current(engine, customer) == CurrentSegment("b1", "Keen", NOW)
    change = move(engine, customer, row(), None, (9.0, 3.0, 1.0), NOW + 5, code="model")
    assert change.from_ == CurrentSegment("b1", "Keen", NOW)
    assert change.to == CurrentSegment("b2", "Gone", NOW + 5)
    assert (change.version, customer.versions[0]) == (13, 13)


def test_a_segment_of_an_unknown_model_is_named_by_its_id() -> None:
    engine = an_engine()
    customer = with_an_order(engine)
    customer.slots[0], customer.versions[0], customer.since[0] = 2, 3, 7.0
    assert current(engine, customer) == CurrentSegment("b2", "b2", 7.0)
    assert engine.dimensions[0].name(12, 63) == "b63"
    assert engine.dimensions[0].name(12, 2) == "Lapsed"


def test_no_customer_moves_without_a_model() -> None:
    engine = an_engine(Behavior())
    customer = with_an_order(engine)
    assert engine.changed([customer.pack()], np.array([NOW])) == []
    assert engine.update(b"c-1", customer, NOW) == []
    assert (customer.sequence, customer.as_of) == (0, NOW)


def test_evaluating_no_customers_gives_no_moves() -> None:
    engine = an_engine()
    assert engine.changed([], np.empty(0)) == []
    assert engine.step(engine.new_batch(), np.empty(0)) == ([], [], [])


def test_a_customer_who_stays_gets_no_transition() -> None:
    engine = an_engine()
    customer = with_an_order(engine)
    entered(engine, customer)
    assert engine.changed([customer.pack()], np.array([NOW])) == []
    assert engine.update(b"c-1", customer, NOW) == []


def test_the_features_of_an_evaluation_explain_the_next_change() -> None:
    engine = example.engine()
    customer = engine.new_customer(1)
    engine.absorb(customer, "purchases", 0, {"event_id": "e-1", "order_id": "o-1"}, NOW, 20_00)
    engine.update(b"c-1", customer, NOW)
    engine.absorb(customer, "purchases", 1, {"event_id": "e-2", "order_id": "o-2"}, NOW, 900_00)
    (change,) = engine.update(b"c-1", customer, NOW)
    assert features_of(change) == {"spend_rate": (13.8629, pytest.approx(637.6954, abs=1e-3))}


def test_dimensions_come_after_those_that_they_require() -> None:
    class Later(Behavior):
        key = "later"
        position = 0
        requires = ("behavior",)

    class First(Behavior):
        position = 1

    assert [each.key for each in Engine(Rules(Decay(DAY_S)), Later(), First()).dimensions] == ["behavior", "later"]
    with pytest.raises(ValueError, match="require one that is missing"):
        Engine(Rules(Decay(DAY_S)), Later())
    with pytest.raises(ValueError, match="same key or the same position"):
        Engine(Rules(Decay(DAY_S)), Behavior(), Behavior())
