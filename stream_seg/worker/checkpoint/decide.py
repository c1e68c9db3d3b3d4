"""Decide: the customers of a group are evaluated, and what must be written is put together. No await, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stream_seg.contracts.changes import ChangeMessage, encode_change
from stream_seg.contracts.document import Document
from stream_seg.contracts.times import FormattedTimes, rfc3339_ms
from stream_seg.core.batch import CustomerBatch
from stream_seg.core.engine import Engine, Moves
from stream_seg.core.features import FEATURES, Matrix
from stream_seg.core.record import NO_SEGMENT, columns
from stream_seg.kafka.append import Message
from stream_seg.worker.partitions import changelog
from stream_seg.worker.partitions.changelog import Header
from stream_seg.worker.partitions.ownership import ClockEnded, OwnedPartition
from stream_seg.worker.partitions.records import Pair

from .documents import document_of
from .group import Group

# Records that a rewrite adds to one group, for each partition.
SLICE: Final = 2000
# Customers that are looked at with a new model at a time. A group takes some such looks, until so many were looked at
# or move: about ten milliseconds of work either way, for which live events wait.
LOOK: Final = 500
LOOKED_AT: Final = 2_500
MOVED: Final = 200


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
        self._reevaluate(list(written.values()), wall_s, detected_at)
        for item in written.values():
            owned = item.owned
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

    def _reevaluate(self, written: Sequence[Written], wall_s: float, detected_at: str) -> None:
        """A slice of the customers that a new model has not seen, partition by partition."""
        if self.engine.model is None:
            return
        looked_at = moved = 0
        for item in written:
            while item.owned.reevaluate and looked_at < LOOKED_AT and moved < MOVED:
                found = [pair for pair in item.owned.reevaluate.take(LOOK) if pair[0] not in item.records]
                looked_at += LOOK
                moved += self._look(found, item, wall_s, detected_at)

    def _look(self, found: Sequence[Pair], item: Written, wall_s: float, detected_at: str) -> int:
        """Evaluate customers with a new model. Only those that move are opened, and written; how many."""
        if not found:
            return 0
        fixed = columns([record for _, record in found])
        clock = item.owned.clock(self.ended) if self.stream_clock else wall_s
        looks = self.engine.evaluate(fixed, np.maximum(fixed["as_of"], clock))
        if not looks.rows:
            return 0
        moves = looks.only_moving()
        before = self.engine.features(fixed[looks.rows], fixed["as_of"][looks.rows])
        held, keys = self.engine.new_batch(), [found[row][0] for row in looks.rows]
        held.open(keys, [found[row][1] for row in looks.rows])
        held["as_of"][:] = moves.now
        self._move(held, moves, before, "model", [item] * len(held), detected_at)
        item.records.update(zip(keys, held.pack(), strict=True))
        return len(held)

    def _rewrite(self, written: Written) -> None:
        """A slice of the records that must be appended again as they are."""
        for key, record in written.owned.rewrite.take(SLICE):
            written.records.setdefault(key, record)

    def _move(
        self,
        held: CustomerBatch,
        moves: Moves,
        before: Matrix,
        reason: str,
        into: Sequence[Written],
        detected_at: str,
    ) -> None:
        """Put those who move where they belong; their changes and documents go `into` what is written, by row."""
        rows = moves.rows
        left, since = held["segment"][rows].tolist(), held["since"][rows]
        changes = self.engine.move_all(held, moves, self.engine.explain(moves, before), reason)
        entered, as_of = held["segment"][rows].tolist(), held["as_of"][rows].tolist()
        format_time = FormattedTimes(np.concatenate((moves.now[rows], since))).__getitem__
        for row, change, was, now, at in zip(rows, changes, left, entered, as_of, strict=True):
            item = into[row]
            owned = item.owned
            if was != NO_SEGMENT:
                owned.sizes[was] -= 1
            owned.sizes[now] += 1
            item.outbox[held.keys[row]] = encode_change(
                change, epoch=owned.epoch, detected_at=detected_at, source=self.source, format_time=format_time
            )
            item.documents.append(document_of(change, at, owned.epoch, format_time))
