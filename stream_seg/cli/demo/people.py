"""Choose three remarkable customers from the last changes of all customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream_seg.cache import CustomerSegments
from stream_seg.cli.demo.facts import Person, Step
from stream_seg.cli.segments import SegmentFacts
from stream_seg.cli.words import Change, cause, day, moved, where
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.tools.fold import LastChange

HISTORY = 4


def chosen(last: Mapping[str, LastChange], segments: Sequence[SegmentFacts]) -> dict[str, str]:
    """Return at most three customers: customer id -> the reason. There are fewer if few customers moved."""
    spend = {each.segment: each.profile.get("spend_rate", 0.0) for each in segments if each.dimension == BEHAVIOR}
    moves = {
        customer: spend.get(change.flow.entered or "", 0.0) - spend.get(change.flow.left, 0.0)
        for customer, change in last.items()
        if change.flow.left is not None
    }
    found: dict[str, str] = {}
    if last:
        found[max(last, key=lambda customer: (last[customer].current.sequence, customer))] = "changed most often"
    for known_for, sign in (("rose most, lately", 1), ("fell most, lately", -1)):
        left = [customer for customer in moves if customer not in found and sign * moves[customer] > 0]
        if left:
            found[max(left, key=lambda customer: (sign * moves[customer], customer))] = known_for
    return found


def person(known_for: str, document: CustomerSegments, changes: Sequence[Change], currency: str) -> Person:
    """Return a customer from its document in Redis and its changes."""
    now = document.segments[BEHAVIOR]
    return Person(
        customer_id=document.customer_id,
        known_for=known_for,
        segment=now.segment,
        name=now.name,
        since=day(now.since),
        changes=document.sequence,
        history=[step(change, currency) for change in changes[-HISTORY:]],
    )


def step(change: Change, currency: str) -> Step:
    """Return one change in words."""
    return Step(day(change["occurred_at"]), where(change), cause(change), moved(change, currency))
