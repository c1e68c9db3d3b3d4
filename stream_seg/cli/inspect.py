"""`stream-seg inspect`: a customer's segments in Redis, the state behind them, and the changes that led there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_seg.addresses import Addresses
from stream_seg.cache import CustomerSegments, SegmentClient
from stream_seg.cli.config import load_settings, quiet_logging
from stream_seg.cli.console import stdout, table
from stream_seg.cli.errors import Failure, UsageError
from stream_seg.cli.escapes import printable
from stream_seg.cli.interrupt import run_async
from stream_seg.cli.words import QUANTITIES, Change, cause, day, explained, money, moved, quantity, where
from stream_seg.contracts.currencies import minor_per_major
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.times import rfc3339
from stream_seg.core import traits
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.features import FEATURES
from stream_seg.embedded.services import attach_services
from stream_seg.kafka.client import connect
from stream_seg.kafka.client import partitions_of as partitions_of_topics
from stream_seg.settings import Settings
from stream_seg.streaming.state.partition import PartitionState
from stream_seg.tools.fold import changes_of, fold_changelog


@dataclass(frozen=True, slots=True)
class State:
    """A customer's record as a worker would recover it, and its features at the time of its last evaluation."""

    partition: int
    customer: Customer
    features: dict[str, float]
    half_life_days: float


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of a customer; None where one of the places knows nothing."""

    customer_id: str
    document: CustomerSegments | None
    state: State | None
    changes: list[Change]
    names: dict[str, str]  # of segments, by id, in the model in force


def run(customer_id: str, *, why: bool, shown: int) -> int:
    """Look the customer up everywhere, and print what was found."""
    check_id(customer_id)
    settings = load_settings()
    quiet_logging(settings)
    findings = look_up(customer_id, attach_services(settings), settings)
    if findings.document is None and findings.state is None and not findings.changes:
        raise Failure(f"nothing is known of customer {customer_id!r}; ids are written as in the events")
    if why:
        print_why(findings, settings.currency)
    else:
        print_findings(stdout(), findings, settings.currency, shown)
    return 0


def check_id(customer_id: str) -> None:
    """Raises UsageError for what cannot be anybody's id: bytes of the command line that are not UTF-8."""
    try:
        customer_id.encode()
    except UnicodeEncodeError:
        raise UsageError(f"customer {customer_id!r} is not UTF-8; write the id as in the events, in UTF-8") from None


def look_up(customer_id: str, addresses: Addresses, settings: Settings) -> Findings:
    """Ask Redis, the changelog, and the topic of changes."""
    with SegmentClient.from_url(addresses.redis_url, settings.redis_prefix) as client:
        document, model = client.get(customer_id), client.model() or {}
    state, changes = run_async(_topics(customer_id, addresses, settings))
    return Findings(
        customer_id, document, state, changes, {each["id"]: each["name"] for each in model.get("segments", ())}
    )


async def _topics(customer_id: str, addresses: Addresses, settings: Settings) -> tuple[State | None, list[Change]]:
    broker = addresses.broker
    key = customer_id.encode()
    async with connect(broker) as client:
        count = len((await partitions_of_topics(client, [settings.changelog])).get(settings.changelog, ()))
    number = int(partitions_of([key], count or 1)[0])
    states = await fold_changelog(broker, settings.changelog, partitions=[number])
    found = await changes_of(broker, settings.topic("segment-changes"), [customer_id])
    held = states.get(number)
    return state_of(key, number, held, settings) if held else None, list(found[customer_id])


def state_of(key: bytes, number: int, held: PartitionState, settings: Settings) -> State | None:
    """The customer's part of a partition's state."""
    record = held.records.get(key)
    if record is None:
        return None
    half_life_s = held.header.half_life_s if held.header else settings.half_life_s
    engine = Engine(Rules(Decay(half_life_s), minor_per_major=float(minor_per_major(settings.currency))))
    customer = engine.open(record)
    row = engine.features([record], np.array([customer.as_of]))[0]
    return State(number, customer, dict(zip(FEATURES, row.tolist(), strict=True)), half_life_s / DAY_S)


def print_findings(console: Console, findings: Findings, currency: str, shown: int) -> None:
    """Everything, as tables."""
    console.print(Text(findings.customer_id, "bold"))
    for part in _parts(findings, currency, shown):
        console.print()
        console.print(part)


def _parts(findings: Findings, currency: str, shown: int) -> Iterator[RenderableType]:
    yield segments_table(findings.document) if findings.document else Text("in no segment yet (Redis has no document)")
    if findings.state is not None:
        yield state_table(findings.state, currency)
        yield features_table(findings.state, currency)
    if shown and findings.changes:
        yield changes_table(findings.changes[-shown:], currency, len(findings.changes))


def segments_table(document: CustomerSegments) -> Table:
    """The document in Redis."""
    title = f"Segments in Redis (change {document.sequence}, model {document.model_version})"
    made = table("dimension", "segment", "", "since", title=title)
    for dimension, now in document.segments.items():
        made.add_row(dimension, Text(now.name), Text(now.segment, "dim"), day(now.since))
    return made


def state_table(state: State, currency: str) -> Table:
    """Counts, money and times of the record."""
    made = table("", "", title=f"State (partition {state.partition}, half-life {state.half_life_days:g} days)")
    made.show_header = False
    for name, value in facts(state.customer, currency):
        made.add_row(Text(name, "dim"), value)
    return made


def facts(customer: Customer, currency: str) -> Iterator[tuple[str, str]]:
    """What the record says, by name; money in major units."""
    per_major = minor_per_major(currency)
    when = _span(customer.first_purchase, customer.last_purchase)
    yield "orders", f"{customer.purchases:,} on {customer.purchase_days:,} days, {when}"
    yield "spent", money(customer.spend / per_major, currency)
    if customer.refunds:
        yield "refunds", f"{customer.refunds:,}, {money(customer.refunded / per_major, currency)} taken back"
    yield "interactions", f"{customer.interactions:,}"
    yield "seen", _span(customer.first_seen, customer.last_seen)
    said = traits.values(customer.traits)
    if said:
        yield "traits", ", ".join(f"{name}: {value}" for name, value in sorted(said.items()))
    yield "evaluated", _moment(customer.as_of)


def _span(first: float, last: float) -> str:
    if not isfinite(first) or not isfinite(last):
        return "never"
    return f"{_moment(first)} to {_moment(last)}"


def _moment(t: float) -> str:
    return day(rfc3339(t)) if isfinite(t) else "never"


def features_table(state: State, currency: str) -> Table:
    """Features at the time of the last evaluation."""
    made = table("feature", ">value", title=f"Features as of {_moment(state.customer.as_of)}")
    for name, value in state.features.items():
        made.add_row(QUANTITIES[name].phrase, quantity(name, value, currency))
    return made


def changes_table(changes: Sequence[Change], currency: str, total: int) -> Table:
    """The last changes, the latest first."""
    title = f"Last {len(changes)} of {total} changes" if len(changes) < total else f"Changes ({total})"
    made = table(">#", "when", "dimension", "change", "cause", "what moved most", title=title)
    for change in reversed(changes):
        made.add_row(
            str(change["sequence"]), day(change["occurred_at"]), change["dimension"], Text(where(change)),
            cause(change), "; ".join(moved(change, currency)),
        )  # fmt: skip
    return made


def print_why(findings: Findings, currency: str) -> None:
    """The last change, in sentences."""
    customer = printable(findings.customer_id)
    if not findings.changes:
        print(f"{customer} has not changed segments: no model has placed this customer yet.")
        return
    last: dict[str, Any] = dict(findings.changes[-1])
    for sentence in explained(last, currency, findings.names):
        print(printable(sentence))
    if len(findings.changes) > 1:
        others = f"`stream-seg inspect {customer}` lists them"
        print(f"It was change {last['sequence']} of this customer; {others}.")
