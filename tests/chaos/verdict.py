"""The verdict: the result of a run, row by row, against a plain fold of its input. Every row must be 0."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.customer import Customer
from stream_seg.learning.publishing import governance
from tests.integration.support.ending import (
    Ending,
    Letter,
    Place,
    counts_of,
    decayed_of,
    held_by,
    place_after,
    segment_of,
    sizes_of,
    unchained,
    without_names,
)
from tests.integration.support.events import Sent
from tests.integration.support.yardstick import Expected

ROWS = {
    "counts_differ": "customers whose counts, sums or recency differ",
    "segments_differ": "customers whose segment differs",
    "last_change_differs": "customers whose last change on the topic is not what their state holds",
    "ce_id_contents": "`ce_id` seen with two contents, `detected_at` included",
    "sequence_gaps": "gaps in a customer's `sequence` within a life",
    "unchained": "changes that do not chain (`from` is not the `to` before)",
    "redis_differs": "customers whose Redis document differs from the fold of the topic, 10 s after lag is 0",
    "sizes_differ": "segments whose size in Redis is not the number of customers in it",
    "models_differ": "models in Redis that are not the one in force",
    "misnamed": "customers who do not hear the name that a person gave to their segment",
    "malformed_without_letter": "malformed records without a dead letter",
    "letters_for_good": "dead letters for good records",
    "restarts_by_hand": "worker restarts that needed a hand",
    "tracebacks": "workers that ended with a traceback",
    "reborn_differs": "customers whose document is nonsense after the broker came back with nothing",
    "undone": "disturbances and crash points that were asked for and did not come about",
}
EXAMPLES = 5
REL, ABS = 1e-9, 1e-6

Change = dict[str, Any]


@dataclass
class Verdict:
    """Findings by row, as sentences about examples. `None` marks a row that was not checked."""

    found: dict[str, list[str] | None] = field(default_factory=lambda: dict.fromkeys(ROWS))

    def row(self, name: str, findings: Iterable[str]) -> None:
        """Record a finding of a row."""
        self.found[name] = list(findings)

    @property
    def ok(self) -> bool:
        """Return whether no row has findings."""
        return not any(self.found.values())

    @property
    def figures(self) -> dict[str, int | None]:
        """Return the number of findings per row."""
        return {name: None if findings is None else len(findings) for name, findings in self.found.items()}

    def examples(self) -> list[str]:
        """Return some of the findings."""
        return [f"{name}: {each}" for name, findings in self.found.items() for each in (findings or ())[:EXAMPLES]]


def judge_customers(
    verdict: Verdict, ending: Ending, expected: Mapping[str, Expected], model: Mapping[str, Any] | None
) -> None:
    """Check rows one and two: state against the fold of the input, and segments where the model is known."""
    everyone = expected.keys() | ending.customers.keys()
    verdict.row(
        "counts_differ",
        (
            f"{each}: state {_told(ending.customers.get(each))}, fold {_expected(expected.get(each))}"
            for each in sorted(everyone)
            if not same_counts(ending.customers.get(each), expected.get(each))
        ),
    )
    if model is None:
        return
    wanted = {each: fold.segment(model, fold.last_seen) for each, fold in expected.items()}
    held = {each: segment_of(customer) for each, customer in ending.customers.items()}
    verdict.row(
        "segments_differ",
        (
            f"{each}: state {held.get(each)}, fold {segment}"
            for each, segment in wanted.items()
            if segment is not None and held.get(each) != segment
        ),
    )


def same_counts(customer: Customer | None, expected: Expected | None) -> bool:
    """Compare counts, money and times exactly, and decayed sums approximately."""
    if customer is None or expected is None or counts_of(customer) != expected.counts:
        return False
    pairs = zip(decayed_of(customer), expected.decayed, strict=True)
    return all(isclose(found, wanted, rel_tol=REL, abs_tol=ABS) for found, wanted in pairs)


def judge_changes(verdict: Verdict, ending: Ending) -> dict[str, Place]:
    """Check the topic of changes, and return each customer's segment after the last change."""
    contents: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for letter in ending.changes:
        contents[letter.header["ce_id"]].add((letter.key, letter.value, letter.headers))
    verdict.row("ce_id_contents", (each for each, content in contents.items() if len(content) > 1))
    by_customer: dict[str, list[Change]] = defaultdict(list)
    for content in contents.values():
        for _, value, _ in content:
            change = json.loads(value or b"")
            by_customer[change["customer_id"]].append(change)
    for own in by_customer.values():
        own.sort(key=lambda change: (change["epoch"], change["sequence"]))
    verdict.row("sequence_gaps", _gaps(by_customer))
    verdict.row("unchained", _unchained(by_customer))
    last = {each: own[-1] for each, own in by_customer.items()}
    verdict.row("last_change_differs", _against_state(last, ending.customers))
    return {each: place_after(change) for each, change in last.items()}


def judge_redis(
    verdict: Verdict, topic: Mapping[str, Place], redis: Mapping[str, Place], sizes: Mapping[str, int]
) -> None:
    """Check Redis against the fold of the topic."""
    verdict.row(
        "redis_differs",
        (
            f"{each}: Redis {redis.get(each)}, topic {topic.get(each)}"
            for each in sorted(topic.keys() | redis.keys())
            if topic.get(each) != redis.get(each)
        ),
    )
    counted = sizes_of(topic.values())
    verdict.row(
        "sizes_differ",
        (
            f"{each}: Redis {sizes.get(each, 0)}, topic {counted[each]}"
            for each in sorted(counted.keys() | sizes.keys())
            if sizes.get(each, 0) != counted[each]
        ),
    )


def judge_models(
    verdict: Verdict, in_force: ModelSnapshot | None, shown: Mapping[str, Any] | None, redis: Mapping[str, Place]
) -> None:
    """Check Redis against the active model, and documents against the names that operators gave."""
    version = in_force.version if in_force else None
    told = shown["version"] if shown else None
    verdict.row("models_differ", [f"Redis shows model {told}, in force is {version}"] if told != version else [])
    given = governance.custom_names(in_force.segments) if in_force else {}
    verdict.row(
        "misnamed",
        (
            f"{each}: {name!r}, not {given[segment]!r}"
            for each, place in redis.items()
            for segment, name, _ in [place.segments.get("behavior", ("", "", ""))]
            if name != given.get(segment, name)
        ),
    )


def judge_letters(verdict: Verdict, letters: Sequence[Letter], sent: Iterable[Sent]) -> None:
    """Check dead letters against the sent records."""
    good, bad = set(), set()
    for record in sent:
        (good if record.good else bad).add((record.key, record.value))
    found = {(letter.key, letter.value) for letter in letters}
    verdict.row("malformed_without_letter", (f"{value!r}" for _, value in bad - found))
    verdict.row(
        "letters_for_good",
        (f"{letter.header['reason']}: {letter.value!r}" for letter in letters if (letter.key, letter.value) not in bad),
    )
    assert not good & bad, "a record is both good and malformed; the input is wrong"


def _gaps(by_customer: Mapping[str, Sequence[Change]]) -> Iterable[str]:
    for customer_id, own in by_customer.items():
        for life in {change["life"] for change in own}:
            numbers = {change["sequence"] for change in own if change["life"] == life}
            missing = set(range(1, max(numbers) + 1)) - numbers
            if missing:
                yield f"{customer_id}, life {life}: {sorted(missing)[:10]} missing of {max(numbers)}"


def _unchained(by_customer: Mapping[str, Sequence[Change]]) -> Iterable[str]:
    for customer_id, own in by_customer.items():
        for life in {change["life"] for change in own}:
            for fault in unchained([change for change in own if change["life"] == life]):
                yield f"{customer_id}, {fault}"


def _against_state(last: Mapping[str, Change], customers: Mapping[str, Customer]) -> Iterable[str]:
    told = {each: (without_names(place_after(change)), change["life"]) for each, change in last.items()}
    held = {each: (held_by(customer), customer.life) for each, customer in customers.items() if customer.sequence}
    for each in sorted(told.keys() | held.keys()):
        if told.get(each) != held.get(each):
            yield f"{each}: topic {told.get(each)}, state {held.get(each)}"


def _told(customer: Customer | None) -> str:
    return "knows nothing" if customer is None else f"{counts_of(customer)} {decayed_of(customer)}"


def _expected(expected: Expected | None) -> str:
    return "knows nothing" if expected is None else f"{expected.counts} {expected.decayed}"
