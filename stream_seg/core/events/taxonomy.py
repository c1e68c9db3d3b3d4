"""The vocabulary of events and records: topics, types of event, channels, and the slots of decayed sums."""

from __future__ import annotations

from typing import Final

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

# Decayed sums are one fixed vector, so that a record has a fixed layout and thousands of records form a matrix. The
# first four slots are orders and money. Slots of interaction types and of channels follow.
ORDERS, SPEND, REFUNDED, DISCOUNTED = range(4)
FIRST_INTERACTION = 4
FIRST_CHANNEL = FIRST_INTERACTION + len(INTERACTIONS)
SUMS = FIRST_CHANNEL + len(CHANNELS)

INTERACTION_SLOT: Final = {name: FIRST_INTERACTION + i for i, name in enumerate(INTERACTIONS)}
OTHER_INTERACTION: Final = INTERACTION_SLOT["other"]
CHANNEL_SLOT: Final = {name: FIRST_CHANNEL + i for i, name in enumerate(CHANNELS)}
OTHER_CHANNEL: Final = CHANNEL_SLOT["other"]
