"""A small worker that absorbs events in groups, evaluates the affected customers, and collects the changes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stream_seg.core.customer import Customer
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.dimensions.segment_model import Hysteresis, SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.core.record import columns
from stream_seg.core.transitions import CurrentSegment, Transition

from .histories import DECAY, Act

LIFE = 1_763_764_800_123


def an_engine(model: SegmentModel | None = None, hysteresis: Hysteresis | None = None) -> Engine:
    """Return an engine with the behavior dimension."""
    return Engine(Rules(DECAY), Behavior(hysteresis, model))


class Fold:
    """Stored customers, and the changes so far. Offsets grow in the order of arrival, as in Kafka."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.records: dict[str, bytes] = {}
        self.changes: list[Transition] = []
        self._offsets = dict.fromkeys(TOPICS, 0)

    @property
    def behavior(self) -> Behavior:
        """The only dimension."""
        (behavior,) = self.engine.dimensions
        assert isinstance(behavior, Behavior)
        return behavior

    def current(self, key: str) -> CurrentSegment | None:
        """Return the segment of a customer."""
        (segments,) = self.engine.current_segments(columns([self.customer(key).pack()]), [0])
        return segments.get("behavior")

    def group(self, acts: Iterable[tuple[str, Act]], now: float = 0.0) -> list[Outcome]:
        """Absorb acts of customers. Evaluate each at `now`, or at its own latest event if that is later."""
        touched: dict[str, Customer] = {}
        outcomes = []
        for key, (topic, event, t, amount) in acts:
            customer = touched.get(key) or touched.setdefault(key, self.customer(key))
            offset = self._offsets[topic]
            self._offsets[topic] = offset + 1
            outcomes.append(self.engine.absorb(customer, topic, offset, event, t, amount))
        self._evaluate(touched, now, "event")
        return outcomes

    def use(self, model: SegmentModel, now: float) -> None:
        """Activate a model and evaluate all customers with it."""
        self.behavior.use(model)
        self._evaluate({key: self.customer(key) for key in self.records}, now, "model")

    def customer(self, key: str) -> Customer:
        """Return the customer of a stored record, or a new one."""
        record = self.records.get(key)
        return self.engine.new_customer(LIFE) if record is None else self.engine.open(record)

    def is_clear(self, key: str, gap: float = 1e-9) -> bool:
        """Return whether one center is clearly the nearest to a customer at its latest event."""
        assert self.behavior.model is not None
        record = self.records[key]
        now = np.array([self.customer(key).last_seen])
        nearest = np.sort(self.behavior.model.assign(self.engine.features([record], now)).distances[0])
        return bool(nearest[1] - nearest[0] > gap)

    def _evaluate(self, customers: dict[str, Customer], now: float, reason: str) -> None:
        for key, customer in customers.items():
            at = max(customer.last_seen, now)
            self.changes += self.engine.update(key.encode(), customer, at, reason)
            self.records[key] = customer.pack()
