"""Decide: the customers of a group are evaluated, and what must be written is put together. No await, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stream_seg.contracts.changes import ChangeMessage, encode_change
from stream_seg.contracts.document import Document
from stream_seg.contracts.times import rfc3339_ms
from stream_seg.core.customer import NO_SEGMENT, columns
from stream_seg.core.engine import Engine, Moves
from stream_seg.core.features import FEATURES, Matrix
from stream_seg.core.working_set import WorkingSet

from . import changelog
from .changelog import Header
from .documents import document_of
from .group import Group
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

    def decide(self, group: Group, wall_s: float) -> list[Written]:
        """Evaluate, update the store, and say what is to be written. `wall_s` is the time of detection, epoch s."""
        written = {number: Written(owned) for number, owned in group.partitions.items()}
        detected_at = rfc3339_ms(wall_s)
        for item in written.values():
            item.owned.group += 1
        self._touched(group, written, wall_s, detected_at)
        for item in written.values():
            owned = item.owned
            self._reevaluate(item, wall_s, detected_at)
            self._rewrite(item)
            owned.state.records.update(item.records)
            if not owned.reevaluate and self.engine.model is not None:
                owned.model_version = self.engine.model.version
            item.header = self.header(owned)
        return list(written.values())

    def header(self, owned: OwnedPartition) -> Header:
        """The partition's header as of now."""
        return owned.header(self.engine.rules.decay.half_life_s, self.ended)

    def _touched(self, group: Group, written: Mapping[int, Written], wall_s: float, detected_at: str) -> None:
        """Customers that events touched: every one is written, whether it moved or not. All partitions at once."""
        held = group.held
        if not len(held):
            return
        held.settle()
        # On the stream clock a customer is evaluated at its own latest event, so that segments do not
        # depend on how records fell into groups.
        held["as_of"][:] = held["last_seen"] if self.stream_clock else wall_s
        now = held["as_of"].copy()
        now[~np.isfinite(now)] = 0.0  # nothing but a fence: every event of this customer was a repeat
        moves = self.engine.evaluate(held, now)
        into = [written[owned.number] for owned in group.homes]
        before = self._before([(held.keys[row], group.homes[row]) for row in moves.rows])
        self._move(held, moves, before, "event", into, detected_at)
        for key, record, item in zip(held.keys, held.pack(), into, strict=True):
            item.records[key] = record

    def _before(self, moving: list[tuple[bytes, OwnedPartition]]) -> Matrix:
        """Features at the last evaluation (len(moving), len(FEATURES)); zeros for customers new in this group."""
        before = np.zeros((len(moving), len(FEATURES)))
        known = [(row, owned.state.records.get(key)) for row, (key, owned) in enumerate(moving)]
        held = [(row, record) for row, record in known if record is not None]
        if held:
            fixed = columns([record for _, record in held])
            before[[row for row, _ in held]] = self.engine.features(fixed, fixed["as_of"])
        return before

    def _reevaluate(self, written: Written, wall_s: float, detected_at: str) -> None:
        """A slice of the customers that a new model has not seen: only those that move are written."""
        owned = written.owned
        if not owned.reevaluate or self.engine.model is None:
            return
        found = [pair for pair in owned.reevaluate.take(SLICE) if pair[0] not in written.records]
        if not found:
            return
        keys = [key for key, _ in found]
        held = self.engine.working_set()
        held.open(keys, [record for _, record in found])
        clock = owned.clock(self.ended) if self.stream_clock else wall_s
        moves = self.engine.evaluate(held, np.maximum(held["as_of"], clock))
        before = self.engine.features(held, held["as_of"])[moves.rows]
        held["as_of"][moves.rows] = moves.now[moves.rows]
        self._move(held, moves, before, "model", [written] * len(held), detected_at)
        packed = held.pack()
        written.records.update((keys[row], packed[row]) for row in moves.rows)

    def _rewrite(self, written: Written) -> None:
        """A slice of the records that must be appended again as they are."""
        for key, record in written.owned.rewrite.take(SLICE):
            written.records.setdefault(key, record)

    def _move(
        self,
        held: WorkingSet,
        moves: Moves,
        before: Matrix,
        reason: str,
        into: Sequence[Written],
        detected_at: str,
    ) -> None:
        """Put those who move where they belong; their changes and documents go `into` what is written, by row."""
        rows = moves.rows
        left, as_of = held["segment"][rows].tolist(), held["as_of"][rows].tolist()
        changes = self.engine.move_all(held, moves, self.engine.explain(moves, before), reason)
        entered = held["segment"][rows].tolist()
        for row, change, was, now, at in zip(rows, changes, left, entered, as_of, strict=True):
            item = into[row]
            owned = item.owned
            if was != NO_SEGMENT:
                owned.sizes[was] -= 1
            owned.sizes[now] += 1
            item.outbox[held.keys[row]] = encode_change(
                change, epoch=owned.epoch, detected_at=detected_at, source=self.source
            )
            item.documents.append(document_of(change, at, owned.epoch))
