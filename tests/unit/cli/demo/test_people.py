"""Which customers a demo shows, and what it says of them."""

from __future__ import annotations

from stream_seg.cache import CustomerSegments
from stream_seg.cli.demo.facts import Person, Step
from stream_seg.cli.demo.people import chosen, person
from stream_seg.cli.segments import SegmentFacts
from stream_seg.tools.fold import CurrentSegments, Flow, LastChange

SEGMENTS = [
    SegmentFacts("behavior", segment, segment.upper(), 1, 0.3, {"spend_rate": spend})
    for segment, spend in (("b0", 10.0), ("b1", 50.0), ("b2", 200.0))
]


def last(left: str | None, entered: str, sequence: int) -> LastChange:
    return LastChange(1, CurrentSegments(sequence, {}), Flow("behavior", left, left, entered, entered))


def test_the_restless_and_those_who_moved_furthest() -> None:
    everyone = {
        "restless": last("b1", "b0", 9),
        "rose": last("b0", "b2", 2),
        "rose a little": last("b0", "b1", 2),
        "fell": last("b2", "b0", 3),
        "new": last(None, "b2", 1),
    }

    assert chosen(everyone, SEGMENTS) == {
        "restless": "changed most often",
        "rose": "rose most, lately",
        "fell": "fell most, lately",
    }


def test_fewer_where_fewer_have_a_story() -> None:
    assert chosen({}, SEGMENTS) == {}
    assert chosen({"new": last(None, "b2", 1)}, SEGMENTS) == {"new": "changed most often"}


def test_a_person_is_what_redis_says_and_the_last_changes() -> None:
    document = CustomerSegments.from_hash(
        "h-1",
        {
            "behavior": "b2",
            "behavior.name": "Big spenders",
            "behavior.since": "2017-05-09T18:00:31Z",
            "sequence": "6",
            "epoch": "100",
            "as_of": "2017-05-09T18:00:31.000Z",
            "model_version": "5",
        },
    )
    changes = [
        {
            "from": {"segment": "b0", "name": "Small spenders"},
            "to": {"segment": "b2", "name": "Big spenders"},
            "occurred_at": f"2017-05-0{day}T18:00:31Z",
            "reason": {"code": "model", "features": {"order_rate": {"before": 1.0, "after": 2.0}}},
            "model_version": day,
        }
        for day in range(1, 7)
    ]

    found = person("rose most, lately", document, changes, "USD")

    assert found == Person("h-1", "rose most, lately", "b2", "Big spenders", "9 May 2017", 6, found.history)
    assert len(found.history) == 4
    assert found.history[-1] == Step(
        "6 May 2017", "Small spenders → Big spenders", "a new model (6)", ["orders a month 1.0 → 2.0"]
    )
