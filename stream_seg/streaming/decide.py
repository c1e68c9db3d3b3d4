"""Decide: the customers of a group are evaluated, and what must be written is put together. No await, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stream_seg.contracts.changes import ChangeMessage, encode_change
from stream_seg.contracts.document import Document
from stream_seg.contracts.times import rfc3339_ms
from stream_seg.core.customer import NO_SEGMENT, Customer, columns
from stream_seg.core.engine import Engine, Why
from stream_seg.core.features import FEATURES, Matrix

from . import changelog
from .changelog import Header
from .documents import document_of
from .group import Gathered
from .ownership import ClockEnded, OwnedPartition
from .publish import Message

# Customers that a new model, or a rewrite, adds to one group: about ten milliseconds of work.
SLICE: Final = 2000


@dataclass(slots=True)
class Written:
    """What a group writes for one partition: records, the changes they carry, and documents for Redis."""

    owned: OwnedPartition
    records: dict[bytes, bytes] = field(default_factory=dict)
    outbox: dict[bytes, ChangeMessage] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    header: Header | None = None

    def entries(self) -> Iterator[Message]:
        """Changelog messages, the header last: what it says of the group holds when all before it are there."""
        epoch, group = self.owned.epoch, self.owned.group
        for key, record in self.records.items():
            change = self.outbox.get(key)
            yield key, changelog.pack_entry(epoch, group, record, (change.value,) if change else ()), ()
        if self.header is not None:
            yield changelog.HEADER_KEY, changelog.pack_header(self.header), ()


@dataclass(frozen=True, slots=True)
class Decider:
    """Evaluates groups with one engine. `stream_clock`: time is what events say."""

    engine: Engine
    stream_clock: bool
    source: str
    ended: ClockEnded

    def decide(self, group: Iterable[Gathered], wall_s: float) -> list[Written]:
        """Evaluate, update the store, and say what is to be written. `wall_s` is the time of detection, epoch s."""
        gathered = list(group)
        written = [Written(item.owned) for item in gathered]
        detected_at = rfc3339_ms(wall_s)
        for item in written:
            item.owned.group += 1
        self._touched(gathered, written, wall_s, detected_at)
        for item in written:
            owned = item.owned
            self._reevaluate(item, wall_s, detected_at)
            self._rewrite(item)
            owned.state.records.update(item.records)
            if not owned.reevaluate and self.engine.model is not None:
                owned.model_version = self.engine.model.version
            item.header = self.header(owned)
        return written

    def header(self, owned: OwnedPartition) -> Header:
        """The partition's header as of now."""
        return owned.header(self.engine.rules.decay.half_life_s, self.ended)

    def _touched(self, gathered: list[Gathered], written: list[Written], wall_s: float, detected_at: str) -> None:
        """Customers that events touched: every one is written, whether it moved or not. All partitions at once."""
        touched = [
            (key, customer, into)
            for item, into in zip(gathered, written, strict=True)
            for key, customer in item.touched.items()
        ]
        if not touched:
            return
        for _, customer, _ in touched:
            # On the stream clock a customer is evaluated at its own latest event, so that segments do not
            # depend on how records fell into groups.
            customer.as_of = customer.last_seen if self.stream_clock else wall_s
        packed = [customer.pack() for _, customer, _ in touched]
        now = np.array([customer.as_of for _, customer, _ in touched])
        now[~np.isfinite(now)] = 0.0  # nothing but a fence: every event of this customer was a repeat
        moves = self.engine.evaluate(packed, now)
        before = self._before([(touched[row][0], touched[row][2].owned) for row in moves.rows])
        for row, why in zip(moves.rows, self.engine.explain(moves, before), strict=True):
            key, customer, into = touched[row]
            # Touched by nothing but repeats, who moves moves because time has passed.
            self._move(key, customer, why, "event" if customer.cause else "deadline", into, detected_at)
            packed[row] = customer.restamp(packed[row])
        for (key, _, into), record in zip(touched, packed, strict=True):
            into.records[key] = record

    def _before(self, moving: list[tuple[bytes, OwnedPartition]]) -> Matrix:
        """Features at the last evaluation (len(moving), len(FEATURES)); zeros for customers new in this group."""
        before = np.zeros((len(moving), len(FEATURES)))
        held = [
            (row, owned.state.records[key]) for row, (key, owned) in enumerate(moving) if key in owned.state.records
        ]
        if held:
            fixed = columns([record for _, record in held])
            before[[row for row, _ in held]] = self.engine.features(fixed, fixed["as_of"])
        return before

    def _reevaluate(self, written: Written, wall_s: float, detected_at: str) -> None:
        """A slice of the customers that a new model has not seen: only those that move are written."""
        owned = written.owned
        if not owned.reevaluate or self.engine.model is None:
            return
        keys = [key for key in owned.reevaluate[-SLICE:] if key not in written.records]
        del owned.reevaluate[-SLICE:]
        held = [(key, owned.state.records[key]) for key in keys if key in owned.state.records]
        if not held:
            return
        fixed = columns([record for _, record in held])
        clock = owned.clock(self.ended) if self.stream_clock else wall_s
        now = np.maximum(fixed["as_of"], clock)
        moves = self.engine.evaluate([record for _, record in held], now)
        moving = fixed[moves.rows]
        before = self.engine.features(moving, moving["as_of"])
        for row, why in zip(moves.rows, self.engine.explain(moves, before), strict=True):
            key, record = held[row]
            customer = self.engine.open(record)
            customer.as_of = why.at
            self._move(key, customer, why, "model", written, detected_at)
            written.records[key] = customer.pack()

    def _rewrite(self, written: Written) -> None:
        """A slice of the records that must be appended again as they are."""
        owned = written.owned
        for key in owned.rewrite[-SLICE:]:
            record = owned.state.records.get(key)
            if record is not None:
                written.records.setdefault(key, record)
        del owned.rewrite[-SLICE:]

    def _move(self, key: bytes, customer: Customer, why: Why, reason: str, written: Written, detected_at: str) -> None:
        owned = written.owned
        if customer.segment != NO_SEGMENT:
            owned.sizes[customer.segment] -= 1
        transition = self.engine.move(key, customer, why, reason)
        owned.sizes[customer.segment] += 1
        written.outbox[key] = encode_change(transition, epoch=owned.epoch, detected_at=detected_at, source=self.source)
        written.documents.append(document_of(transition.customer_id, transition.segments, customer, owned.epoch))
