"""The summary of a demo, for people and for programs, from the same facts."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from stream_seg.cli.console import stdout
from stream_seg.cli.demo.facts import Check, DemoFacts, Person, Step
from stream_seg.cli.demo.summary import rendered, verdict
from stream_seg.cli.segments import FlowFacts, SegmentFacts

STEP = Step("9 May 2017", "Small spenders → Big spenders", "an order", ["orders a month 1.0 → 2.0", "b", "c"])
FACTS = DemoFacts(
    events=165_340,
    by_topic={"interactions": 8_691, "purchases": 155_848, "profiles": 801},
    rejected={},
    first_day="1 Jan 2017",
    last_day="1 Jan 2018",
    events_per_s=40_123.456,
    elapsed_s=24.6789,
    customers=2_469,
    changes=10_100,
    reasons={"event": 6_100, "model": 4_000},
    models=21,
    segments=[SegmentFacts("behavior", "b0", "Big spenders", 2_469, 1.0, {"spend_rate": 250.0})],
    flows=[FlowFacts("behavior", "b1", "Small spenders", "b0", "Big spenders", 660)],
    people=[Person("h-1", "rose most, lately", "b0", "Big spenders", "9 May 2017", 6, [STEP])],
    check=Check(2_469, redis_equals_topic=True, state_equals_redis=True),
    currency="USD",
)


def printed(facts: DemoFacts) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(rendered(facts))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_for_people() -> None:
    assert printed(FACTS) == [
        "",
        "2,469 customers, 1 Jan 2017 to 1 Jan 2018, in 25 seconds",
        "165,340 events: 155,848 purchases, 8,691 interactions, 801 profiles; none rejected",
        "One worker processed 40,123 events a second.",
        "",
        "                                                spend",
        "segment           customers  share            a month",
        "Big spenders  b0      2,469   100%  ████████     $250",
        "",
        "10,100 segment changes: 6,100 because of something the customer did, 4,000 because of a new model; 21 models",
        "",
        "changes  from               to",
        "    660  Small spenders  →  Big spenders",
        "",
        "h-1 rose most, lately: 6 changes, in Redis now 'Big spenders' since 9 May 2017",
        "   9 May 2017  Small spenders → Big spenders  an order; orders a month 1.0 → 2.0; b",
        "",
        "✓ Redis, the topic segment-changes and the worker's state agree on 2,469 customers",
    ]


def test_what_customers_sent_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    step = Step("9 May 2017", "[b] → [/b]", "a [/x] event", ["b"])
    person = Person("h-1\x1b[2J", "rose most, lately", "b0", "[/b]", "9 May 2017", 1, [step])

    stdout().print(rendered(replace(FACTS, people=[person])))

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert r"h-1\x1b[2J rose most, lately: 1 change, in Redis now '[/b]' since 9 May 2017" in lines
    assert "   9 May 2017  [b] → [/b]  a [/x] event; b" in lines


def test_a_demo_without_segments_says_why() -> None:
    text = "\n".join(printed(replace(FACTS, segments=[], flows=[], people=[], changes=0, rejected={"not_json": 3})))

    assert "No segments: there were too few customers" in text
    assert "3 rejected (3 not_json)" in text


def test_a_failed_check_names_what_differs() -> None:
    assert verdict(Check(2_469, redis_equals_topic=False, state_equals_redis=True, different=["h-1", "h-2"])) == (
        "✗ Redis is not what segment-changes folds to, of 2,469 customers (for example h-1, h-2)"
    )
    assert verdict(Check(7, redis_equals_topic=True, state_equals_redis=False)) == (
        "✗ the worker's state is not what Redis holds, of 7 customers"
    )


def test_for_programs() -> None:
    facts = FACTS.as_json()

    assert {name: facts[name] for name in list(facts)[:8]} == {
        "events": 165_340,
        "rejected": 0,
        "changes": 10_100,
        "customers": 2_469,
        "segments": [
            {
                "dimension": "behavior",
                "segment": "b0",
                "name": "Big spenders",
                "size": 2_469,
                "share": 1.0,
                "profile": {"spend_rate": 250.0},
                "revenue_share": None,
                "views_per_order": None,
                "channels": {},
                "categories": {},
                "differences": [],
            }
        ],
        "events_per_s": 40_123.5,
        "redis_equals_topic": True,
        "state_equals_redis": True,
    }
    assert facts["people"][0]["history"][0]["change"] == "Small spenders → Big spenders"
