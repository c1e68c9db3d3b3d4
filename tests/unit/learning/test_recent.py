from __future__ import annotations

from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.clustering.recent import RecentCustomers


def row(value: float) -> list[float]:
    return [value] * len(FEATURES)


def test_the_newest_row_of_a_customer_wins() -> None:
    recent = RecentCustomers(10)
    recent.put("anna", row(1.0))
    recent.put("anna", row(2.0))
    assert len(recent) == 1
    assert recent.matrix().tolist() == [row(2.0)]


def test_the_customer_seen_longest_ago_is_dropped() -> None:
    recent = RecentCustomers(2)
    for customer, value in (("anna", 1.0), ("bert", 2.0), ("anna", 3.0), ("cleo", 4.0)):
        recent.put(customer, row(value))
    assert recent.matrix().tolist() == [row(3.0), row(4.0)]


def test_an_empty_sample_is_an_empty_matrix() -> None:
    assert RecentCustomers(2).matrix().shape == (0, len(FEATURES))
