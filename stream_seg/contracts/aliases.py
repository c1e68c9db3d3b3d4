"""Event names that Segment, GA4 and other programs use, and the native name of each."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from stream_seg.core.events.taxonomy import INTERACTIONS, PURCHASES

NATIVE_NAMES: Final = frozenset(PURCHASES + INTERACTIONS)
SURVEY_ANSWERED: Final = "survey_answered"

# Longer names are never aliases. Skip them so they cannot fill the cache.
_LONGEST_NAME: Final = 128
_SEPARATORS: Final = re.compile(r"[\s_.:/-]+")

# Foreign names that are not just a native name in another spelling or word order.
_NAMES: Final = {
    # GA4
    "purchase": "order_completed",
    "ecommerce_purchase": "order_completed",
    # A further statement about an order. The core recognizes the order by its id.
    "order_updated": "order_completed",
    "refund": "order_refunded",
    "view_item": "product_viewed",
    "select_item": "product_clicked",
    "search": "products_searched",
    "view_search_results": "products_searched",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "view_cart": "cart_viewed",
    "begin_checkout": "checkout_started",
    "add_to_wishlist": "wishlist_added",
    "page_view": "page_viewed",
    "screen_view": "page_viewed",
    "view_item_list": "page_viewed",
    # Segment and RudderStack
    "order_canceled": "order_cancelled",
    "product_list_viewed": "page_viewed",
    "product_category_viewed": "page_viewed",
    "product_added_to_wishlist": "wishlist_added",
    "wishlist_product_added_to_cart": "product_added",
    "product_added_to_cart_from_wishlist": "product_added",
    "coupon_applied": "coupon_redeemed",
    "email_delivered": "campaign_received",
    "push_notification_received": "campaign_received",
    "email_link_clicked": "email_clicked",
    "product_reviewed": "review_posted",
    # Counts as `other`, but also sets a trait.
    SURVEY_ANSWERED: SURVEY_ANSWERED,
}


def native_name(name: str) -> str:
    """Return the native name for the event name `name`, or `name` itself if it is not an alias.

    Case and the separators blank, ``_ - . : /`` are ignored. The verb may come first, as in Segment's first e-commerce
    specification: ``Completed Order``, ``viewedProduct``.
    """
    return _known_name(name) if len(name) <= _LONGEST_NAME else name


def _compact(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()


def _by_compact_name() -> dict[str, str]:
    aliases = {name: name for name in NATIVE_NAMES} | _NAMES
    found = {_compact(alias): name for alias, name in aliases.items()}
    for alias, name in aliases.items():
        thing, _, verb = alias.rpartition("_")
        if verb.endswith("ed"):
            found.setdefault(_compact(verb + thing), name)
    return found


_BY_COMPACT_NAME: Final = _by_compact_name()


@lru_cache(maxsize=4096)
def _known_name(name: str) -> str:
    return _BY_COMPACT_NAME.get(_compact(name), name)
