from __future__ import annotations

from stream_seg.core.events import taxonomy
from stream_seg.core.events.taxonomy import CHANNEL_SLOT, INTERACTION_SLOT


def test_slots_of_decayed_sums_do_not_change() -> None:
    assert (taxonomy.ORDERS, taxonomy.SPEND, taxonomy.REFUNDED, taxonomy.DISCOUNTED) == (0, 1, 2, 3)
    assert list(INTERACTION_SLOT.values()) == list(range(4, 20))
    assert (INTERACTION_SLOT["product_viewed"], INTERACTION_SLOT["other"]) == (4, 19)
    assert CHANNEL_SLOT == {"web": 20, "app": 21, "store": 22, "email": 23, "other": 24}
    assert taxonomy.SUMS == 25


def test_topics_are_in_the_order_of_a_record_s_offsets() -> None:
    assert taxonomy.TOPICS == ("purchases", "interactions", "profiles")
