"""Folding changes and records, with literal messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_seg.cache import CustomerSegments
from stream_seg.core.customer import Customer
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.names import SegmentNames
from stream_seg.errors import BadChange
from stream_seg.tools.fold import (
    ChangesFold,
    CurrentSegments,
    Difference,
    Flow,
    Place,
    compare,
    segments_of_document,
    segments_of_state,
)
from stream_seg.worker.partitions import changelog
from stream_seg.worker.partitions.state import PartitionState

SMALL = {"segment": "b0", "name": "Small spenders", "since": "2017-03-02T10:11:12Z"}
BIG = {"segment": "b1", "name": "Big spenders", "since": "2017-05-09T18:00:31Z"}


def change(customer: str, sequence: int, left: Any, entered: Any, epoch: int = 100, code: str = "event") -> bytes:
    return json.dumps(
        {
            "customer_id": customer,
            "dimension": "behavior",
            "from": left,
            "to": entered,
            "reason": {"code": code},
            "segments": {"behavior": entered} if entered else {},
            "sequence": sequence,
            "epoch": epoch,
        }
    ).encode()


def folded(*values: bytes) -> ChangesFold:
    fold = ChangesFold()
    for value in values:
        fold.add(value)
    return fold


def test_the_last_change_gives_the_current_segments() -> None:
    fold = folded(
        change("c-1", 1, None, SMALL), change("c-2", 1, None, SMALL), change("c-1", 2, SMALL, BIG, code="model")
    )

    assert fold.current_segments() == {
        "c-1": CurrentSegments(2, {"behavior": Place("b1", "Big spenders", "2017-05-09T18:00:31Z")}),
        "c-2": CurrentSegments(1, {"behavior": Place("b0", "Small spenders", "2017-03-02T10:11:12Z")}),
    }
    assert fold.sizes() == {"behavior": {"b1": 1, "b0": 1}}
    assert (fold.changes, fold.repeats) == (3, 0)
    assert fold.reasons == {"event": 2, "model": 1}
    assert fold.flows == {
        Flow("behavior", None, None, "b0", "Small spenders"): 2,
        Flow("behavior", "b0", "Small spenders", "b1", "Big spenders"): 1,
    }


def test_a_change_that_is_sent_again_counts_once() -> None:
    first, second = change("c-1", 1, None, SMALL), change("c-1", 2, SMALL, BIG)

    fold = folded(first, second, first, second)

    assert (fold.changes, fold.repeats) == (2, 2)
    assert fold.current_segments()["c-1"].sequence == 2


def test_a_higher_epoch_wins_over_a_higher_sequence() -> None:
    fold = folded(change("c-1", 7, SMALL, BIG, epoch=100), change("c-1", 1, None, SMALL, epoch=101))

    assert fold.current_segments()["c-1"].segments["behavior"].segment == "b0"


def test_a_worker_that_had_lost_its_partition_changes_nothing() -> None:
    fold = folded(change("c-1", 1, None, SMALL, epoch=101), change("c-1", 2, SMALL, BIG, epoch=100))

    assert fold.current_segments()["c-1"].segments["behavior"].segment == "b0"
    assert fold.repeats == 1


def test_a_customer_without_segments_is_left_out() -> None:
    fold = folded(change("c-1", 1, None, SMALL), change("c-1", 2, SMALL, None))

    assert fold.current_segments() == {}
    assert fold.sizes() == {}


@pytest.mark.parametrize("value", [b"no JSON", b"[]", b'{"customer_id": "c-1"}'])
def test_other_messages_are_rejected(value: bytes) -> None:
    with pytest.raises(BadChange, match="not a segment change"):
        ChangesFold().add(value)


def record(segment: int, sequence: int, version: int, since: float) -> bytes:
    customer = Customer(life=1)
    customer.slots[0], customer.sequence, customer.versions[0], customer.since[0] = segment, sequence, version, since
    return changelog.pack_entry(100, 1, customer.pack())


def test_records_give_the_current_segments() -> None:
    state = PartitionState()
    state.restore(b"c-1", record(1, 2, 5, 1494352831.0))
    state.restore(b"c-2", record(-1, 0, 0, 0.0))
    state.restore(b"c-3", record(0, 1, 4, 1494352831.25))

    names = SegmentNames()
    names.learn(5, ("Small spenders", "Big spenders"))
    assert segments_of_state([state], [Behavior(names=names)]) == {
        "c-1": CurrentSegments(2, {"behavior": Place("b1", "Big spenders", "2017-05-09T18:00:31Z")}),
        "c-3": CurrentSegments(1, {"behavior": Place("b0", "b0", "2017-05-09T18:00:31.250Z")}),
    }


def test_a_document_gives_the_current_segments() -> None:
    document = CustomerSegments.from_hash(
        "c-1",
        {
            "behavior": "b1",
            "behavior.name": "Big spenders",
            "behavior.since": "2017-05-09T18:00:31Z",
            "sequence": "2",
            "epoch": "100",
            "as_of": "2017-05-09T18:00:31.000Z",
            "model_version": "5",
        },
    )

    assert segments_of_document(document) == CurrentSegments(
        2, {"behavior": Place("b1", "Big spenders", "2017-05-09T18:00:31Z")}
    )


def test_only_customers_that_differ_are_named() -> None:
    here, there = CurrentSegments(1, {}), CurrentSegments(2, {})

    assert compare({"a": here, "b": here}, {"a": here, "b": there}, {"a": here, "b": here, "c": here}) == [
        Difference("b", here, there, here),
        Difference("c", None, None, here),
    ]
