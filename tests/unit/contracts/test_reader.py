"""Tests that records are read one by one, so that none can affect another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.reader import EventReader

NOW = 1_800_000_000.0
PURCHASES = Decoder("purchases")


def order(event_id: str, **more: Any) -> bytes:
    """Return a completed order of customer c-1."""
    event = {"event_id": event_id, "customer_id": "c-1", "order_id": "o", "occurred_at": 0, "amount": 1, **more}
    return json.dumps(event).encode()


def reasons_of(values: Sequence[bytes]) -> list[str]:
    """Return the reason for each record of a batch, or "" for an event."""
    decoded = PURCHASES.decode(values, [b"c-1"] * len(values), NOW)
    found = dict.fromkeys(decoded.indices, "") | {r.index: r.reason for r in decoded.rejected}
    return [found[i] for i in range(len(values))]


def test_events_keep_the_positions_of_their_records() -> None:
    events, refused, _ = EventReader("purchases").read([b"[1]", order("e-1"), b"{"])
    assert [event and event["event_id"] for event in events] == [None, "e-1", None]
    assert {at: why.reason for at, why in refused.items()} == {0: "not_an_object", 2: "not_json"}


def test_a_refusal_does_not_keep_the_batch_alive() -> None:
    refused = EventReader("purchases").read([b"[1]", b"{}"]).refused
    assert [why.__traceback__ for why in refused.values()] == [None, None]


# Joined with commas, each list has as many values as records, all of the same customer.
TRICKS = [
    [order("e-1") + b"," + order("e-2"), b'{"x":[{}', b'{"y":1}]}'],
    [order("e-1") + b"," + order("e-2"), b'{"x":[{}', order("e-3")[:-1] + b'}],"z":' + order("e-4")[:-1] + b"}}"],
    [order("e-1") + b",null," + order("e-2"), order("e-3")[:-1] + b',"x":[1', b"2]}"],
    [order("e-1") + b",null," + order("e-2"), order("e-3")[:-1] + b',"x":[{}', b'{"y":1}]}'],
    [order("e-1") + b',"x":' + order("e-2"), order("e-3")[:-1] + b',"x":1', b'"y":2}'],
    [order("e-1"), order("e-3")[:-1] + b',"x":1', b'"y":2}', order("e-2") + b"," + order("e-4")],
    [order("e-1"), order("e-3")[:-1] + b',"x":"', b'"}', order("e-2") + b"," + order("e-4")],
    [order("e-1") + b"],null,[" + order("e-2")],
    [b"", order("e-1") + b"," + order("e-2")],
]


@pytest.mark.parametrize("records", TRICKS)
def test_records_with_several_or_partial_values_are_refused(records: list[bytes]) -> None:
    assert reasons_of(records) == [reasons_of([record])[0] for record in records]
    framed = [order("e-0"), *records, order("e-9", properties={"tags": ["[", "]"]})]
    assert reasons_of(framed) == ["", *(reasons_of([record])[0] for record in records), ""]


def test_a_forged_separator_between_records_has_no_effect() -> None:
    records = [order("e-1") + b",null,\n" + order("e-2"), order("e-3")[:-1] + b',"x":[1', b"2]}"]
    assert reasons_of(records) == ["not_json", "not_json", "not_json"]


def test_a_record_may_span_several_lines() -> None:
    printed = json.dumps(json.loads(order("e-1")), indent=2).encode()
    assert reasons_of([printed] * 5 + [printed[:-1]] + [printed] * 5) == [""] * 5 + ["not_json"] + [""] * 5


PIECES = st.sampled_from(
    [
        order("e-1"),
        order("e-2", properties={"list": [1, [2]], "null": None}),
        order(""),
        order("e-4") + b"," + order("e-5"),
        order("e-6") + b",null," + order("e-7"),
        order("e-8")[:-1],
        order("e-8")[:-1] + b',"x":[{}',
        order("e-8")[:-1] + b',"x":[1',
        b'{"y":1}]}',
        b"2]}",
        b'"y":2}',
        b"null",
        b"]",
        b"[",
        b"{",
        b'"',
        b"",
        b"\n",
        b"\xff",
        b"{}",
        order("e-9").replace(b"event_id", b"event\\u005fid"),
        order("e-10", event="Order Refunded", userId="c-1"),
        order("e-10", event="Order Refunded", userId="c-1").replace(b"event_id", b"event\\u005fid"),
        b'{"messageId":"m","userId":"c-1","timestamp":0,"event":"purchase","properties":{"order_id":1,"total":2}}',
        b'{"messageId":"m","userId":"c-1","timestamp":0}',
    ]
)


@settings(max_examples=100)
@given(st.lists(PIECES, min_size=1, max_size=24))
def test_the_result_for_a_record_does_not_depend_on_its_neighbors(records: list[bytes]) -> None:
    assert reasons_of(records) == [reasons_of([record])[0] for record in records]
