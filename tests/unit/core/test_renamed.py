"""Renamed segments: each customer in one gets one change, and only the name differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.core.engine import Engine
from stream_seg.core.transitions import CurrentSegment

NOW = 1_700_000_000.0
RENAMED = replace(example.model(2), names=("Small spenders", "VIP"), user_named=frozenset({1}))


@pytest.fixture
def engine() -> Engine:
    return example.engine()


def big_spender(engine: Engine) -> Customer:
    """Return a customer who has been in b1 since NOW."""
    customer = engine.new_customer(life=1)
    engine.absorb(customer, "purchases", 0, {"event_id": "e-1", "order_id": "o-1"}, NOW, 900_00)
    assert engine.update(b"c-1", customer, NOW) is not None
    return customer


def test_a_customer_in_the_segment_gets_its_new_name(engine: Engine) -> None:
    customer = big_spender(engine)
    engine.use(RENAMED)
    batch = engine.new_batch()
    batch.open([b"c-1"], [customer.pack()])
    ((_,), (change,)) = engine.step(batch, np.array([NOW + 60.0]), lambda _: customer.pack(), "model")
    assert (change.change, change.reason, change.confidence, change.runner_up) == ("renamed", "definition", 1.0, None)
    assert (change.from_, change.to) == (CurrentSegment("b1", "Big spenders", NOW), CurrentSegment("b1", "VIP", NOW))
    assert (change.sequence, change.occurred_at, change.model_version) == (2, NOW + 60.0, 2)
    assert (change.features, change.event_id) == ({}, None)
    after = Customer.unpack(batch.pack()[0])
    assert (after.segment, after.since, after.sequence, after.model_version) == (1, NOW, 2, 2)
    assert engine.evaluate([after.pack()], np.array([NOW + 60.0])).rows == []


def test_one_record_and_a_batch_give_the_same_change(engine: Engine) -> None:
    known, newcomer = big_spender(engine), engine.new_customer(life=1)
    engine.use(RENAMED)
    keys, records = [b"stays", b"c-1", b"new"], [big_spender(engine).pack(), known.pack(), newcomer.pack()]
    batch = engine.new_batch()
    batch.open(keys, records)
    step = engine.step(batch, np.full(3, NOW), records.__getitem__, "model")
    assert step.rows == [1, 2]
    customers = [Customer.unpack(record) for record in records]
    updates = [
        engine.update(key, customer, NOW, "model", record)
        for key, customer, record in zip(keys, customers, records, strict=True)
    ]
    assert updates == [None, *step.transitions]
    assert [customer.pack() for customer in customers] == batch.pack()


def test_a_customer_who_leaves_moves_and_gets_no_rename(engine: Engine) -> None:
    customer = big_spender(engine)
    engine.use(RENAMED)
    later = NOW + 300 * 86_400.0
    change = engine.update(b"c-1", customer, later)
    assert change is not None
    assert (change.change, change.from_, change.to) == (
        "moved",
        CurrentSegment("b1", "Big spenders", NOW),
        CurrentSegment("b0", "Small spenders", later),
    )
