from __future__ import annotations

import pytest

from stream_seg.core.events import taxonomy
from stream_seg.core.events.taxonomy import (
    CATEGORY_SLOTS,
    CHANNEL_SLOT,
    FIRST_CATEGORY,
    INTERACTION_SLOT,
    LONGEST_CATEGORY,
    NAMES_PER_SLOT,
    CategoryNames,
    category_slot,
)


def test_slots_of_decayed_sums_do_not_change() -> None:
    assert (taxonomy.ORDERS, taxonomy.SPEND, taxonomy.REFUNDED) == (0, 1, 2)
    assert list(INTERACTION_SLOT.values()) == list(range(3, 19))
    assert (INTERACTION_SLOT["product_viewed"], INTERACTION_SLOT["other"]) == (3, 18)
    assert CHANNEL_SLOT == {"web": 19, "app": 20, "store": 21, "email": 22, "other": 23}
    assert (taxonomy.FIRST_CATEGORY, taxonomy.SUMS) == (24, 30)


def test_topics_are_in_the_order_of_a_record_s_offsets() -> None:
    assert taxonomy.TOPICS == ("purchases", "interactions", "profiles")


@pytest.mark.parametrize(
    ("category", "slot"), [("garden", 24), ("dairy", 24), ("toys", 27), ("food", 27), ("books", 29), ("shoes", 27)]
)
def test_a_category_has_the_same_slot_on_every_machine(category: str, slot: int) -> None:
    assert category_slot(category) == slot


def test_the_first_names_of_each_slot_are_noted_once() -> None:
    names = [f"category {number}" for number in range(20 * NAMES_PER_SLOT)]
    categories = CategoryNames()
    categories.note([*names, *names])
    for slot, noted in enumerate(categories.by_slot(), FIRST_CATEGORY):
        assert noted == [name for name in names if category_slot(name) == slot][:NAMES_PER_SLOT]


def test_long_names_of_categories_are_not_noted() -> None:
    categories = CategoryNames()
    categories.note(["x" * (LONGEST_CATEGORY + 1), "y" * LONGEST_CATEGORY])
    assert [name for names in categories.by_slot() for name in names] == ["y" * LONGEST_CATEGORY]


def test_collectors_share_no_names() -> None:
    one, other = CategoryNames(), CategoryNames()
    one.note(["garden"])
    assert (len(one.by_slot()), other.by_slot()) == (CATEGORY_SLOTS, [[]] * CATEGORY_SLOTS)
