"""Which partition records go to, and what they carry."""

from __future__ import annotations

from typing import Any

import pytest

from stream_seg.contracts.partitioning import partitions_of
from stream_seg.datasets import SourceRecord
from stream_seg.tools.replay import batching
from stream_seg.tools.replay.batching import Batcher, Places, Traced


class Batch:
    """As many records as fit."""

    def __init__(self, room: int) -> None:
        self.records: list[Any] = []
        self._room = room

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        assert timestamp > 0
        if len(self.records) >= self._room:
            return None
        self.records.append((key, value, list(headers)))
        return self

    def record_count(self) -> int:
        return len(self.records)


def record(number: int) -> SourceRecord:
    return SourceRecord(
        ("purchases", "profiles")[number % 2], b"c-%d" % (number % 9), b"%d" % number, number, number + 1
    )


def test_places_are_those_of_murmur2_whatever_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "KNOWN_KEYS", 10)
    places = Places(8)
    for begin in range(0, 100, 7):
        keys = [b"c-%d" % (number % 40) for number in range(begin, begin + 20)]
        places.forget()
        assert places.of(keys) == partitions_of(keys, 8).tolist()


def test_records_are_in_the_order_of_the_source_within_a_place() -> None:
    records = [record(number) for number in range(3_000)]
    made = Batcher(lambda: Batch(100), 4, [("replay", b"x")]).build(records)
    assert made.by_topic() == {"purchases": 1_500, "profiles": 1_500}
    assert (made.value_bytes, made.occurred_at_s) == (
        sum(len(each.value) for each in records),
        records[-1].occurred_at_s,
    )
    for (topic, partition), queue in made.queues.items():
        assert all(len(batch.records) == 100 for batch in queue[:-1])
        mine = [each for each in records if each.topic == topic and partitions_of([each.key], 4)[0] == partition]
        assert [sent for batch in queue for sent in batch.records] == [
            (each.key, each.value, [("replay", b"x"), ("line", b"%d" % each.line)]) for each in mine
        ]


def test_records_without_a_trace_have_no_headers() -> None:
    made = Batcher(lambda: Batch(100), 1, None).build([record(0)])
    assert [batch.records for queue in made.queues.values() for batch in queue] == [[(b"c-0", b"0", [])]]


def test_the_length_of_what_is_traced() -> None:
    assert len(list(Traced([record(0)], []))) == 1
    assert Traced([record(0)], []).__length_hint__() == 1
    assert Traced((record(number) for number in range(2)), []).__length_hint__() is NotImplemented
