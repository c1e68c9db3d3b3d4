"""A worker in miniature: events arrive in groups, the customers they touch are evaluated, changes come out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stream_seg.core.customer import Customer
from stream_seg.core.dimensions.behavior import Hysteresis, SegmentModel
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.orders import Outcome
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.core.transitions import Transition

from .histories import DECAY, Said

LIFE = 1_763_764_800_123


def an_engine(model: SegmentModel | None = None, hysteresis: Hysteresis | None = None, keep: int = 60) -> Engine:
    """An engine whose rings hold `keep` events and orders: more than any history here has."""
    made = Engine(Rules(DECAY, hysteresis or Hysteresis(), recent_events=keep, recent_orders=keep))
    if model is not None:
        made.use(model)
    return made


class Fold:
    """Customers at rest, and the changes so far. Offsets grow in the order of arrival, as Kafka gives them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.records: dict[str, bytes] = {}
        self.changes: list[Transition] = []
        self._offsets = dict.fromkeys(TOPICS, 0)

    def group(self, said: Iterable[tuple[str, Said]], now: float = 0.0) -> list[Outcome]:
        """Absorb what customers said and evaluate each at `now`, or at their own latest event where that is later."""
        touched: dict[str, Customer] = {}
        outcomes = []
        for key, (topic, event, t, amount) in said:
            customer = touched.get(key) or touched.setdefault(key, self.customer(key))
            offset = self._offsets[topic]
            self._offsets[topic] = offset + 1
            outcomes.append(self.engine.absorb(customer, topic, offset, event, t, amount))
        self._evaluate(touched, now, "event")
        return outcomes

    def use(self, model: SegmentModel, now: float) -> None:
        """A new model: everybody is evaluated with it."""
        self.engine.use(model)
        self._evaluate({key: self.customer(key) for key in self.records}, now, "model")

    def customer(self, key: str) -> Customer:
        """A customer, as the record at rest says."""
        record = self.records.get(key)
        return self.engine.new_customer(LIFE) if record is None else self.engine.open(record)

    def is_clear(self, key: str, gap: float = 1e-9) -> bool:
        """Whether one centre is nearer than any other to where a customer is at their latest event."""
        assert self.engine.model is not None
        record = self.records[key]
        now = np.array([self.customer(key).last_seen])
        nearest = np.sort(self.engine.model.assign(self.engine.features([record], now)).distances[0])
        return bool(nearest[1] - nearest[0] > gap)

    def _evaluate(self, customers: dict[str, Customer], now: float, reason: str) -> None:
        packed = [customer.pack() for customer in customers.values()]
        at = np.array([max(customer.last_seen, now) for customer in customers.values()])
        moves = self.engine.evaluate(packed, at)
        moving = [list(customers.items())[row] for row in moves.rows]
        for (key, customer), why in zip(moving, self.engine.explain(moves), strict=True):
            self.changes.append(self.engine.move(key.encode(), customer, why, reason))
        self.records.update((key, customer.pack()) for key, customer in customers.items())
