"""Renamed segments: each customer in one gets one change, and only the name differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import SegmentModel
from stream_seg.core.engine import Engine
from stream_seg.core.transitions import CurrentSegment, FeatureReason

NOW = 1_700_000_000.0
RENAMED = replace(example.model(2), names=("Small spenders", "VIP"), user_named=frozenset({1}))


@pytest.fixture
def engine() -> Engine:
    return example.engine()


def use(engine: Engine, model: SegmentModel) -> None:
    """Make a model the active one of an engine."""
    (behavior,) = engine.dimensions
    assert isinstance(behavior, Behavior)
    behavior.use(model)


def big_spender(engine: Engine) -> Customer:
    """Return a customer who has been in b1 since NOW."""
    customer = engine.new_customer(life=1)
    engine.absorb(customer, "purchases", 0, {"event_id": "e-1", "order_id": "o-1"}, NOW, 900_00)
    assert len(engine.update(b"c-1", customer, NOW)) == 1
    return customer


def test_a_customer_in_the_segment_gets_its_new_name(engine: Engine) -> None:
    customer = big_spender(engine)
    use(engine, RENAMED)
    batch = engine.new_batch()
    batch.open([b"c-1"], [customer.pack()])
    (change,) = engine.step(batch, np.array([NOW + 60.0]), "model").transitions
    assert (change.change, change.code, change.confidence, change.runner_up) == ("renamed", "definition", 1.0, None)
    assert (change.from_, change.to) == (CurrentSegment("b1", "Big spenders", NOW), CurrentSegment("b1", "VIP", NOW))
    assert (change.sequence, change.occurred_at, change.version) == (2, NOW + 60.0, 2)
    assert (change.reason, change.event_id) == (FeatureReason({}), None)
    after = Customer.unpack(batch.pack()[0])
    assert (after.slots[0], after.since[0], after.sequence, after.versions[0]) == (1, NOW, 2, 2)
    assert engine.changed([after.pack()], np.array([NOW + 60.0])) == []


def test_one_record_and_a_batch_give_the_same_change(engine: Engine) -> None:
    known, newcomer = big_spender(engine), engine.new_customer(life=1)
    use(engine, RENAMED)
    keys, records = [b"stays", b"c-1", b"new"], [big_spender(engine).pack(), known.pack(), newcomer.pack()]
    batch = engine.new_batch()
    batch.open(keys, records)
    step = engine.step(batch, np.full(3, NOW), "model")
    assert step.rows == [1, 2]
    customers = [Customer.unpack(record) for record in records]
    updates = [
        change
        for key, customer in zip(keys, customers, strict=True)
        for change in engine.update(key, customer, NOW, "model")
    ]
    assert updates == step.transitions
    assert [customer.pack() for customer in customers] == batch.pack()


def test_a_customer_who_leaves_moves_and_gets_no_rename(engine: Engine) -> None:
    customer = big_spender(engine)
    use(engine, RENAMED)
    later = NOW + 300 * 86_400.0
    (change,) = engine.update(b"c-1", customer, later)
    assert (change.change, change.from_, change.to) == (
        "moved",
        CurrentSegment("b1", "Big spenders", NOW),
        CurrentSegment("b0", "Small spenders", later),
    )
