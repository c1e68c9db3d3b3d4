"""A worker without a broker: passes records of any topic through the real decoder and engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from faust.types import TP
from prometheus_client import CollectorRegistry

from stream_seg.clock import Clock
from stream_seg.core.customer import Customer
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events import traits
from stream_seg.core.events.categories import ENTRY, category_id, units_of
from stream_seg.core.feature_names import FEATURES
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.absorb import Absorber
from stream_seg.worker.checkpoint.group import Group
from stream_seg.worker.faust.batches import RecordBatch
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

NOW = "2026-11-30T18:00:00Z"


def seconds(text: str) -> float:
    """Return epoch seconds."""
    return datetime.fromisoformat(text).timestamp()


@dataclass
class Record:
    """The attributes of an aiokafka record that a worker reads."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


@dataclass
class Event:
    """A Faust event with a batch of records."""

    value: RecordBatch


class Shop:
    """One partition of a worker. Its wall clock and the timestamps of its records stand at `now`."""

    def __init__(self, now: str = NOW, **settings: Any) -> None:
        self.settings = Settings(partitions=1, **settings)
        self.engine = Engine(Rules(Decay(self.settings.half_life_s)))
        self.registry = CollectorRegistry()
        self.now = seconds(now)
        self.absorber = Absorber(self.settings, Metrics(self.registry), Clock(wall=lambda: self.now))
        self.partition = OwnedPartition.take(0, PartitionState(), 1, {})
        self.dead_letters: list[dict[str, str]] = []
        self._offset = 0

    def send(self, topic: str, key: str, *values: Any, written: str | None = None) -> None:
        """Absorb values of one customer as one group. A value is bytes, or an object to be sent as JSON."""
        records = []
        for value in values:
            self._offset += 1
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            stamp = self.now if written is None else seconds(written)
            records.append(Record(self._offset, key.encode(), data, int(stamp * 1000)))
        group = Group(self.engine.new_batch())
        group.take_in(Event(RecordBatch(TP(topic, 0), records)), self.partition)
        self.absorber.absorb(group)
        self.partition.state.records.update(dict(zip(group.customers.keys, group.customers.pack(), strict=True)))
        for messages in group.dead_letters.values():
            self.dead_letters += [{name: text.decode() for name, text in headers} for _, _, headers in messages]

    def customer(self, key: str) -> Customer:
        """Return a known customer, after asserting that no record was rejected."""
        assert self.dead_letters == []
        record = self.partition.state.records.get(key.encode())
        assert record is not None
        return Customer.unpack(record)

    def traits(self, key: str) -> dict[str, Any]:
        """Return the traits of a customer."""
        return traits.values(self.customer(key).traits)

    def features(self, key: str) -> dict[str, float]:
        """Return the features of a customer at `now`."""
        matrix = self.engine.features([self.customer(key).pack()], np.array([self.now]))
        return dict(zip(FEATURES, matrix[0].tolist(), strict=True))

    def weight(self, key: str, category: str) -> float:
        """Return the units of a category, without the decay since `last_seen`."""
        customer, number = self.customer(key), category_id(category)
        decay = self.engine.rules.decay
        entries = np.frombuffer(customer.categories, ENTRY)
        weight: float = entries["weight"][entries["id"] == number].sum()
        return weight / decay.weight(customer.last_seen, decay.landmark(customer.last_seen))

    def categories(self, key: str) -> dict[str, int]:
        """Return the units of a customer's categories by name."""
        return units_of(self.customer(key).categories, self.partition.state.categories)

    def metric(self, name: str, **labels: str) -> float:
        """Return a counter of the worker."""
        return self.registry.get_sample_value(f"stream_seg_{name}_total", labels) or 0.0

    def dead_letter(self) -> tuple[str, str]:
        """Return the reason and the detail of the only dead letter."""
        (dead_letter,) = self.dead_letters
        return dead_letter["reason"], dead_letter["detail"]

    @property
    def known(self) -> Sequence[str]:
        """The customers that have a record."""
        return sorted(key.decode() for key in self.partition.state.records)  # type: ignore[attr-defined]
