"""The engine: absorbs events into customers, evaluates their segments, and explains the changes, without Kafka.

>>> from stream_seg.core import example
>>> engine = example.engine()                       # two segments, small and big spenders
>>> customer = engine.new_customer(life=1)
>>> order = {"event_id": "e-1", "type": "order_completed", "order_id": "o-1"}
>>> engine.absorb(customer, "purchases", 0, order, 1_700_000_000.0, 250_00)
<Outcome.ABSORBED: 'absorbed'>
>>> (change,) = engine.update(b"c-1", customer, now=customer.last_seen)
>>> change.change, change.to.name, change.event_id
('entered', 'Big spenders', 'e-1')
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .absorb import Event, Rows, Rules, absorb_rows
from .batch import CustomerBatch
from .customer import Customer
from .dimensions.base import Dimension, View, in_order
from .evaluation import Segments, Step, apply, changed_rows, evaluate, segments_of
from .events.categories import CategoryNames
from .events.order_entries import Outcome
from .events.taxonomy import TOPICS
from .features import Matrix
from .record import Columns, columns
from .transitions import Transition

__all__ = ["Engine", "Event", "Rows", "Rules", "Step"]


class Engine:
    """The rules of a deployment and its dimensions, in the order of evaluation."""

    def __init__(self, rules: Rules, *dimensions: Dimension) -> None:
        """Raises ValueError when a dimension requires another that is missing."""
        self.rules = rules
        self.dimensions = in_order(dimensions)
        self._categories = CategoryNames()  # of customers that are absorbed one by one

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the models and definitions in use, by dimension, without dimensions that have none yet."""
        return {each.key: each.version for each in self.dimensions if each.version}

    def new_customer(self, life: int) -> Customer:
        """Return a new customer. `life` is the epoch of its partition."""
        return Customer(life)

    def open(self, record: bytes) -> Customer:
        """Return the customer of a record, ready to absorb events; raises BadRecord."""
        return Customer.unpack(record)

    def new_batch(self) -> CustomerBatch:
        """Return an empty batch, for the customers of a group."""
        return CustomerBatch(self.rules.decay)

    def absorb(self, customer: Customer, topic: str, offset: int, event: Event, t: float, amount: int = 0) -> Outcome:
        """Absorb one validated event of `topic` at `offset`. `amount` is in minor units, `t` in epoch seconds.

        The event arrives at the time at which it happened.
        """
        batch, cause = self.new_batch(), customer.cause
        batch.open([b""], [customer.pack()])
        rows = Rows([0], [offset], [event], [t], [amount], [t])
        replayed, unusual = absorb_rows(TOPICS.index(topic), rows, batch, [self._categories])
        customer.load(batch.pack()[0])
        customer.cause = batch.causes[0] or cause
        return Outcome.REPEATED if replayed else next(iter(unusual), Outcome.ABSORBED)

    def features(self, customers: Sequence[bytes] | Columns | CustomerBatch, now: Matrix) -> Matrix:
        """Return the features (n, len(FEATURES)) of n customers, each at its own `now` (n,)."""
        return self._view(customers, now).features

    def changed(self, customers: Sequence[bytes] | Columns, now: Matrix) -> list[int]:
        """Return which of n stored customers get another segment, name or `until` at `now` (n,)."""
        return changed_rows(evaluate(self.dimensions, self._view(customers, now)))

    def step(self, customers: CustomerBatch, now: Matrix, code: str = "event") -> Step:
        """Evaluate customers at `now` (n,), and move those whose segment or segment name changes.

        Sets `as_of` to `now` and remembers the features, which explain the next change. `code` is the reason code of
        the changes. With "event", customers without an absorbed event move by "deadline", because only time passed.
        """
        customers.settle()
        view = self._view(customers, now)
        return apply(evaluate(self.dimensions, view), view, customers, code)

    def update(self, key: bytes, customer: Customer, now: float, code: str = "event") -> list[Transition]:
        """Do a `step` with one customer, and return its transitions."""
        batch, cause = self.new_batch(), customer.cause
        batch.open([key], [customer.pack()])
        batch.causes[0] = cause
        step = self.step(batch, np.array([now]), code)
        customer.load(batch.pack()[0])
        customer.cause = cause
        return step.transitions

    def current_segments(self, customers: Columns | CustomerBatch, rows: Sequence[int]) -> list[Segments]:
        """Return the segments of the customers in `rows` by dimension, with their names at the time of entry."""
        return segments_of(self.dimensions, customers, rows)

    def _view(self, customers: Sequence[bytes] | Columns | CustomerBatch, now: Matrix) -> View:
        customers = customers if isinstance(customers, np.ndarray | CustomerBatch) else columns(customers)
        return View(customers, now, self.rules.decay, self.rules.minor_per_major)
