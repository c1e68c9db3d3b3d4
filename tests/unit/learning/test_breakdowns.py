from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core.activity_mix import CHANNEL_SHARES, MIX_SIZE, ORDER_COUNT, UNKNOWN, VIEWS, Mix
from stream_seg.core.events.taxonomy import CHANNELS
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.naming.breakdowns import NAMED_CATEGORIES, Breakdown, breakdowns
from stream_seg.learning.naming.profiles import Population
from stream_seg.learning.naming.sampled import Sampled


def row(**features: float) -> list[float]:
    return [features.get(name, 0.0) for name in FEATURES]


def mix(views: float = 0.0, channel: str = "", category: str = "toys", orders: float = 5.0) -> Mix:
    out = [0.0] * MIX_SIZE
    out[VIEWS], out[ORDER_COUNT] = views, orders
    if channel:
        out[CHANNEL_SHARES.start + CHANNELS.index(channel)] = 1.0
    return Mix(out, {category: 1.0} if channel else {})


OFTEN = row(order_rate=8.0, spend_rate=400.0, basket_value=50.0, gap_days=4.0)
RARELY = row(order_rate=1.0, spend_rate=50.0, basket_value=50.0, gap_days=30.0)
ROWS = np.array([OFTEN, OFTEN, RARELY, RARELY])
MIXES = [mix(16.0, "store"), mix(16.0, "store"), mix(10.0, "web", "books"), mix()]


def computed(
    rows: np.ndarray = ROWS, mixes: list[Mix] = MIXES, labels: tuple[int, ...] = (0, 0, 1, 1)
) -> list[Breakdown]:
    sample = Sampled.of(rows, mixes)
    return breakdowns(sample, np.array(labels), Population.of(sample), 2, [each.categories for each in mixes])


def test_revenue_shares_follow_the_spend_rate() -> None:
    assert [each.revenue_share for each in computed()] == [
        pytest.approx(800 / 900, abs=1e-4),
        pytest.approx(1 / 9, abs=1e-4),
    ]
    assert [each.revenue_share for each in computed(rows=np.zeros((4, len(FEATURES))))] == [0.0, 0.0]


def test_extreme_spend_keeps_shares_finite() -> None:
    rows = np.array([row(order_rate=1.0, spend_rate=1e300), row(order_rate=1.0, spend_rate=1e300), RARELY, RARELY])
    assert [each.revenue_share for each in computed(rows=rows)] == [1.0, 0.0]


def test_views_per_order_are_totals_of_the_segment() -> None:
    assert [each.views_per_order for each in computed()] == [2.0, 5.0]


def test_views_per_order_are_none_without_views_or_orders() -> None:
    assert [each.views_per_order for each in computed(mixes=[UNKNOWN] * 4)] == [None, None]
    never = np.array([OFTEN, OFTEN, row(), row()])
    assert [each.views_per_order for each in computed(rows=never)] == [2.0, None]


def test_views_per_order_are_none_where_the_median_customer_hardly_orders() -> None:
    mixes = [mix(16.0, "store")] * 2 + [mix(40.0, "web")] * 3
    hardly = np.array([OFTEN, OFTEN, RARELY, row(order_rate=0.04), row(order_rate=0.001)])
    labels = (0, 0, 1, 1, 1)
    assert [each.views_per_order for each in computed(hardly, mixes, labels)] == [2.0, None]
    sometimes = np.array([OFTEN, OFTEN, RARELY, row(order_rate=0.06), row(order_rate=0.001)])
    assert [each.views_per_order for each in computed(sometimes, mixes, labels)] == [2.0, pytest.approx(113.1, abs=0.1)]


def test_mixes_are_means_over_customers_who_have_one() -> None:
    often, rarely = computed()
    assert (often.channels, often.categories) == ({"store": 1.0}, {"toys": 1.0})
    assert (rarely.channels, rarely.categories) == ({"web": 1.0}, {"books": 1.0})


def test_differences_are_to_other_customers_strongest_first() -> None:
    often, rarely = computed()
    assert [each.what for each in often.differences][:2] == ["spend_rate", "gap_days"]
    spend = next(each for each in often.differences if each.what == "spend_rate")
    assert (spend.here, spend.rest) == (400.0, 50.0)
    assert spend.strength > 1.0
    assert {each.what: each.strength for each in rarely.differences}["spend_rate"] == -spend.strength
    strengths = [abs(each.strength) for each in often.differences]
    assert strengths == sorted(strengths, reverse=True)
    shares = {each.what: (each.here, each.rest) for each in often.differences if ":" in each.what}
    assert shares["channel:store"] == (1.0, 0.0)


def test_a_segment_of_all_or_no_customers_has_no_differences() -> None:
    full, empty = computed(labels=(0, 0, 0, 0))
    assert full.differences == empty.differences == []
    assert (empty.revenue_share, empty.views_per_order, empty.channels) == (0.0, None, {})


def test_shares_that_few_customers_have_are_not_shown() -> None:
    mixes = [mix(16.0, "store"), mix(16.0), mix(10.0), mix(), mix(10.0, "web", "books")]
    rows = np.array([OFTEN, OFTEN, RARELY, RARELY, RARELY])
    often, rarely = computed(rows, mixes, (0, 0, 1, 1, 1))
    assert (often.channels, rarely.channels, rarely.categories) == ({"store": 1.0}, {}, {})
    assert not [each.what for each in often.differences if ":" in each.what]


def test_features_that_customers_without_orders_lack_are_not_differences() -> None:
    browses = row(browse_rate=20.0, recency_days=300.0)  # since first seen
    mixes = [mix(16.0, "store"), mix(16.0, "store"), mix(9.0, "web", orders=0.0), mix(9.0, "web", orders=0.0)]
    often, never = computed(np.array([OFTEN, OFTEN, browses, browses]), mixes)
    for each in (often, never):
        shown = {difference.what for difference in each.differences}
        assert {"order_rate", "browse_rate"} <= shown
        assert not shown & {"basket_value", "recency_days", "gap_days", "refund_share"}


def test_paces_are_not_shown_beside_the_rates() -> None:
    often, _ = computed(np.array([row(order_rate=8.0, order_pace=8.0)] * 2 + [row(order_rate=1.0, order_pace=1.0)] * 2))
    assert [each.what for each in often.differences if "order" in each.what] == ["order_rate"]


def test_the_most_common_categories_are_named_and_the_rest_is_other() -> None:
    goods = [{f"category {number:02}": 1.0} for number in range(NAMED_CATEGORIES + 3) for _ in range(20 - number)]
    goods += [{"other": 1.0}] * 30
    mixes = [Mix(mix(1.0, "web").numbers, each) for each in goods]
    rows = np.array([OFTEN] * len(mixes))
    all_of_them, _ = computed(rows, mixes, (0,) * len(mixes))
    assert len(all_of_them.categories) == NAMED_CATEGORIES + 1
    assert "category 00" in all_of_them.categories
    assert all_of_them.categories["other"] == pytest.approx((8 + 7 + 6 + 30) / len(mixes), abs=1e-4)
