"""What `stream-seg intake` refuses before it connects, and what it says at its end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from stream_seg.cli.config import load_settings
from stream_seg.cli.intake import facts, run, sentence
from stream_seg.cli.lag import groups
from stream_seg.errors import UsageError
from stream_seg.intake.run import Summary
from stream_seg.intake_settings import EVERY_TOPIC

MAPPING = """
[[event]]
type = "order_completed"
fields = {customer_id = "c", order_id = "o", amount = "a", occurred_at = "t"}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAM_SEG_TOPIC_PREFIX", "eu.")


def refused(**settings: str) -> str:
    """The line with which the command refuses to start."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(f"STREAM_SEG_{name}", value)
        with pytest.raises(UsageError) as raised:
            run(once=True, as_json=False)
    return str(raised.value)


def test_without_topics_there_is_nothing_to_read() -> None:
    assert refused() == ("there is nothing to read: set STREAM_SEG_INTAKE_TOPICS to topics, such as shop.orders,clicks")


@pytest.mark.parametrize(
    "topic", ["eu.purchases", "eu.dead-letters", "eu.segment-changes", "stream-seg-customers-changelog"]
)
def test_topics_of_our_own_are_refused(topic: str) -> None:
    said = f"STREAM_SEG_INTAKE_TOPICS: {topic} is a topic of stream_seg itself, which the intake may not read"
    assert refused(INTAKE_TOPICS=f"shop,{topic}") == said


def test_a_mapping_that_is_wrong_is_named() -> None:
    Path("m.toml").write_text("[[event]]\ntype = 'order_completed'\nfields = {customer = 'c'}\n")
    said = refused(INTAKE_TOPICS="shop", INTAKE_MAP="m.toml")
    assert said.startswith("STREAM_SEG_INTAKE_MAP: m.toml, [[event]] 1, fields.customer: ")
    Path("m.toml").write_bytes(b"\xff")
    assert "STREAM_SEG_INTAKE_MAP: " in refused(INTAKE_TOPICS="shop", INTAKE_MAP="m.toml")


def test_a_mapping_needs_its_topic() -> None:
    Path("m.toml").write_text(MAPPING)
    said = refused(INTAKE_TOPICS="shop", INTAKE_MAP="orders=m.toml")
    assert said == "STREAM_SEG_INTAKE_MAP has a mapping for 'orders', which INTAKE_TOPICS does not name. Add it"


def test_mappings_are_for_all_topics_or_for_some(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("m.toml", "n.toml"):
        Path(name).write_text(MAPPING)
    monkeypatch.setenv("STREAM_SEG_INTAKE_TOPICS", " a, b ,")
    for text, wanted in (
        ("m.toml", {EVERY_TOPIC: Path("m.toml")}),
        ("a=m.toml, n.toml", {"a": Path("m.toml"), EVERY_TOPIC: Path("n.toml")}),
    ):
        monkeypatch.setenv("STREAM_SEG_INTAKE_MAP", text)
        settings = load_settings()
        assert (settings.intake_topics, settings.intake_map) == (("a", "b"), wanted)
    monkeypatch.delenv("STREAM_SEG_INTAKE_MAP")
    Path("stream_seg.toml").write_text("intake_topics = ['a']\n[intake_map]\na = 'm.toml'\n")
    monkeypatch.delenv("STREAM_SEG_INTAKE_TOPICS")
    assert (load_settings().intake_topics, load_settings().intake_map) == (("a",), {"a": Path("m.toml")})


def test_lag_has_a_second_group(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = ["eu.purchases", "eu.interactions", "eu.profiles"]
    assert groups(load_settings()) == {"stream-seg": inputs}
    monkeypatch.setenv("STREAM_SEG_INTAKE_TOPICS", "shop")
    assert groups(load_settings()) == {"stream-seg": inputs, "stream-seg-intake": ["shop"]}


SUMMARY = Summary(1_010, 2, 5, Counter(purchases=1_000, profiles=3), Counter(not_json=2, missing_field=1))


def test_for_programs() -> None:
    assert facts(SUMMARY) == {
        "records": 1010,
        "events": 1003,
        "by_topic": {"purchases": 1000, "profiles": 3},
        "dead_letters": 3,
        "by_reason": {"not_json": 2, "missing_field": 1},
        "skipped": 5,
        "already": 2,
    }


def test_for_people() -> None:
    assert sentence(SUMMARY) == (
        "read 1,010 records, wrote 1,003 events (profiles 3, purchases 1,000) and 3 dead letters (not_json 2,"
        " missing_field 1); 5 records have no event by their mapping; 2 were written before"
    )
    assert sentence(Summary()) == "read 0 records, wrote 0 events"
