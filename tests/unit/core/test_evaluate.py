"""Evaluation: the customers whose segment changes at a time."""

from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.dimensions.segment_model import Hysteresis
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.record import columns
from stream_seg.core.transitions import CurrentSegment

NOW = 1_700_000_000.0


def spender(engine: Engine, amount: int, t: float = NOW) -> Customer:
    customer = engine.new_customer(1)
    event = {"event_id": f"e-{amount}", "order_id": f"o-{amount}"}
    engine.absorb(customer, "purchases", 0, event, t, amount)
    return customer


def test_evaluation_finds_the_customers_whose_segment_changes() -> None:
    # Half-way between 10 and 1,000 of money in 30 days, on a log scale, lie about 104: an order of 150.
    engine = example.engine()
    small, big, settled = spender(engine, 20_00), spender(engine, 900_00), spender(engine, 20_00)
    settled.segment = 0
    moves = engine.evaluate([each.pack() for each in (small, settled, big)], np.full(3, NOW))
    assert moves.rows == [0, 2]
    assert moves.features[:, FEATURES.index("spend_rate")] == pytest.approx([13.8629, 13.8629, 623.8325], abs=1e-4)
    changes = [engine.update(key, customer, NOW) for key, customer in ((b"s", small), (b"b", big))]
    assert [change.customer_id for change in changes] == ["s", "b"]
    assert [change.to for change in changes] == [
        CurrentSegment("b0", "Small spenders", NOW),
        CurrentSegment("b1", "Big spenders", NOW),
    ]
    assert engine.evaluate([each.pack() for each in (small, settled, big)], np.full(3, NOW)).rows == []


def test_time_alone_moves_a_customer() -> None:
    engine = example.engine()
    customer = spender(engine, 900_00)
    assert engine.update(b"c-1", customer, NOW).to == CurrentSegment("b1", "Big spenders", NOW)
    half_lives = np.array([0, 2, 3]) * 30 * DAY_S  # 624, 156, 78 of money in 30 days
    moves = [engine.evaluate([customer.pack()], np.array([NOW + passed])).rows for passed in half_lives]
    assert moves == [[], [], [0]]


def test_hysteresis_keeps_a_customer_where_they_are() -> None:
    free, bound = example.engine(), example.engine(Hysteresis(margin=0.2, dwell_s=DAY_S))
    customer = spender(free, 140_00)  # 97 of money, a little nearer to small spenders
    customer.segment, customer.since = 1, NOW - 10 * DAY_S
    assert free.evaluate([customer.pack()], np.array([NOW])).rows == [0]
    assert bound.evaluate([customer.pack()], np.array([NOW])).rows == []


def test_money_may_have_other_minor_units() -> None:
    engine = Engine(Rules(Decay(30 * DAY_S), minor_per_major=1.0))
    moves = engine.evaluate([spender(engine, 2000).pack()], np.array([NOW]))
    assert moves.features[0, FEATURES.index("basket_value")] == pytest.approx(2000.0)


def test_features_of_records_and_of_their_columns_are_equal() -> None:
    engine = example.engine()
    records = [spender(engine, 2000).pack()]
    now = np.array([NOW])
    assert engine.features(records, now).tolist() == engine.features(columns(records), now).tolist()
