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
    settled.slots[0] = 0
    records = [each.pack() for each in (small, settled, big)]
    assert engine.changed(records, np.full(3, NOW)) == [0, 2]
    assert engine.features(records, np.full(3, NOW))[:, FEATURES.index("spend_rate")] == pytest.approx(
        [13.8629, 13.8629, 623.8325], abs=1e-4
    )
    changes = [change for key, each in ((b"s", small), (b"b", big)) for change in engine.update(key, each, NOW)]
    assert [change.customer_id for change in changes] == ["s", "b"]
    assert [change.to for change in changes] == [
        CurrentSegment("b0", "Small spenders", NOW),
        CurrentSegment("b1", "Big spenders", NOW),
    ]
    assert engine.changed([each.pack() for each in (small, settled, big)], np.full(3, NOW)) == []


def test_time_alone_moves_a_customer() -> None:
    engine = example.engine()
    customer = spender(engine, 900_00)
    assert engine.update(b"c-1", customer, NOW)[0].to == CurrentSegment("b1", "Big spenders", NOW)
    half_lives = np.array([0, 2, 3]) * 30 * DAY_S  # 624, 156, 78 of money in 30 days
    moves = [engine.changed([customer.pack()], np.array([NOW + passed])) for passed in half_lives]
    assert moves == [[], [], [0]]


def test_hysteresis_keeps_a_customer_where_they_are() -> None:
    free, bound = example.engine(), example.engine(Hysteresis(margin=0.2, dwell_s=DAY_S))
    customer = spender(free, 140_00)  # 97 of money, a little nearer to small spenders
    customer.slots[0], customer.since[0] = 1, NOW - 10 * DAY_S
    assert free.changed([customer.pack()], np.array([NOW])) == [0]
    assert bound.changed([customer.pack()], np.array([NOW])) == []


def test_money_may_have_other_minor_units() -> None:
    engine = Engine(Rules(Decay(30 * DAY_S), minor_per_major=1.0))
    features = engine.features([spender(engine, 2000).pack()], np.array([NOW]))
    assert features[0, FEATURES.index("basket_value")] == pytest.approx(2000.0)


def test_features_of_records_and_of_their_columns_are_equal() -> None:
    engine = example.engine()
    records = [spender(engine, 2000).pack()]
    now = np.array([NOW])
    assert engine.features(records, now).tolist() == engine.features(columns(records), now).tolist()
