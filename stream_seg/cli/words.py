"""Features, reasons and changes in plain words and everyday units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

# A change on `segment-changes`, as parsed JSON.
Change = Mapping[str, Any]

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}

_EVENTS: Final = {
    "order_completed": "an order",
    "order_refunded": "a refund",
    "order_cancelled": "a cancelled order",
    "identify": "a change of the profile",
    "campaign_received": "a campaign",
    "coupon_redeemed": "a coupon redeemed",
    "support_contacted": "a call for support",
}
_CODES: Final = {
    "event": "something the customer did",
    "deadline": "time that passed without anything happening",
    "model": "a new model",
    "definition": "an edited definition",
    "merge": "a merge of two customers",
    "erase": "the erasure of the customer",
    "restore": "a restored state",
}
_RENAMED: Final = "a new name of the segment"


@dataclass(frozen=True, slots=True)
class Quantity:
    """The words for a feature: its column heading, its phrase in a sentence, and the format of its values."""

    column: str
    phrase: str
    write: Callable[[float, str], str]  # (value, currency)


def money(amount: float, currency: str) -> str:
    """Return an amount in major units: $1,234, $9.90 below 100, or SEK 1,234 for currencies without a common symbol."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    return f"{'-' if amount < 0 else ''}{symbol}{abs(amount):,.{2 if abs(amount) < 100 else 0}f}"


def _rate(value: float, _: str) -> str:
    return f"{value:,.1f}"


def _days(value: float, _: str) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _share(value: float, _: str) -> str:
    return f"{value:.0%}"


# By the names of `core.features.FEATURES`. A month has 30 days.
QUANTITIES: Final = {
    "order_rate": Quantity("orders\na month", "orders a month", _rate),
    "spend_rate": Quantity("spend\na month", "spend a month", money),
    "basket_value": Quantity("a basket\nis worth", "worth of a basket after returns", money),
    "recency_days": Quantity("last order\ndays ago", "days since the last order", _days),
    "gap_days": Quantity("days between\norders", "days between orders", _days),
    "browse_rate": Quantity("actions\na month", "interactions a month", _rate),
    "cart_rate": Quantity("cart steps\na month", "additions to the cart and checkouts a month", _rate),
    "refund_share": Quantity("refunded", "share of money refunded", _share),
    "order_pace": Quantity("orders a month\nat their pace", "pace of orders a month", _rate),
    "spend_pace": Quantity("spend a month\nat their pace", "pace of spend a month", money),
    "browse_pace": Quantity("actions a month\nat their pace", "pace of interactions a month", _rate),
}


def quantity(name: str, value: float, currency: str) -> str:
    """Return the value of a feature as text with its unit."""
    known = QUANTITIES.get(name)
    return known.write(value, currency) if known else f"{value:g}"


def cause(change: Change) -> str:
    """Return the cause of a change as a noun: `an order`, `a new model (12)`, ..."""
    if change.get("change") == "renamed":
        return _RENAMED
    reason = change["reason"]
    code, kind = reason["code"], reason.get("event_type")
    if code == "event" and kind:
        return _EVENTS.get(kind) or f"a {kind.replace('_', ' ')} event"
    return f"{code_in_words(code)} ({change['model_version']})" if code == "model" else code_in_words(code)


def code_in_words(code: str) -> str:
    """Return a reason code as a noun: `a new model`."""
    return _CODES.get(code, code)


def moved(change: Change, currency: str) -> list[str]:
    """Return the features that moved most, largest move first: `spend a month $41.20 → $97.80`.

    Features with the same text before and after are left out.
    """
    features: Mapping[str, Mapping[str, float]] = change["reason"].get("features") or {}
    written = {
        name: (quantity(name, each["before"], currency), quantity(name, each["after"], currency))
        for name, each in features.items()
    }
    return [
        f"{QUANTITIES[name].phrase if name in QUANTITIES else name} {before} → {after}"
        for name, (before, after) in written.items()
        if before != after
    ]


def where(change: Change) -> str:
    """Return the segment left and the segment entered: `Regular shoppers → Big baskets`."""
    left, entered = change.get("from"), change.get("to")
    if left is None:
        return f"→ {entered['name']}" if entered else "?"
    return f"{left['name']} → {entered['name'] if entered else 'no segment'}"


def day(text: str | datetime | None) -> str:
    """Return the day of an RFC 3339 time: 9 May 2017."""
    if text is None:
        return "never"
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text.replace("Z", "+00:00"))
    return f"{moment.day} {moment:%b %Y}"


def explained(change: Change, currency: str, names: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield sentences that explain a change. `names` by segment id are for the runner-up."""
    left, entered = change.get("from"), change.get("to")
    who, on = change["customer_id"], day(change["occurred_at"])
    if left and entered and left["segment"] == entered["segment"]:
        since = day(entered["since"])
        yield f"On {on} {left['name']!r}, where {who} is since {since}, was renamed {entered['name']!r}."
    elif left and entered:
        yield f"On {on} {who} moved from {left['name']!r} (since {day(left['since'])}) to {entered['name']!r}."
    elif entered:
        yield f"On {on} {who} entered {entered['name']!r}, the first segment in dimension {change['dimension']}."
    elif left:
        yield f"On {on} {who} left {left['name']!r}, and is in no segment of dimension {change['dimension']} now."
    event_id = change["reason"].get("event_id")
    yield f"The cause was {cause(change)}" + (f" (event {event_id})." if event_id else ".")
    if features := moved(change, currency):
        yield f"What moved most: {'; '.join(features)}."
    yield from _how_clear(change, names or {})


def _how_clear(change: Change, names: Mapping[str, str]) -> Iterator[str]:
    runner_up = change.get("runner_up")
    if runner_up is not None and change.get("to"):
        share = change["confidence"]
        called = names.get(runner_up, runner_up)
        clear = "a close call" if share < 0.15 else "clear" if share > 0.5 else "fairly clear"
        yield f"It was {clear}: the new segment is {share:.0%} nearer than the runner-up, {called!r} ({runner_up})."
