"""The output of `stream-seg inspect` for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stream_seg.cli.console import stdout
from stream_seg.cli.inspect import features_table, in_words, print_view, print_why, run
from stream_seg.core import example
from stream_seg.core.customer import Customer
from stream_seg.errors import UsageError
from stream_seg.settings import Settings
from stream_seg.views.customer import CustomerView, RecordFacts, record_facts
from stream_seg.worker.partitions.state import PartitionState
from tests.unit.cli.test_segments import printed


def at(day: int, hour: int = 12) -> float:
    return datetime(2017, 5, day, hour, tzinfo=UTC).timestamp()


def customer() -> Customer:
    engine = example.engine()
    made = engine.new_customer(life=1)
    orders = [("o-1", at(1), 10_00), ("o-2", at(1, 18), 20_00), ("o-3", at(9), 300_00)]
    for offset, (order, t, amount) in enumerate(orders):
        event = {"event_id": f"e-{order}", "type": "order_completed", "order_id": order}
        engine.absorb(made, "purchases", offset, event, t, amount)
    back = {"event_id": "e-4", "type": "order_refunded", "order_id": "o-3"}
    engine.absorb(made, "purchases", 3, back, at(10), 50_00)
    engine.absorb(made, "interactions", 0, {"event_id": "e-5", "type": "product_viewed"}, at(11))
    traits = {"event_id": "e-6", "type": "identify", "traits": {"age": "65+", "kids": 0}}
    engine.absorb(made, "profiles", 0, traits, at(1))
    made.as_of = made.last_seen
    return made


def facts(record: Customer) -> RecordFacts:
    found = record_facts(b"c-1", 0, PartitionState(records={b"c-1": record.pack()}), Settings())
    assert found is not None
    return found


def test_the_record_in_words() -> None:
    assert dict(in_words(facts(customer()), "USD")) == {
        "orders": "3 on 2 days, 1 May 2017 to 9 May 2017",
        "spent": "$280",
        "refunds": "1, $50.00 taken back",
        "interactions": "1",
        "seen": "1 May 2017 to 11 May 2017",
        "traits": "age: 65+, kids: 0",
        "evaluated": "11 May 2017",
    }


def test_a_record_without_events() -> None:
    assert dict(in_words(facts(Customer(life=1)), "USD")) == {
        "orders": "0 on 0 days, never",
        "spent": "$0.00",
        "interactions": "0",
        "seen": "never",
        "evaluated": "1 Jan 1970",
    }


def test_a_feature_that_the_customer_does_not_have_is_not_shown() -> None:
    engine = example.engine()
    browser, returned = engine.new_customer(life=1), engine.new_customer(life=1)
    engine.absorb(browser, "interactions", 0, {"event_id": "e-1", "type": "product_viewed"}, at(1))
    engine.absorb(returned, "purchases", 0, {"event_id": "e-1", "order_id": "o-1"}, at(1), 10_00)
    back = {"event_id": "e-2", "type": "order_refunded", "order_id": "o-1"}
    engine.absorb(returned, "purchases", 1, back, at(3), 10_00)
    browser.as_of = returned.as_of = at(9)
    shown = {
        who: "\n".join(printed(features_table(facts(record), "USD")))
        for who, record in (("browser", browser), ("returned", returned), ("again", customer()))
    }
    since, refunded, gap = "days since the last order", "share of money refunded", "days between orders"
    assert not [phrase for phrase in (since, refunded, gap, "basket") if phrase in shown["browser"]]
    assert "interactions a month" in shown["browser"]
    assert [phrase in shown["returned"] for phrase in (since, refunded, gap)] == [True, True, False]
    assert [phrase in shown["again"] for phrase in (since, refunded, gap)] == [True, True, True]


HOSTILE = "[/b]\x1b[2J[red]:heart:"


def view() -> CustomerView:
    """A customer whose texts are markup, names of emoji and control characters."""
    held = customer()
    engine = example.engine()
    engine.absorb(held, "profiles", 1, {"event_id": "e-7", "type": "identify", "traits": {"city": HOSTILE}}, at(2))
    now = {"segment": "b0", "name": HOSTILE, "since": "2017-05-09T18:00:31Z"}
    change = {
        "customer_id": HOSTILE,
        "dimension": "behavior",
        "change": "entered",
        "from": None,
        "to": now,
        "reason": {"code": "event", "event_id": HOSTILE, "event_type": "[/x]\x07", "features": {}},
        "confidence": 1.0,
        "runner_up": None,
        "sequence": 1,
        "occurred_at": "2017-05-09T18:00:31Z",
        "model_version": 1,
    }
    return CustomerView(HOSTILE, None, facts(held), [change, change], {})


def test_text_from_customers_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_view(stdout(), view(), "USD", 10)

    shown = capsys.readouterr().out
    assert r"city: [/b]\x1b[2J[red]:heart:" in shown
    assert r"→ [/b]\x1b[2J[red]:heart:" in shown
    assert r"a [/x]\x07 event" in shown
    assert shown.splitlines()[0].rstrip() == r"[/b]\x1b[2J[red]:heart:"
    assert "\x1b" not in shown


def test_sentences_hold_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_why(view(), "USD")

    shown = capsys.readouterr().out
    assert shown.splitlines()[1] == r"The cause was a [/x]\x07 event (event [/b]\x1b[2J[red]:heart:)."
    assert shown.splitlines()[-1].endswith(r"`stream-seg inspect [/b]\x1b[2J[red]:heart:` lists them.")
    assert "\x1b" not in shown


def test_an_id_that_is_not_utf_8_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"customer '\\udcff' is not UTF-8; write the id as in the events"):
        run("\udcff", why=False, shown=1, as_json=False)


def test_sentences_and_json_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="--why and --json exclude each other"):
        run("c-1", why=True, shown=None, as_json=True)
