"""`stream-seg inspect`: show what is known of one customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_seg.cache import CustomerSegments
from stream_seg.cli.config import load_settings, quiet_logging
from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.escapes import printable
from stream_seg.cli.interrupt import run_async
from stream_seg.cli.words import QUANTITIES, Change, cause, day, explained, money, moved, quantity, where
from stream_seg.contracts.times import rfc3339
from stream_seg.embedded.services import attach_services
from stream_seg.errors import Failure, UsageError
from stream_seg.views.customer import CustomerView, RecordFacts, look_up

SHOWN = 10  # changes in a table by default
# Features that customers lack with orders on one day only, and without orders.
_ON_ONE_DAY = ("gap_days",)
_WITHOUT_ORDERS = ("recency_days", "basket_value", "refund_share", *_ON_ONE_DAY)


def run(customer_id: str, *, why: bool, shown: int | None, as_json: bool) -> int:
    """Look the customer up everywhere, and print the result.

    `why` explains the last change instead. `shown` limits the changes. Without it, a table shows ten and JSON has all.
    """
    check_id(customer_id)
    if why and as_json:
        raise UsageError("--why and --json exclude each other: the changes of --json carry their reasons")
    settings = load_settings()
    quiet_logging(settings)
    view = run_async(look_up(customer_id, attach_services(settings), settings))
    if not view.known:
        raise Failure(f"nothing is known of customer {customer_id!r}; ids are written as in the events")
    if as_json:
        print_json(view.facts(shown))
    elif why:
        print_why(view, settings.currency)
    else:
        print_view(stdout(), view, settings.currency, SHOWN if shown is None else shown)
    return 0


def check_id(customer_id: str) -> None:
    """Raise UsageError for an id that no customer can have: bytes of the command line that are not UTF-8."""
    try:
        customer_id.encode()
    except UnicodeEncodeError:
        raise UsageError(f"customer {customer_id!r} is not UTF-8; write the id as in the events, in UTF-8") from None


def print_view(console: Console, view: CustomerView, currency: str, shown: int) -> None:
    """Print all facts of a customer as tables."""
    console.print(Text(view.customer_id, "bold"))
    for part in _parts(view, currency, shown):
        console.print()
        console.print(part)


def _parts(view: CustomerView, currency: str, shown: int) -> Iterator[RenderableType]:
    yield segments_table(view.document) if view.document else Text("in no segment yet (Redis has no document)")
    if view.record is not None:
        yield record_table(view.record, currency)
        yield features_table(view.record, currency)
    if shown and view.changes:
        yield changes_table(view.changes[-shown:], currency, len(view.changes))


def segments_table(document: CustomerSegments) -> Table:
    """Return the document in Redis as a table."""
    title = f"Segments in Redis (change {document.sequence}, model {document.model_version})"
    rows = table("dimension", "segment", "", "since", title=title)
    for dimension, now in document.segments.items():
        rows.add_row(dimension, Text(now.name), Text(now.segment, "dim"), day(now.since))
    return rows


def record_table(record: RecordFacts, currency: str) -> Table:
    """Return the counts, money and times of the record as a table."""
    rows = table("", "", title=f"State (partition {record.partition}, half-life {record.half_life_days:g} days)")
    rows.show_header = False
    for name, value in in_words(record, currency):
        rows.add_row(Text(name, "dim"), value)
    return rows


def in_words(record: RecordFacts, currency: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a record as names and values."""
    when = _span(record.first_order, record.last_order)
    yield "orders", f"{record.orders:,} on {record.order_days:,} days, {when}"
    yield "spent", money(record.spend, currency)
    if record.refunds:
        yield "refunds", f"{record.refunds:,}, {money(record.refunded, currency)} taken back"
    yield "interactions", f"{record.interactions:,}"
    yield "seen", _span(record.first_seen, record.last_seen)
    if record.traits:
        yield "traits", ", ".join(f"{name}: {value}" for name, value in sorted(record.traits.items()))
    yield "evaluated", _moment(record.as_of)


def _span(first: float, last: float) -> str:
    if not isfinite(first) or not isfinite(last):
        return "never"
    return f"{_moment(first)} to {_moment(last)}"


def _moment(t: float) -> str:
    return day(rfc3339(t)) if isfinite(t) else "never"


def features_table(record: RecordFacts, currency: str) -> Table:
    """Return the features at the time of the last evaluation, without those that the customer does not have."""
    rows = table("feature", ">value", title=f"Features as of {_moment(record.as_of)}")
    lacking = _WITHOUT_ORDERS if not record.orders else _ON_ONE_DAY if record.order_days < 2 else ()
    for name, value in record.features.items():
        if name not in lacking:
            rows.add_row(QUANTITIES[name].phrase, quantity(name, value, currency))
    return rows


def changes_table(changes: Sequence[Change], currency: str, total: int) -> Table:
    """Return the last changes as a table, the newest first."""
    title = f"Last {len(changes)} of {total} changes" if len(changes) < total else f"Changes ({total})"
    rows = table(">#", "when", "dimension", "change", "cause", "what moved most", title=title)
    for change in reversed(changes):
        rows.add_row(
            str(change["sequence"]), day(change["occurred_at"]), change["dimension"], Text(where(change)),
            cause(change), "; ".join(moved(change, currency)),
        )  # fmt: skip
    return rows


def print_why(view: CustomerView, currency: str) -> None:
    """Print sentences that explain the last change."""
    customer = printable(view.customer_id)
    if not view.changes:
        print(f"{customer} has not changed segments: no model has placed this customer yet.")
        return
    last = view.changes[-1]
    for sentence in explained(last, currency, view.names):
        print(printable(sentence))
    if len(view.changes) > 1:
        others = f"`stream-seg inspect {customer}` lists them"
        print(f"It was change {last['sequence']} of this customer; {others}.")
