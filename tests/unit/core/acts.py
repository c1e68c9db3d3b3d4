"""What customers do in these tests: on whole days, with a half-life of one day, so weights are powers of two."""

from __future__ import annotations

from stream_seg.core.behaviour import Behaviour, Outcome, fingerprint
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.vocabulary import ORDERS, REFUNDED, SPEND

DECAY = Decay(DAY_S)


def order(who: Behaviour, day: float, name: str, amount: int, keep: int = 3) -> Outcome:
    """An order of `amount` minor units is completed."""
    t = day * DAY_S
    return who.complete_order(t, who.see(t, DECAY), fingerprint(name), amount, keep, DECAY)


def refund(who: Behaviour, day: float, name: str, amount: int, keep: int = 3) -> Outcome:
    """`amount` minor units of an order go back."""
    t = day * DAY_S
    return who.refund_order(t, who.see(t, DECAY), fingerprint(name), amount, keep, DECAY)


def cancel(who: Behaviour, day: float, name: str, amount: int = 0, keep: int = 3) -> Outcome:
    """An order is cancelled."""
    t = day * DAY_S
    return who.cancel_order(t, who.see(t, DECAY), fingerprint(name), amount, keep, DECAY)


def money(who: Behaviour) -> tuple[int, int, int, int]:
    """Orders, spend, refunds, and what was taken back."""
    return who.purchases, who.spend, who.refunds, who.refunded


def decayed(who: Behaviour) -> list[float]:
    """Decayed orders, spend, and what was taken back."""
    return [who.sums[ORDERS], who.sums[SPEND], who.sums[REFUNDED]]
