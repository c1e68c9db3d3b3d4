"""The vocabulary of events and records: topics, types of event, channels, and the slots of decayed sums."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from xxhash import xxh3_64_intdigest

TOPICS: Final = ("purchases", "interactions", "profiles")
PURCHASES_TOPIC, INTERACTIONS_TOPIC, PROFILES_TOPIC = range(3)

PURCHASES: Final = ("order_completed", "order_refunded", "order_cancelled")

INTERACTIONS: Final = (
    "product_viewed",
    "product_clicked",
    "products_searched",
    "product_added",
    "product_removed",
    "cart_viewed",
    "checkout_started",
    "wishlist_added",
    "coupon_redeemed",
    "campaign_received",
    "email_opened",
    "email_clicked",
    "page_viewed",
    "review_posted",
    "support_contacted",
    "other",
)

CHANNELS: Final = ("web", "app", "store", "email", "other")

CATEGORY_SLOTS: Final = 6

# Decayed sums are one fixed vector, so that a record has a fixed layout and thousands of records form a matrix. The
# first three slots are orders and money. Slots of interaction types, of channels and of categories follow.
ORDERS, SPEND, REFUNDED = range(3)
FIRST_INTERACTION = 3
FIRST_CHANNEL = FIRST_INTERACTION + len(INTERACTIONS)
FIRST_CATEGORY = FIRST_CHANNEL + len(CHANNELS)
SUMS = FIRST_CATEGORY + CATEGORY_SLOTS

INTERACTION_SLOT: Final = {name: FIRST_INTERACTION + i for i, name in enumerate(INTERACTIONS)}
OTHER_INTERACTION: Final = INTERACTION_SLOT["other"]
CHANNEL_SLOT: Final = {name: FIRST_CHANNEL + i for i, name in enumerate(CHANNELS)}
OTHER_CHANNEL: Final = CHANNEL_SLOT["other"]


# Records store slots, not names of categories. `CategoryNames` collects the names that are met first in each slot,
# because frequent categories are met early.
NAMES_PER_SLOT: Final = 8
LONGEST_CATEGORY: Final = 40


@lru_cache(maxsize=65_536)
def category_slot(category: str) -> int:
    """Return the slot of a category. Categories share `CATEGORY_SLOTS` slots by a hash that is the same everywhere."""
    return FIRST_CATEGORY + xxh3_64_intdigest(category.encode()) % CATEGORY_SLOTS


class CategoryNames:
    """The first `NAMES_PER_SLOT` categories met in each slot. Names longer than `LONGEST_CATEGORY` are left out."""

    def __init__(self) -> None:
        self._names: list[list[str]] = [[] for _ in range(CATEGORY_SLOTS)]

    def note(self, categories: Iterable[str]) -> None:
        """Add the names of categories that events carry, in the order of absorption."""
        for category in categories:
            names = self._names[category_slot(category) - FIRST_CATEGORY]
            if len(names) < NAMES_PER_SLOT and category not in names and len(category) <= LONGEST_CATEGORY:
                names.append(category)

    def by_slot(self) -> list[list[str]]:
        """Return the names per slot, the earliest first."""
        return [list(names) for names in self._names]
