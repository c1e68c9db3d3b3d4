"""Leave out the events of a source that earlier replays have sent, so that each is sent once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from stream_seg.datasets.record import Source, SourceRecord
from stream_seg.errors import AlreadySent, SourceError

from .batching import Headers, Place, Places, Traced
from .history import ReplayHistory, fingerprint, headers_of

CHUNK: Final = 8_192  # records compared together


class _Known(Enum):
    """The evidence that an event was sent before."""

    NO = auto()
    BY_LINE = auto()  # a later line of this source is in the partition
    BY_CONTENT = auto()  # another source has sent an equal record


@dataclass(frozen=True)
class Unsent:
    """The events of a source that are not sent yet. They carry `headers`. `already` other events are left out."""

    source: Source
    earlier: ReplayHistory
    headers: Headers
    already: int

    def __iter__(self) -> Iterator[SourceRecord]:
        if not self.already:
            return iter(self.source)
        return (record for record, _, known in _judged(self.source, self.earlier) if known is _Known.NO)

    def traced(self) -> Traced:
        """Return the events in the form that `replay` takes."""
        return Traced(self.source if not self.already else self, self.headers)


def all_events(source: Source, identity: str, now_s: float) -> Traced:
    """Return all events of a source, sent before or not. `now_s` distinguishes this run from earlier ones."""
    return Traced(source, headers_of(identity, run=int(now_s * 1000)))


def unsent_events(source: Source, identity: str, earlier: ReplayHistory, *, resume: bool) -> Unsent:
    """Return the events of a source that earlier replays have not sent.

    After a replay of this source that ended early, `resume` must ask for the remaining events. Events that other
    sources have sent (an older version of the file, or one that overlaps) are left out by their content. Raises
    AlreadySent if no event is left or if `resume` is missing, and SourceError if retention has removed the evidence.
    """
    if not earlier.last_lines and not earlier.others:
        return Unsent(source, earlier, headers_of(identity), 0)
    survey = _Survey(source, earlier)
    survey.run()
    if survey.total == 0:
        return Unsent(source, earlier, headers_of(identity), 0)
    if survey.left == 0:
        how = "before" if earlier.last_lines else "before, with another version of it"
        raise AlreadySent(f"{source.name} was sent {how} ({survey.total:,} events); use --again to send it once more")
    if earlier.last_lines and not resume:
        raise AlreadySent(
            f"{survey.total - survey.left:,} of the {survey.total:,} events of {source.name} were sent by a replay "
            "that ended early, or still runs; use --resume to send the others, or --again to send all once more"
        )
    headers = headers_of(identity, run=earlier.run, left_out=survey.by_content > 0)
    return Unsent(source, earlier, headers, survey.total - survey.left)


class _Survey:
    """A count of the events of a source that were sent before, and of those that were not."""

    def __init__(self, source: Source, earlier: ReplayHistory) -> None:
        self.total = 0
        self.left = 0
        self.by_content = 0
        self._source = source
        self._earlier = earlier
        self._reached = max(earlier.last_lines.values(), default=0)
        self._left_at: set[Place] = set()
        self._known_at: set[Place] = set()

    def run(self) -> None:
        """Read the source. Raises SourceError if the sent events cannot be determined."""
        for record, place, known in _judged(self._source, self._earlier):
            self.total += 1
            self.by_content += known is _Known.BY_CONTENT
            if known is _Known.NO:
                self.left += 1
            if place in self._earlier.truncated:
                self._check(record, place, known)

    def _check(self, record: SourceRecord, place: Place, known: _Known) -> None:
        """Raise SourceError if retention may have removed the record of an event that seems unsent."""
        earlier = self._earlier
        if known is _Known.NO:
            if place not in earlier.last_lines and record.line <= self._reached:
                raise self._removed(place)
            if place not in earlier.last_lines:
                self._left_at.add(place)
        elif known is _Known.BY_CONTENT and place not in self._known_at:
            if place in self._left_at:
                raise self._removed(place)
            self._known_at.add(place)

    def _removed(self, place: Place) -> SourceError:
        return SourceError(
            f"{self._source.name}: retention has removed records of {place[0]}, partition {place[1]}, so it is not "
            "known which of its events were sent there; replay the missing ones as a file of their own"
        )


def _judged(source: Source, earlier: ReplayHistory) -> Iterator[tuple[SourceRecord, Place, _Known]]:
    """Yield each record of a source with its place and the evidence that it was sent before."""
    places, contents = Places(earlier.partitions), _Contents(earlier)
    last_lines = earlier.last_lines
    records = iter(source)
    while chunk := list(islice(records, CHUNK)):
        places.forget()
        partitions = places.of([record.key for record in chunk])
        taken = contents.take(chunk)
        for record, partition, by_content in zip(chunk, partitions, taken, strict=True):
            place = (record.topic, partition)
            if record.line <= last_lines.get(place, 0):
                yield record, place, _Known.BY_LINE
            else:
                yield record, place, _Known.BY_CONTENT if by_content else _Known.NO


class _Contents:
    """The records that other sources have sent. Each of them matches one equal record of this source."""

    def __init__(self, earlier: ReplayHistory) -> None:
        # A run with --again sends all events, including those that other sources have sent.
        others = [] if earlier.run else earlier.others
        self._known, self._count = np.unique(np.array(others, np.uint64), return_counts=True)

    def take(self, records: list[SourceRecord]) -> list[bool]:
        """Return for each record whether another source has sent it. Each match is used once."""
        taken = [False] * len(records)
        if not len(self._known):
            return taken
        prints = np.array([fingerprint(each.topic, each.key, each.value) for each in records], np.uint64)
        at: npt.NDArray[np.intp] = np.minimum(np.searchsorted(self._known, prints), len(self._known) - 1)
        for index in np.flatnonzero(self._known[at] == prints).tolist():
            if self._count[at[index]]:
                self._count[at[index]] -= 1
                taken[index] = True
        return taken
