"""The engine: absorbs events into customers, evaluates their segments, and explains the changes, without Kafka.

>>> from stream_seg.core import example
>>> engine = example.engine()                       # two segments, small and big spenders
>>> customer = engine.new_customer(life=1)
>>> order = {"event_id": "e-1", "type": "order_completed", "order_id": "o-1"}
>>> engine.absorb(customer, "purchases", 0, order, 1_700_000_000.0, 250_00)
<Outcome.ABSORBED: 'absorbed'>
>>> change = engine.update(b"c-1", customer, now=customer.last_seen)
>>> change.change, change.to.name, change.event_id
('entered', 'Big spenders', 'e-1')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from . import features
from .absorb import Event, Rows, Rules, absorb_rows
from .batch import CustomerBatch
from .customer import Cause, Customer
from .dimensions.behavior import BEHAVIOR, Assignment, SegmentModel, segment_id
from .dimensions.names import SegmentNames
from .events.orders import Outcome
from .events.taxonomy import TOPICS, CategoryNames
from .features import FEATURES, Matrix
from .record import NO_SEGMENT, Columns, columns
from .transitions import CurrentSegment, Transition

__all__ = ["Engine", "Event", "Moves", "Rows", "Rules", "Step", "Why"]

# A reason names at most three features, and only those that moved visibly on the model's own scale.
_REASON_FEATURES: Final = 3
_VISIBLE: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The evaluation of n customers: `rows` lists those whose segment or segment name changes.

    `now` is (n,) and `features` (n, len(FEATURES)). `renamed` has, by row, the segment of customers who stay in it
    while its name changes.
    """

    rows: list[int]
    now: Matrix
    features: Matrix
    assignment: Assignment | None
    renamed: dict[int, int] = field(default_factory=dict)


class Why(NamedTuple):
    """The reason of a move: segment, time, confidence, and (before, after) of the features that moved most."""

    to: int
    runner_up: int | None
    confidence: float
    at: float
    features: dict[str, tuple[float, float]]


class Step(NamedTuple):
    """The transitions of a batch, and the row of each."""

    rows: list[int]
    transitions: list[Transition]


# Returns the record of a row as of its previous evaluation, or None for a new customer.
Previous = Callable[[int], bytes | None]


@dataclass(slots=True)
class Engine:
    """The rules and the active model.

    `names` remembers the segment names of every model version. `categories` collects the categories of absorbed events.
    """

    rules: Rules
    model: SegmentModel | None = None
    names: SegmentNames = field(default_factory=SegmentNames)
    categories: CategoryNames = field(default_factory=CategoryNames)

    def use(self, model: SegmentModel) -> None:
        """Make this model the active one."""
        self.model = model
        self.names.learn(model.version, model.names, model.user_named, active=True)

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
        """Absorb one validated event of `topic` at `offset`. `amount` is in minor units, `t` in epoch seconds."""
        batch, cause = self.new_batch(), customer.cause
        batch.open([b""], [customer.pack()])
        replayed, unusual = self.absorb_rows(TOPICS.index(topic), Rows([0], [offset], [event], [t], [amount]), batch)
        customer.load(batch.pack()[0])
        customer.cause = batch.causes[0] or cause
        return Outcome.REPEATED if replayed else next(iter(unusual), Outcome.ABSORBED)

    def absorb_rows(self, topic: int, incoming: Rows, batch: CustomerBatch) -> tuple[int, list[Outcome]]:
        """Absorb many events of one topic (see `absorb.absorb_rows`)."""
        return absorb_rows(self.rules, topic, incoming, batch, self.categories)

    def features(self, records: Sequence[bytes] | Columns | CustomerBatch, now: Matrix) -> Matrix:
        """Return the features (n, len(FEATURES)) of n customers, each at its own `now` (n,)."""
        return features.compute(_table(records), now, self.rules.decay, self.rules.minor_per_major)

    def evaluate(self, records: Sequence[bytes] | Columns | CustomerBatch, now: Matrix) -> Moves:
        """Return which of n customers change segment at `now` (n,). No customer moves without a model."""
        table = _table(records)
        matrix = self.features(table, now)
        if self.model is None:
            return Moves([], now, matrix, None)
        assignment = self.model.assign(matrix)
        segment = table["segment"].astype(np.intp)
        moving = self.rules.hysteresis.moves(assignment, segment, table["since"], now)
        renamed = self.names.outdated(table["model_version"], segment) & ~moving
        rows = np.flatnonzero(moving | renamed).tolist()
        stay = np.flatnonzero(renamed)
        return Moves(rows, now, matrix, assignment, dict(zip(stay.tolist(), segment[stay].tolist(), strict=True)))

    def step(self, batch: CustomerBatch, now: Matrix, previous: Previous, reason: str = "event") -> Step:
        """Evaluate all customers of a batch at `now` (n,), and move those whose segment or segment name changes.

        Sets `as_of` to `now`.
        `previous` is asked only for customers who move. Their features then explain the change. With the reason
        "event", customers without an absorbed event move by "deadline", because only time passed.
        """
        batch.settle()
        moves = self.evaluate(batch, now)
        batch["as_of"][:] = now
        whys = self.explain(moves, self._previous_features(moves.rows, previous))
        return Step(moves.rows, self.move_all(batch, moves, whys, reason))

    def update(
        self, key: bytes, customer: Customer, now: float, reason: str = "event", previous: bytes | None = None
    ) -> Transition | None:
        """Do a `step` with one customer, and return its transition or None."""
        batch, cause = self.new_batch(), customer.cause
        batch.open([key], [customer.pack()])
        batch.causes[0] = cause
        step = self.step(batch, np.array([now]), lambda _: previous, reason)
        customer.load(batch.pack()[0])
        customer.cause = cause
        return next(iter(step.transitions), None)

    def _previous_features(self, rows: Sequence[int], previous: Previous) -> Matrix:
        """Return features at the previous evaluation (len(rows), len(FEATURES)), zeros for new customers."""
        matrix = np.zeros((len(rows), len(FEATURES)))
        known = [(at, record) for at, row in enumerate(rows) if (record := previous(row)) is not None]
        if known:
            fixed = columns([record for _, record in known])
            matrix[[at for at, _ in known]] = self.features(fixed, fixed["as_of"])
        return matrix

    def explain(self, moves: Moves, before: Matrix | None = None) -> list[Why]:
        """Return the reason of each of `moves.rows`, in their order.

        `before` (len(rows), len(FEATURES)) holds the features at the previous evaluation, zeros for new customers.
        """
        model, assignment, rows = self.model, moves.assignment, moves.rows
        if model is None or assignment is None or not rows:
            return []
        best, second = assignment.best[rows], assignment.second[rows]
        near = assignment.distances[rows, best]
        far = assignment.distances[rows, second]
        alone = (second == best) | (far <= 0.0)
        confidence = np.where(alone, 0.0, 1.0 - near / np.where(alone, 1.0, far))
        moved = _moved_most(
            model, np.zeros((len(rows), len(FEATURES))) if before is None else before, moves.features[rows]
        )
        return [
            Why(moves.renamed[row], None, 1.0, at, {})
            if row in moves.renamed
            else Why(to, None if other == to else other, sure, at, changed)
            for row, to, other, sure, at, changed in zip(
                rows,
                best.tolist(),
                second.tolist(),
                confidence.round(4).tolist(),
                moves.now[rows].tolist(),
                moved,
                strict=True,
            )
        ]

    def move_all(
        self, batch: CustomerBatch, moves: Moves, whys: Sequence[Why], reason: str = "event"
    ) -> list[Transition]:
        """Move all `moves.rows` of a batch into the segments that the evaluation chose, and return the transitions.

        With the reason "event", customers without an absorbed event move by "deadline".
        """
        model, rows = self.model, moves.rows
        if model is None or not rows:
            return []
        names = ("segment", "model_version", "since", "life")
        left = zip(*(batch[name][rows].tolist() for name in names), strict=True)
        batch["segment"][rows] = [why.to for why in whys]
        entering = [(row, why.at) for row, why in zip(rows, whys, strict=True) if row not in moves.renamed]
        batch["since"][[row for row, _ in entering]] = [at for _, at in entering]
        batch["model_version"][rows] = model.version
        batch["sequence"][rows] += 1
        sequences = batch["sequence"][rows].tolist()
        changes = []
        for row, why, (segment, version, since, life), sequence in zip(rows, whys, left, sequences, strict=True):
            cause = batch.causes[row]
            code = "deadline" if reason == "event" and cause is None else reason
            was = (
                None
                if segment == NO_SEGMENT
                else CurrentSegment(segment_id(segment), self.name(version, segment), since)
            )
            changes.append(_transition(model, batch.keys[row], was, why, code, cause, sequence, life))
        return changes

    def current_segment(self, customer: Customer) -> CurrentSegment | None:
        """Return the segment that a customer is in, with its name at the time of entry, or None."""
        if customer.segment == NO_SEGMENT:
            return None
        return CurrentSegment(
            segment_id(customer.segment), self.name(customer.model_version, customer.segment), customer.since
        )

    def name(self, version: int, index: int) -> str:
        """Return the name of a segment in model `version`, or its id if that model is not known."""
        return self.names.name(version, index)


def _table(records: Sequence[bytes] | Columns | CustomerBatch) -> Columns | CustomerBatch:
    return records if isinstance(records, np.ndarray | CustomerBatch) else columns(records)


def _transition(
    model: SegmentModel,
    key: bytes,
    left: CurrentSegment | None,
    why: Why,
    reason: str,
    cause: Cause | None,
    sequence: int,
    life: int,
) -> Transition:
    """Return the transition from `left` to the segment of `why`. If they are the same, its name has changed."""
    stays = left is not None and left.segment == segment_id(why.to)
    entered = CurrentSegment(segment_id(why.to), model.names[why.to], left.since if left and stays else why.at)
    reason = "definition" if stays else reason
    event_id, event_type = cause if cause and reason == "event" else (None, None)
    return Transition(
        customer_id=key.decode(),
        dimension=BEHAVIOR,
        change="renamed" if stays else "moved" if left else "entered",
        from_=left,
        to=entered,
        reason=reason,
        event_id=event_id,
        event_type=event_type,
        features=why.features,
        confidence=why.confidence,
        runner_up=None if why.runner_up is None else segment_id(why.runner_up),
        segments={BEHAVIOR: entered},
        sequence=sequence,
        life=life,
        occurred_at=why.at,
        model_version=model.version,
    )


def _moved_most(model: SegmentModel, before: Matrix, after: Matrix) -> list[dict[str, tuple[float, float]]]:
    """Return, by row, (before, after) of the features that moved most on the model's own scale, most first."""
    apart = np.abs(model.scaled(after) - model.scaled(before))
    most = np.argsort(-apart, axis=1, kind="stable")[:, :_REASON_FEATURES]
    visible = np.take_along_axis(apart, most, axis=1) > _VISIBLE
    chosen = [FEATURES.index(name) for name in model.features]
    was, became = before[:, chosen].round(4).tolist(), after[:, chosen].round(4).tolist()
    names = model.features
    return [
        {names[i]: (old[i], new[i]) for i, shown in zip(order, show, strict=True) if shown}
        for order, show, old, new in zip(most.tolist(), visible.tolist(), was, became, strict=True)
    ]
