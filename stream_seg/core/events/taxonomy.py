"""The words that events and state share: topics, kinds of event, channels, and the slots of decayed sums."""

from __future__ import annotations

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

# Decayed sums live in one fixed vector, so that a record has a fixed layout and thousands of records are one
# matrix. The first three slots are orders and money; then a slot for each kind of interaction, channel, category.
ORDERS, SPEND, REFUNDED = range(3)
FIRST_INTERACTION = 3
FIRST_CHANNEL = FIRST_INTERACTION + len(INTERACTIONS)
FIRST_CATEGORY = FIRST_CHANNEL + len(CHANNELS)
SUMS = FIRST_CATEGORY + CATEGORY_SLOTS

INTERACTION_SLOT: Final = {name: FIRST_INTERACTION + i for i, name in enumerate(INTERACTIONS)}
OTHER_INTERACTION: Final = INTERACTION_SLOT["other"]
CHANNEL_SLOT: Final = {name: FIRST_CHANNEL + i for i, name in enumerate(CHANNELS)}
OTHER_CHANNEL: Final = CHANNEL_SLOT["other"]


# Records hold slots, not names. For people, each process notes the names it meets first in a slot: those that are
# used most are met early.
NAMES_A_SLOT: Final = 8
LONGEST_CATEGORY: Final = 40
_names: Final[list[list[str]]] = [[] for _ in range(CATEGORY_SLOTS)]


@lru_cache(maxsize=65_536)
def category_slot(category: str) -> int:
    """The slot of a category. Categories share `CATEGORY_SLOTS` slots by a hash that is the same everywhere."""
    number = xxh3_64_intdigest(category.encode()) % CATEGORY_SLOTS
    met = _names[number]
    if len(met) < NAMES_A_SLOT and len(category) <= LONGEST_CATEGORY and category not in met:
        met.append(category)
    return FIRST_CATEGORY + number


def category_names() -> list[list[str]]:
    """By slot, up to `NAMES_A_SLOT` categories that this process has met there, the earliest first."""
    return [list(names) for names in _names]
