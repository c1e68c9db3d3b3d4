"""Hypothesis strategies of customer histories, which span many half-lives and several landmarks."""

from __future__ import annotations

from math import nextafter
from typing import Any, NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from stream_seg.core.decay import DAY_S, LANDMARK_SPAN, Decay
from stream_seg.core.dimensions.segment_model import SegmentModel
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT
from stream_seg.core.feature_names import FEATURES

# With a half-life of one day, landmarks are 256 days apart. Realistic times are around one, in December 2023.
DECAY = Decay(DAY_S)
LANDMARK = 77 * LANDMARK_SPAN * DAY_S
MAX_AMOUNT = 2**32 - 1

laws = settings(max_examples=50)


class Act(NamedTuple):
    """One event with its topic, its time (epoch seconds) and its money (minor units, or ALL_THAT_IS_LEFT)."""

    topic: str
    event: dict[str, Any]
    t: float
    amount: int = 0


History = list[Act]

realistic = st.integers(-20 * 96, 20 * 96).map(lambda quarters: LANDMARK + 900.0 * quarters)
# Within the year for which purchase days are kept one by one.
within_a_year = realistic | st.sampled_from(
    [LANDMARK, nextafter(LANDMARK, 0), LANDMARK - 0.001, LANDMARK - 100 * DAY_S, LANDMARK + 280 * DAY_S]
)
extreme = st.sampled_from([0.0, 0.001, 1.5e9, LANDMARK - 400 * DAY_S, LANDMARK + 400 * DAY_S, 4_102_444_800.0])
any_time = within_a_year | extreme

amounts = st.sampled_from([0, 1, 99, 1000, 2500, 100_000]) | st.integers(0, 50_000)
any_amount = amounts | st.just(MAX_AMOUNT)
channels = st.sampled_from([None, "web", "app", "fax"])
categories = st.sampled_from([None, "books", "toys", "garden"])
items = st.none() | st.lists(
    st.fixed_dictionaries({"category": categories, "quantity": st.sampled_from([1, 2, 0.5])}), max_size=2
)
interactions = st.sampled_from(["product_viewed", "product_added", "checkout_started", "campaign_received", "waved"])
traits = st.dictionaries(st.sampled_from(["age", "city", "vip"]), st.sampled_from([None, True, 44, 2.5, "Köln"]))

coupons = st.sampled_from([None, None, "SAVE10"])

ORDER_IDS = ("A", "B", "C")
REFUND_IDS = ("r-1", "r-2")
KINDS = ("order", "order", "refund", "cancel", "interaction", "interaction", "identify")


@st.composite
def histories(
    draw: st.DrawFn,
    customer: str = "c",
    order_times: st.SearchStrategy[float] = any_time,
    money: st.SearchStrategy[int] = any_amount,
    max_size: int = 12,
) -> History:
    """Draw the acts of one customer.

    All events of one order agree but for its amount, which edits change. So do all events of one refund id. Some orders
    are never completed.
    """
    placed = {
        order_id: (
            draw(order_times),
            draw(money),
            {"channel": draw(channels), "items": draw(items), "coupon": draw(coupons)},
        )
        for order_id in ORDER_IDS
    }
    refunds = {refund_id: (draw(any_time), draw(money | st.just(ALL_THAT_IS_LEFT))) for refund_id in REFUND_IDS}
    history = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=max_size))):
        event: dict[str, Any] = {"event_id": f"{customer}-{number}"}
        if kind == "order":
            event["order_id"] = draw(st.sampled_from(ORDER_IDS))
            t, amount, rest = placed[event["order_id"]]
            if draw(st.booleans()):
                rest, amount = rest | {"updated_at": draw(any_time)}, draw(money)
            history.append(Act("purchases", event | rest, t, amount))
        elif kind in ("refund", "cancel"):
            event["order_id"] = draw(st.sampled_from((*ORDER_IDS, "never completed")))
            event["type"] = "order_refunded" if kind == "refund" else "order_cancelled"
            if kind == "cancel":
                history.append(Act("purchases", event, draw(any_time), draw(money)))
                continue
            refund_id = draw(st.none() | st.sampled_from(REFUND_IDS))
            t, amount = refunds[refund_id] if refund_id else (draw(any_time), draw(money | st.just(ALL_THAT_IS_LEFT)))
            history.append(Act("purchases", event | {"refund_id": refund_id}, t, amount))
        elif kind == "interaction":
            event |= {"type": draw(interactions), "channel": draw(channels), "category": draw(categories)}
            history.append(Act("interactions", event, draw(any_time)))
        else:
            event |= {"type": "identify", "traits": draw(traits)}
            history.append(Act("profiles", event, draw(any_time)))
    return history


def arrivals(of: st.SearchStrategy[History]) -> st.SearchStrategy[tuple[History, History]]:
    """Return histories in their own order and in another order of arrival."""
    return of.flatmap(lambda history: st.tuples(st.just(history), st.permutations(history)))


def cuts(of: History) -> st.SearchStrategy[list[History]]:
    """Return divisions of a history into consecutive groups, some of them empty."""
    ends = st.lists(st.integers(0, len(of)), max_size=4).map(sorted)
    return ends.map(lambda at: [of[a:b] for a, b in zip([0, *at], [*at, len(of)], strict=True)])


@st.composite
def models(draw: st.DrawFn, version: int = 1) -> SegmentModel:
    """Draw a model with two to four different centers on one to three features, on a logarithmic scale."""
    chosen = draw(st.lists(st.sampled_from(FEATURES), min_size=1, max_size=3, unique=True))
    coordinate = st.integers(0, 900).map(lambda hundredths: hundredths / 100)
    rows = st.lists(st.tuples(*[coordinate] * len(chosen)), min_size=2, max_size=4, unique=True)
    centroids = np.array(draw(rows))
    return SegmentModel(
        version=version,
        features=tuple(chosen),
        log=(True,) * len(chosen),
        center=np.zeros(len(chosen)),
        scale=np.ones(len(chosen)),
        centroids=centroids,
        names=tuple(f"{version}.{index}" for index in range(len(centroids))),
    )
