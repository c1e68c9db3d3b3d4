"""Names and profiles of a shop with many returns, one-time buyers and browsers, compared with the records."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.days import days
from benchmarks.learned import Learned, enough, learn
from benchmarks.names import true_shares
from benchmarks.returning import KINDS, shop
from stream_seg.contracts.model import ModelSnapshot, SegmentProfile

CUSTOMERS, DAYS, SEGMENTS = 400, 150, 8
OF_ORDERS = {"recency_days", "basket_value", "gap_days", "refund_share"}


@pytest.fixture(scope="module")
def published() -> list[tuple[Learned, ModelSnapshot]]:
    """Every snapshot with its day."""
    learned = learn(days(shop(CUSTOMERS, DAYS)), k=SEGMENTS, first_sample=enough(CUSTOMERS))
    return [(now, now.active) for now in learned if now.published and now.active is not None]


def segments(published: list[tuple[Learned, ModelSnapshot]]) -> Iterator[SegmentProfile]:
    for _, snapshot in published:
        yield from snapshot.segments


def test_the_shop_has_all_its_kinds(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    records = published[-1][0].day.records
    assert abs(sum(kind.share for kind in KINDS) - 1.0) < 1e-9
    returned = (records.orders > 0) & (records.spend <= 0)
    for some in (records.orders == 0, returned, (records.days == 1) & ~returned, records.days > 2):
        assert np.mean(some) > 0.1


def test_names_are_true_of_most_records(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    found = [share for now, snapshot in published for share in true_shares(snapshot, now.day)]
    assert len(found) > len(published)
    assert min(found) > 0.5


def test_names_claim_what_the_shop_has(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    found = {segment.name.lower() for segment in segments(published)}
    for words in ("mostly without orders", "mostly one-time", "mostly returned everything", "many returns"):
        assert any(words in name for name in found), words


def test_segments_without_orders_have_no_features_of_orders(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    without = [segment for segment in segments(published) if "without orders" in segment.name]
    assert without
    for segment in without:
        assert not OF_ORDERS & segment.features.keys()
        assert not OF_ORDERS & {difference.what for difference in segment.differences}
        assert segment.views_per_order is None


def test_views_per_order_are_none_where_customers_hardly_order(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    for segment in segments(published):
        hardly = segment.features["order_rate"] < 0.05
        assert (segment.views_per_order is None) == hardly, segment.name
    assert {segment.views_per_order is None for segment in segments(published)} == {True, False}


def test_categories_have_the_names_of_the_events(published: list[tuple[Learned, ModelSnapshot]]) -> None:
    named = {name for segment in segments(published) for name in segment.categories}
    assert "other" not in named  # the shop has few categories
    assert len(named) > 1
