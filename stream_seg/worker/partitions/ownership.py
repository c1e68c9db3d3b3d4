"""The state that a worker keeps for each partition it owns, one value per part of the worker that changes it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from stream_seg.cache.port import Mark
from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.base import Dimension
from stream_seg.core.transitions import Transition
from stream_seg.errors import IncompleteState, StateMismatch

from .changelog import Header
from .dirty import Dirty
from .progress import InputProgress
from .records import NO_SCAN, Scan
from .state import PartitionState

log = logging.getLogger(__name__)

NEVER: Final = Mark(-1, -1)  # a mark that Redis never shows


class EpochReason(StrEnum):
    """The reason for a new epoch of a partition."""

    ASSIGNED = "the partition was assigned"
    CACHE_LOST = "Redis lost the partition"


@dataclass(slots=True)
class Position:
    """The numbers that order the writes of a partition.

    `epoch` is stamped into every write, and only `OwnedPartition.new_epoch` changes it. `group` is the number of the
    last commit group, counted up by the decider. `confirmed` is the last group whose changes the topic has
    acknowledged, set by the effects of a group.
    """

    epoch: int
    group: int = 0
    confirmed: int = 0


@dataclass(slots=True)
class CacheState:
    """The documents that Redis has of a partition, as far as the cache sync knows."""

    dirty: Dirty  # customers whose document in Redis may be missing or old
    marked: Mark | None = None  # the mark that Redis must show
    compared: bool = False  # whether marks were compared since the partition was assigned


@dataclass(slots=True)
class SamplingState:
    """The last sample that was drawn from a partition."""

    at: float | None = None  # time on the partition's clock, None before the first sample
    customers: int = 0  # customers in the partition at that time


@dataclass(slots=True)
class Sweeps:
    """Scans over all customers of a partition. Every commit group takes a slice of each.

    `reevaluate` visits the customers that a new model has not evaluated yet. `rewrite` visits records that must be
    appended to the changelog again, because another worker has appended to it.
    """

    reevaluate: Scan = NO_SCAN
    rewrite: Scan = NO_SCAN

    def __bool__(self) -> bool:
        return bool(self.reevaluate or self.rewrite)


@dataclass(slots=True, eq=False)
class OwnedPartition:
    """One partition while this worker owns it.

    `sizes` counts customers by `dimension:segment`. `versions` are those of the models and definitions that have
    evaluated every customer, by dimension. The decider changes both.
    """

    number: int
    state: PartitionState
    position: Position
    progress: InputProgress
    cache: CacheState
    sampling: SamplingState = field(default_factory=SamplingState)
    sweeps: Sweeps = field(default_factory=Sweeps)
    sizes: Counter[str] = field(default_factory=Counter)
    versions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def take(
        cls,
        number: int,
        state: PartitionState,
        wall_ms: int,
        ends: Mapping[str, int],
        dimensions: Sequence[Dimension] = (),
    ) -> OwnedPartition:
        """Take ownership of a recovered state under a new epoch, above every epoch that wrote before.

        `wall_ms` is the time in epoch milliseconds. `ends` are the end offsets (exclusive) of the input topics. Sizes
        are counted in these `dimensions`.
        """
        state.keep_restored()
        header = state.header
        progress = InputProgress(ends=dict(ends))
        partition = cls(number, state, Position(state.epoch_seen), progress, CacheState(Dirty(state.records)))
        partition.new_epoch(EpochReason.ASSIGNED, wall_ms)
        position = partition.position
        last = max((group for group, _ in state.unconfirmed), default=0)
        position.group = last
        if header is not None:
            position.group = max(last, header.group)
            position.confirmed = header.confirmed
            progress.times, progress.offsets = dict(header.times), dict(header.inputs)
            partition.versions = dict(header.versions)
            partition.cache.marked = Mark(header.marked_epoch, header.group) if header.marked_epoch else None
        if state.records and (header is None or last > header.group):
            # The last group appended some records and crashed before Redis had them. Any mark in Redis is too old.
            partition.cache.marked = NEVER
        by_position = {each.position: each for each in dimensions}
        for (at, slot), count in state.records.sizes().items():
            if dimension := by_position.get(at):
                partition.sizes[f"{dimension.key}:{dimension.segment(slot)}"] = count
        return partition

    def new_epoch(self, reason: EpochReason, wall_ms: int) -> None:
        """Raise the epoch to `wall_ms` (epoch milliseconds), or by one when the epoch is as high already.

        Write the epoch to the changelog before any other use (`ChangelogWriter`). The next owner then takes a higher
        one, even when its clock is behind.
        """
        self.position.epoch = max(wall_ms, self.position.epoch + 1)
        log.debug("partition %d has epoch %d, because %s", self.number, self.position.epoch, reason)

    def count(self, change: Transition) -> None:
        """Update the sizes of the segments that a customer left and entered."""
        if change.from_ is not None:
            self.sizes[f"{change.dimension}:{change.from_.segment}"] -= 1
        if change.to is not None:
            self.sizes[f"{change.dimension}:{change.to.segment}"] += 1

    def reevaluate(self, versions: Mapping[str, int]) -> None:
        """Plan the evaluation of all customers, unless these versions have evaluated them."""
        if self.versions != versions:
            self.sweeps.reevaluate = self.state.records.scan()

    def header(self, half_life_s: float, clock: float) -> Header:
        """Return the header that ends the current commit group. `clock` is the partition's clock, epoch seconds."""
        position = self.position
        return Header(
            epoch=position.epoch,
            group=position.group,
            confirmed=position.confirmed,
            clock=clock,
            half_life_s=half_life_s,
            versions=dict(self.versions),
            marked_epoch=position.epoch,
            inputs=dict(self.progress.offsets),
            times=dict(self.progress.times),
            customers=len(self.state.records),
        )

    def check_complete(self, end: int) -> None:
        """Raise IncompleteState unless the state holds the whole changelog, which ends at `end` (exclusive).

        An incomplete store on disk is marked as such. The next start then reads the whole changelog.
        """
        state, header = self.state, self.state.header
        read, customers = (state.offset if state.offset is not None else -1) + 1, len(state.records)
        expected = header.customers if header is not None else 0
        if read < end or customers < expected:
            state.incomplete = True
            state.keep_restored()
            raise IncompleteState(
                f"partition {self.number} was not recovered as a whole: its changelog was read up to offset {read} of"
                f" {end}, and {customers} customers were found where there must be {expected}. Nothing was written."
                " Restart this worker, which then reads the whole changelog. If that does not help, the changelog"
                " lacks customers: see docs/guides/troubleshooting.md for a damaged changelog"
            )

    def check_half_life(self, half_life_s: float) -> None:
        """Raise StateMismatch if the sums of the state decay with another half-life.

        Such sums look plausible and are wrong.
        """
        header = self.state.header
        if header is not None and header.half_life_s != half_life_s:
            raise StateMismatch(
                f"the state decays with a half-life of {header.half_life_s / DAY_S:g} days, the settings say"
                f" {half_life_s / DAY_S:g}: set STREAM_SEG_HALF_LIFE_DAYS back, or start over with a new"
                " STREAM_SEG_APP_ID"
            )
