from __future__ import annotations

import pytest

from stream_seg.core.events import taxonomy as vocabulary
from stream_seg.core.events.taxonomy import (
    CATEGORY_SLOTS,
    CHANNEL_SLOT,
    FIRST_CATEGORY,
    INTERACTION_SLOT,
    LONGEST_CATEGORY,
    NAMES_A_SLOT,
    category_names,
    category_slot,
)


def test_slots_of_decayed_sums_stay_where_records_at_rest_have_them() -> None:
    assert (vocabulary.ORDERS, vocabulary.SPEND, vocabulary.REFUNDED) == (0, 1, 2)
    assert list(INTERACTION_SLOT.values()) == list(range(3, 19))
    assert (INTERACTION_SLOT["product_viewed"], INTERACTION_SLOT["other"]) == (3, 18)
    assert CHANNEL_SLOT == {"web": 19, "app": 20, "store": 21, "email": 22, "other": 23}
    assert (vocabulary.FIRST_CATEGORY, vocabulary.SUMS) == (24, 30)


def test_topics_stay_in_the_order_of_the_offsets_in_a_record() -> None:
    assert vocabulary.TOPICS == ("purchases", "interactions", "profiles")


@pytest.mark.parametrize(
    ("category", "slot"), [("garden", 24), ("dairy", 24), ("toys", 27), ("food", 27), ("books", 29), ("shoes", 27)]
)
def test_a_category_has_the_same_slot_on_every_machine(category: str, slot: int) -> None:
    assert category_slot(category) == slot


def test_names_of_categories_are_noted_once_and_not_without_end() -> None:
    names = [f"vocabulary {number}" for number in range(20 * NAMES_A_SLOT)]
    for name in [*names, *names, "x" * (LONGEST_CATEGORY + 1)]:
        category_slot(name)
    noted = category_names()
    assert len(noted) == CATEGORY_SLOTS
    assert all(len(met) == len(set(met)) <= NAMES_A_SLOT for met in noted)
    assert all(category_slot(name) == FIRST_CATEGORY + slot for slot, met in enumerate(noted) for name in met)
    assert max(len(name) for met in noted for name in met) <= LONGEST_CATEGORY
