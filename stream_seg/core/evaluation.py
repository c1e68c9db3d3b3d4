"""Evaluation: places customers in all dimensions, and turns the differences into transitions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .batch import CustomerBatch
from .customer import Cause
from .dimensions.base import Current, Dimension, Placement, View
from .record import NO_SEGMENT, Columns
from .transitions import RENAMED, CurrentSegment, Reason, Transition

Segments = dict[str, CurrentSegment]  # by dimension


class Placed(NamedTuple):
    """The result of one dimension: the segments that n customers have, and those in which it places them.

    `changing` (n,) marks customers who enter or leave a segment, and `moving` (n,) also those whose segment gets
    another name.
    """

    dimension: Dimension
    current: Current
    placement: Placement
    changing: npt.NDArray[np.bool_]
    moving: npt.NDArray[np.bool_]


class Step(NamedTuple):
    """The transitions of a batch with the row of each, and the rows whose document for readers changes.

    A customer who was never in a segment has no document.
    """

    rows: list[int]
    transitions: list[Transition]
    changed: list[int]


class Mover(NamedTuple):
    """A customer who moves at `now`, epoch seconds, because of the last absorbed event or without one."""

    key: bytes
    life: int
    cause: Cause | None
    now: float


class Move(NamedTuple):
    """One change of one customer before it becomes a transition."""

    dimension: Dimension
    slot: int
    renamed: bool
    confidence: float | None
    runner_up: int
    reason: Reason


def evaluate(dimensions: Sequence[Dimension], view: View) -> list[Placed]:
    """Place the customers of a view in every dimension. `dimensions` are in the order of `base.in_order`."""
    placed = []
    for dimension in dimensions:
        current = view.current(dimension.position)
        placement = view.placements[dimension.key] = dimension.place(view, current)
        changing = placement.slot != current.slot
        moving = changing if placement.renamed is None else changing | placement.renamed
        placed.append(Placed(dimension, current, placement, changing, moving))
    return placed


def changed_rows(placed: Sequence[Placed]) -> list[int]:
    """Return the rows with another segment, name or `until` in any dimension."""
    changed = np.zeros(len(placed[0].current.slot) if placed else 0, np.bool_)
    for each in placed:
        changed |= each.moving | (each.placement.until != each.current.until)
    return np.flatnonzero(changed).tolist()


def segments_of(
    dimensions: Sequence[Dimension], customers: Columns | CustomerBatch, rows: Sequence[int]
) -> list[Segments]:
    """Return the segments that the customers in `rows` are in, with their names at the time of entry."""
    found: list[Segments] = [{} for _ in rows]
    for dimension in dimensions:
        columns = (customers[name][rows, dimension.position].tolist() for name in ("slots", "versions", "since"))
        for segments, slot, version, since in zip(found, *columns, strict=True):
            if slot != NO_SEGMENT:
                segments[dimension.key] = CurrentSegment(dimension.segment(slot), dimension.name(version, slot), since)
    return found


def apply(placed: Sequence[Placed], view: View, customers: CustomerBatch, code: str) -> Step:
    """Move customers into the segments of an evaluation, and return the transitions.

    A customer's transitions are in the order of dimensions. Each has all segments after it. With the code "event",
    customers without an absorbed event move by "deadline", because only time passed.
    """
    changed = changed_rows(placed)
    moves = _moves(placed, view)
    rows = sorted(moves)
    before = segments_of([each.dimension for each in placed], customers, rows)
    sequences, lives = customers["sequence"][rows].tolist(), customers["life"][rows].tolist()
    moved: list[int] = []
    transitions: list[Transition] = []
    for row, segments, sequence, life, now in zip(rows, before, sequences, lives, view.now[rows].tolist(), strict=True):
        mover = Mover(customers.keys[row], life, customers.causes[row], now)
        for number, move in enumerate(moves[row], sequence + 1):
            transition = _transition(mover, move, segments, code, number)
            segments = transition.segments
            moved.append(row)
            transitions.append(transition)
    _write(placed, view, customers)
    customers["sequence"][rows] += np.array([len(moves[row]) for row in rows], np.uint32)
    known = customers["sequence"] > 0
    return Step(moved, transitions, [row for row in changed if known[row]])


def _moves(placed: Sequence[Placed], view: View) -> dict[int, list[Move]]:
    """Return the moves by row. Each row has its moves in the order of dimensions."""
    moves: dict[int, list[Move]] = {}
    for dimension, _, placement, changing, moving in placed:
        rows = np.flatnonzero(moving)
        if not len(rows):
            continue
        explained = np.flatnonzero(changing).tolist()
        reasons = dict(zip(explained, dimension.reasons(view, explained), strict=True))
        columns = zip(
            rows.tolist(),
            placement.slot[rows].tolist(),
            (~changing[rows]).tolist(),
            repeat(None) if placement.confidence is None else placement.confidence[rows].tolist(),
            repeat(NO_SEGMENT) if placement.runner_up is None else placement.runner_up[rows].tolist(),
            strict=False,
        )
        for row, slot, renamed, confidence, runner_up in columns:
            reason = reasons.get(row, RENAMED)
            moves.setdefault(row, []).append(Move(dimension, slot, renamed, confidence, runner_up, reason))
    return moves


def _transition(mover: Mover, move: Move, segments: Segments, code: str, sequence: int) -> Transition:
    """Return the transition of a move from `segments`. It is number `sequence` of the customer."""
    dimension, slot = move.dimension, move.slot
    left, to = segments.get(dimension.key), None
    if slot != NO_SEGMENT:
        since = left.since if left is not None and move.renamed else mover.now
        to = CurrentSegment(dimension.segment(slot), dimension.name(dimension.version, slot), since)
    if move.renamed:
        code = "definition"
    elif code == "event" and mover.cause is None:
        code = "deadline"
    event_id, event_type = mover.cause if mover.cause and code == "event" else (None, None)
    after = (
        {key: each for key, each in segments.items() if key != dimension.key}
        if to is None
        else {**segments, dimension.key: to}
    )
    return Transition(
        customer_id=mover.key.decode(),
        dimension=dimension.key,
        change="renamed" if move.renamed else "exited" if to is None else "moved" if left else "entered",
        from_=left,
        to=to,
        code=code,
        event_id=event_id,
        event_type=event_type,
        reason=move.reason,
        confidence=move.confidence,
        runner_up=None if move.runner_up == NO_SEGMENT else dimension.segment(move.runner_up),
        segments=after,
        sequence=sequence,
        life=mover.life,
        occurred_at=mover.now,
        version=dimension.version,
    )


def _write(placed: Sequence[Placed], view: View, customers: CustomerBatch) -> None:
    """Write an evaluation into the columns of a batch."""
    for dimension, _, placement, changing, moving in placed:
        at = dimension.position
        customers["since"][changing, at] = view.now[changing]
        customers["versions"][moving, at] = dimension.version
        customers["slots"][:, at] = placement.slot
        customers["until"][:, at] = placement.until
    customers["deadline"][:] = customers["until"].min(axis=1)
    customers["as_of"][:] = view.now
    customers["before"][:] = view.features
