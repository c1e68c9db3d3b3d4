"""Absorbing batches of several partitions together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from stream_seg.clock import Clock
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.absorb import Absorber
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.faust.batches import RecordBatch
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

NOW = 1_800_000_000.0
PARTITIONS = 8
KEYS = [b"c-%d" % number for number in range(40)]
PARTITION_OF = dict(zip(KEYS, partitions_of(KEYS, PARTITIONS).tolist(), strict=True))


@dataclass
class Record:
    """The attributes of an aiokafka record that a worker reads."""

    offset: int
    key: bytes | None
    value: bytes
    timestamp: int = 0


@dataclass
class Event:
    """A Faust event with a batch of records."""

    value: RecordBatch


class Worker:
    """An absorber and all of its partitions."""

    def __init__(self) -> None:
        settings = Settings(partitions=PARTITIONS)
        self.engine = Engine(Rules(Decay(settings.half_life_s)))
        self.registry = CollectorRegistry()
        self.absorber = Absorber(settings, Metrics(self.registry), Clock(wall=lambda: NOW))
        self.partitions = [OwnedPartition.take(number, PartitionState(), 1, {}) for number in range(PARTITIONS)]
        self.offsets = dict.fromkeys(range(PARTITIONS), 0)

    def group(self) -> Group:
        return Group(self.engine.new_batch())

    def send(self, group: Group, partition: int, *keys: bytes, topic: str = "purchases", **fields: Any) -> None:
        """Add a batch to a group, with one event per customer."""
        records = []
        for key in keys:
            self.offsets[partition] += 1
            event = _order(key.decode(), f"{partition}-{self.offsets[partition]}") | fields
            records.append(Record(self.offsets[partition], key, json.dumps(event).encode()))
        group.take_in(Event(RecordBatch(TP(topic, partition), records)), self.partitions[partition])

    def purchases(self, group: Group) -> dict[bytes, int]:
        """Return the number of orders by customer."""
        return dict(zip(group.customers.keys, group.customers["counts"][:, 0].tolist(), strict=True))


def _order(customer_id: str, name: str) -> dict[str, Any]:
    return {
        "event_id": f"e-{name}",
        "customer_id": customer_id,
        "order_id": f"o-{name}",
        "occurred_at": "2026-01-01T00:00:00Z",
        "amount": 10,
    }


def dead_letters(group: Group) -> dict[tuple[int, bytes | None], str]:
    """Return the reasons of dead letters by partition and key."""
    return {
        (partition, key): dict(headers)["reason"].decode()
        for partition, messages in group.dead_letters.items()
        for key, _, headers in messages
    }


def test_batches_of_all_partitions_are_absorbed_at_once() -> None:
    worker = Worker()
    group = worker.group()
    for _ in range(2):
        for number in range(PARTITIONS):
            worker.send(group, number, *(key for key in KEYS if PARTITION_OF[key] == number))
    assert len(group.customers) == 0
    worker.absorber.absorb(group)
    assert worker.purchases(group) == dict.fromkeys(KEYS, 2)
    assert [partition.number for partition in group.row_partitions] == [
        PARTITION_OF[key] for key in group.customers.keys
    ]
    for partition in worker.partitions:
        assert partition.progress.offsets == {"purchases": worker.offsets[partition.number]}
        assert partition.progress.times == {"purchases": 1767225600.0}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_known_customer_does_not_belong_in_another_partition(stored: bool, together: bool) -> None:
    worker, key = Worker(), KEYS[0]
    home, other = PARTITION_OF[key], (PARTITION_OF[key] + 1) % PARTITIONS
    if stored:
        first = worker.group()
        worker.send(first, home, key)
        worker.absorber.absorb(first)
        worker.partitions[home].state.records.update(zip(first.customers.keys, first.customers.pack(), strict=True))
    group = worker.group()
    worker.send(group, home, key)
    if not together:
        worker.absorber.absorb(group)
    worker.send(group, other, key)
    worker.send(group, home, key)
    worker.absorber.absorb(group)
    assert worker.purchases(group) == {key: 3 if stored else 2}
    assert dead_letters(group) == {(other, key): "wrong_partition"}


def test_a_misplaced_customer_does_not_affect_the_rest_of_its_batch() -> None:
    worker = Worker()
    misplaced, *others = (key for key in KEYS if PARTITION_OF[key] != 3)
    residents = [key for key in KEYS if PARTITION_OF[key] == 3]
    group = worker.group()
    worker.send(group, 3, residents[0], misplaced, *residents[1:], others[0])
    worker.send(group, 3, residents[0], currency="ZZZ")
    worker.absorber.absorb(group)
    assert worker.purchases(group) == dict.fromkeys(residents, 1)
    assert dead_letters(group) == {
        (3, misplaced): "wrong_partition",
        (3, others[0]): "wrong_partition",
        (3, residents[0]): "unknown_currency",
    }
    assert worker.partitions[3].progress.offsets == {"purchases": worker.offsets[3]}


def test_a_gap_in_offsets_is_counted() -> None:
    worker = Worker()
    group = worker.group()
    worker.send(group, PARTITION_OF[KEYS[0]], KEYS[0])
    worker.offsets[PARTITION_OF[KEYS[0]]] += 5
    worker.send(group, PARTITION_OF[KEYS[0]], KEYS[0])
    worker.absorber.absorb(group)
    assert worker.registry.get_sample_value("stream_seg_offsets_missing_total", {"topic": "purchases"}) == 5
