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
    (why,) = engine.explain(engine.evaluate([customer.pack()], np.array([NOW])))
    engine.move(b"c-1", customer, why)
    return customer


def test_a_customer_in_the_segment_gets_its_new_name(engine: Engine) -> None:
    customer = big_spender(engine)
    engine.use(RENAMED)
    batch = engine.new_batch()
    batch.open([b"c-1"], [customer.pack()])
    moves = engine.evaluate(batch, np.array([NOW + 60.0]))
    (change,) = engine.move_all(batch, moves, engine.explain(moves), "model")
    assert (change.change, change.reason, change.confidence, change.runner_up) == ("renamed", "definition", 1.0, None)
    assert (change.from_, change.to) == (CurrentSegment("b1", "Big spenders", NOW), CurrentSegment("b1", "VIP", NOW))
    assert (change.sequence, change.occurred_at, change.model_version) == (2, NOW + 60.0, 2)
    assert (change.features, change.event_id) == ({}, None)
    after = Customer.unpack(batch.pack()[0])
    assert (after.segment, after.since, after.sequence, after.model_version) == (1, NOW, 2, 2)
    assert engine.evaluate([after.pack()], np.array([NOW + 60.0])).rows == []


def test_one_record_and_a_batch_give_the_same_change(engine: Engine) -> None:
    customer = big_spender(engine)
    engine.use(RENAMED)
    batch = engine.new_batch()
    batch.open([b"c-1"], [customer.pack()])
    moves = engine.evaluate(batch, np.array([NOW]))
    (why,) = engine.explain(moves)
    assert [engine.move(b"c-1", customer, why, "model")] == engine.move_all(batch, moves, [why], "model")
    assert customer.pack() == batch.pack()[0]


def test_customers_without_a_change_can_be_left_out(engine: Engine) -> None:
    known, newcomer = big_spender(engine), engine.new_customer(life=1)
    engine.use(RENAMED)
    moves = engine.evaluate([big_spender(engine).pack(), known.pack(), newcomer.pack()], np.full(3, NOW))
    assert (moves.rows, moves.renamed) == ([1, 2], {1: 1})
    few = moves.only_moving()
    assert (few.rows, few.renamed) == ([0, 1], {0: 1})
    assert engine.explain(few) == engine.explain(moves)


def test_a_customer_who_leaves_moves_and_gets_no_rename(engine: Engine) -> None:
    customer = big_spender(engine)
    engine.use(RENAMED)
    later = NOW + 300 * 86_400.0
    moves = engine.evaluate([customer.pack()], np.array([later]))
    (change,) = [engine.move(b"c-1", customer, why) for why in engine.explain(moves)]
    assert (change.change, change.from_, change.to) == (
        "moved",
        CurrentSegment("b1", "Big spenders", NOW),
        CurrentSegment("b0", "Small spenders", later),
    )
