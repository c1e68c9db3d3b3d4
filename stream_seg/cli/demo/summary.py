"""The text summary of a demo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stream_seg.cli.demo.facts import Check, DemoFacts, Person
from stream_seg.cli.segments import SegmentTable, flow_table
from stream_seg.cli.words import code_in_words

SHOWN_FEATURES: Final = 2


def rendered(facts: DemoFacts) -> RenderableType:
    """Return the whole summary."""
    return Group(*_parts(facts))


def _parts(facts: DemoFacts) -> Iterator[RenderableType]:
    yield Text()
    yield Text(headline(facts), "bold")
    yield Text(f"{events(facts)}; {rejected(facts)}")
    yield Text(f"One worker processed {facts.events_per_s:,.0f} events a second.")
    yield Text()
    if facts.segments:
        yield SegmentTable(facts.segments, facts.currency)
    else:
        yield Text("No segments: there were too few customers to learn from. Send more events with a higher --limit.")
    if facts.changes:
        yield Text()
        yield Text(changes(facts), "bold")
    if facts.flows:
        yield Text()
        yield flow_table(facts.flows)
    for person in facts.people:
        yield Text()
        yield from _person(person)
    yield Text()
    yield Text(verdict(facts.check), "bold green" if facts.check.ok else "bold red")


def headline(facts: DemoFacts) -> str:
    """Return the number of customers, the time span of the events and the duration of the demo."""
    return f"{facts.customers:,} customers, {facts.first_day} to {facts.last_day}, in {facts.elapsed_s:.0f} seconds"


def events(facts: DemoFacts) -> str:
    """Return the number of events sent, by topic."""
    topics = sorted(facts.by_topic.items(), key=lambda item: -item[1])
    return f"{facts.events:,} events: {', '.join(f'{count:,} {topic}' for topic, count in topics)}"


def rejected(facts: DemoFacts) -> str:
    """Return the number of rejected records, by reason."""
    if not facts.rejected:
        return "none rejected"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in facts.rejected.items())
    return f"{sum(facts.rejected.values()):,} rejected ({reasons})"


def changes(facts: DemoFacts) -> str:
    """Return the number of changes by reason, and the number of models."""
    reasons = ", ".join(f"{count:,} because of {code_in_words(code)}" for code, count in facts.reasons.items())
    versions = "1 model" if facts.models == 1 else f"{facts.models:,} models"
    return f"{facts.changes:,} segment changes: {reasons}; {versions}"


def verdict(check: Check) -> str:
    """Return the result of the final check in one line."""
    customers = f"{check.customers:,} customers"
    if check.ok:
        return f"✓ Redis, the topic segment-changes and the worker's state agree on {customers}"
    wrong = [
        text
        for text, equal in (
            ("Redis is not what segment-changes folds to", check.redis_equals_topic),
            ("the worker's state is not what Redis holds", check.state_equals_redis),
        )
        if not equal
    ]
    examples = f" (for example {', '.join(check.different)})" if check.different else ""
    return f"✗ {' and '.join(wrong)}, of {customers}{examples}"


def _person(person: Person) -> Iterator[RenderableType]:
    title = Text(person.customer_id, "bold")
    count = "1 change" if person.changes == 1 else f"{person.changes:,} changes"
    now = f"{count}, in Redis now {person.name!r} since {person.since}"
    yield title.append(f" {person.known_for}: {now}", "not bold")
    steps = Table.grid(padding=(0, 2))
    steps.add_column(justify="right", no_wrap=True, min_width=13, style="dim")
    steps.add_column()
    steps.add_column(style="dim")
    for each in person.history:
        why = "; ".join([each.cause, *each.moved[:SHOWN_FEATURES]])
        steps.add_row(each.on, each.change, why)
    yield steps
