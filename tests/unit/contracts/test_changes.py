"""Tests of segment changes, as encoded and as defined by the contract."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from stream_seg.contracts.changes import ChangeMessage, encode_change, parse_change
from stream_seg.core.transitions import ConditionReason, CurrentSegment, FeatureReason, Transition

BEFORE = CurrentSegment("b2", "Bargain browsers", 1488449472.0)
AFTER = CurrentSegment("b0", "Frequent big baskets", 1494352831.25)
MOVED = Transition(
    customer_id="h-1871",
    dimension="behavior",
    change="moved",
    from_=BEFORE,
    to=AFTER,
    code="event",
    event_id="e-91",
    event_type="order_completed",
    reason=FeatureReason({"spend_rate": (41.2, 97.8)}),
    confidence=0.81,
    runner_up="b2",
    segments={"behavior": AFTER},
    sequence=17,
    life=1763764800123,
    occurred_at=1494352831.25,
    version=12,
)
VALUE = {
    "customer_id": "h-1871",
    "dimension": "behavior",
    "change": "moved",
    "from": {"segment": "b2", "name": "Bargain browsers", "since": "2017-03-02T10:11:12Z"},
    "to": {"segment": "b0", "name": "Frequent big baskets", "since": "2017-05-09T18:00:31.250Z"},
    "reason": {
        "code": "event",
        "event_id": "e-91",
        "event_type": "order_completed",
        "features": {"spend_rate": {"before": 41.2, "after": 97.8}},
    },
    "confidence": 0.81,
    "runner_up": "b2",
    "segments": {"behavior": {"segment": "b0", "name": "Frequent big baskets", "since": "2017-05-09T18:00:31.250Z"}},
    "sequence": 17,
    "life": 1763764800123,
    "epoch": 1763764800124,
    "occurred_at": "2017-05-09T18:00:31.250Z",
    "detected_at": "2026-11-21T22:40:07.123Z",
    "model_version": 12,
    "schema_version": 1,
}


def encode(t: Transition, epoch: int = 1763764800124) -> ChangeMessage:
    """Return the record of a transition, as a worker writes it."""
    return encode_change(t, epoch=epoch, detected_at="2026-11-21T22:40:07.123Z", source="/stream-seg")


def test_a_change_is_a_cloud_event_in_binary_mode() -> None:
    message = encode(MOVED)
    assert message.key == b"h-1871"
    assert dict(message.headers) == {
        "ce_id": b"h-1871/behavior/1763764800123/17",
        "ce_source": b"/stream-seg",
        "ce_type": b"io.stream_seg.segment.changed.v1",
        "ce_time": b"2017-05-09T18:00:31.250Z",
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
    }
    assert json.loads(message.value) == VALUE
    assert list(json.loads(message.value)) == list(VALUE)


def test_the_record_is_a_pure_function_of_its_arguments() -> None:
    assert encode(MOVED) == encode(MOVED._replace())
    assert encode(MOVED, epoch=5).headers == encode(MOVED).headers


def test_an_encoded_change_is_valid_by_the_contract() -> None:
    changed = parse_change(encode(MOVED).value)
    assert changed.from_ is not None
    assert changed.to is not None
    assert (changed.from_.segment, changed.to.segment) == ("b2", "b0")
    assert changed.to.since.timestamp() == 1494352831.25
    assert changed.reason.features["spend_rate"].after == 97.8
    assert (changed.sequence, changed.epoch, changed.life) == (17, 1763764800124, 1763764800123)
    assert changed.model_dump(by_alias=True)["from"]["name"] == "Bargain browsers"


def test_a_customer_enters_and_exits() -> None:
    entered = MOVED._replace(change="entered", from_=None, code="model", event_id=None, event_type=None)
    exited = MOVED._replace(change="exited", to=None, runner_up=None, segments={}, code="erase")
    assert parse_change(encode(entered).value).from_ is None
    changed = parse_change(encode(exited).value)
    assert (changed.to, changed.segments) == (None, {})


def test_customer_ids_may_be_any_text() -> None:
    message = encode(MOVED._replace(customer_id="Ünal/7 😀"))
    assert message.key.decode() == "Ünal/7 😀"
    assert dict(message.headers)["ce_id"].decode() == "Ünal/7 😀/behavior/1763764800123/17"
    assert parse_change(message.value).customer_id == "Ünal/7 😀"


def test_readers_ignore_unknown_fields_of_later_versions() -> None:
    assert parse_change(json.dumps({**VALUE, "mood": "good"}).encode()).sequence == 17


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": None},
        {"change": "entered"},
        {"change": "exited"},
        {"change": "vanished"},
        {"sequence": 0},
        {"confidence": 2},
        {"occurred_at": "2017-05-09T18:00:31"},
        {"reason": {"code": "mood"}},
    ],
)
def test_a_change_that_violates_the_contract_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_change(json.dumps({**VALUE, **wrong}).encode())


def test_a_dimension_without_a_model_explains_by_a_condition() -> None:
    lapsed = CurrentSegment("lapsed", "Lapsed", 1494352831.25)
    change = MOVED._replace(
        dimension="lifecycle",
        from_=None,
        to=lapsed,
        change="entered",
        reason=ConditionReason("recency_days > 60"),
        confidence=None,
        runner_up=None,
        segments={"behavior": AFTER, "lifecycle": lapsed},
    )
    encoded = json.loads(encode(change).value)
    assert encoded["reason"]["because"] == "recency_days > 60"
    assert (encoded["confidence"], encoded["runner_up"], encoded["model_version"]) == (None, None, None)
    parsed = parse_change(encode(change).value)
    assert (parsed.reason.because, parsed.reason.features, set(parsed.segments)) == (
        "recency_days > 60",
        {},
        {"behavior", "lifecycle"},
    )
