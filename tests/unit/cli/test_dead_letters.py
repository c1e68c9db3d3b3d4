"""What `stream-seg dead-letters` says, and what it makes of its options."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from stream_seg.cli.dead_letters import (
    Found,
    Wanted,
    described,
    facts,
    preview,
    rendered,
    selection_of,
    sentences,
    since,
    tally_facts,
)
from stream_seg.errors import UsageError
from stream_seg.settings import Settings
from stream_seg.tools.dead_letters import Letter
from stream_seg.tools.redrive import Kind, Tally

NOW = 1_763_764_800.0
LETTER = Letter(0, 1, b"c-1", b'{"a":[1]}', "not_json", "[red]No[/red].", "purchases", 2, 41, NOW)
TALLY = Tally(Counter({Kind("purchases", "not_json"): 2, Kind("profiles", "not_json"): 1}), 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - 90),
        ("15m", NOW - 900),
        ("2h", NOW - 7_200),
        ("7d", NOW - 604_800),
        ("2025-11-21T22:40:00Z", NOW),
        ("2025-11-21T23:40:00+01:00", NOW),
    ],
)
def test_since(text: str, moment: float) -> None:
    assert since(text, NOW) == moment


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(since="yesterday"), "--since 'yesterday' is no time: give an age such as 15m"),
        (Wanted(since="2025-11-21T22:40:00"), "--since '2025-11-21T22:40:00' has no offset from UTC"),
        (Wanted(since="9999999999999d"), "is no time"),
        (Wanted(reasons=["not_json", "nosuch"]), "--reason nosuch is no reason code; those are null_value, "),
        (Wanted(topic="orders"), "--topic orders is no input topic; take one of purchases, interactions, profiles"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(wanted: Wanted, says: str) -> None:
    with pytest.raises(UsageError) as fault:
        selection_of(wanted, Settings(), NOW)
    assert says in str(fault.value)


def test_a_topic_is_meant_with_the_prefix_of_the_deployment() -> None:
    selection = selection_of(Wanted(topic="purchases"), Settings(topic_prefix="shop."), NOW)
    assert selection.topics == {"shop.purchases"}
    assert selection_of(Wanted(), Settings(), NOW).topics == frozenset()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"hello", "hello"),
        ("käufe".encode(), "käufe"),
        (b"\x1b[2J\x07\n", r"\x1b[2J\x07…"),
        (b"\xff\x00", r"\xff\x00"),
        ("\u202eabc".encode(), r"\u202eabc"),
        (b"x" * 13, "x" * 11 + "…"),
        (b"x" * 12, "x" * 12),
    ],
)
def test_a_preview_is_safe_to_print(value: bytes, shown: str) -> None:
    assert preview(value, 12) == shown


def test_what_strangers_wrote_is_no_markup() -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(rendered([LETTER]))
    assert "[red]No[/red]." in out.getvalue()
    assert "purchases 2/41" in out.getvalue()


def test_for_programs() -> None:
    found = Found(Counter({"not_json": 3}), [LETTER])
    assert facts(found) == {
        "letters": 3,
        "by_reason": {"not_json": 3},
        "latest": [
            {
                "reason": "not_json",
                "detail": "[red]No[/red].",
                "source_topic": "purchases",
                "source_partition": 2,
                "source_offset": 41,
                "rejected_at": "2025-11-21T22:40:00Z",
                "key": "c-1",
                "value": '{"a":[1]}',
                "value_bytes": 9,
                "truncated": False,
            }
        ],
    }
    assert tally_facts(TALLY) == {
        "redriven": 3,
        "by_reason": {"not_json": 3},
        "by_topic": {"purchases": 2, "profiles": 1},
        "already": 4,
        "repeated": 5,
        "truncated": 6,
        "foreign": 7,
    }


def test_for_people() -> None:
    assert list(sentences(TALLY, dry_run=False)) == [
        "sent 3 records again: 2 not_json to purchases, 1 not_json to profiles",
        "left out 4: an earlier redrive went past them; --again takes them too",
        "left out 5: letters about the same record, written again after a crash",
        "left out 6: the letter holds only the start of its record; send it from where it came",
        "left out 7: not written by a worker of this deployment",
    ]
    assert list(sentences(Tally(), dry_run=True)) == ["would send nothing"]
    assert described(Tally(Counter({Kind("p", "not_json"): 1}))) == "1 record again: 1 not_json to p"
