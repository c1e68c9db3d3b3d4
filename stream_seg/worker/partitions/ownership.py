"""What a worker knows of each partition it owns: epoch, group, clock, sizes, and what Redis has of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stream_seg.cache.port import Mark
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import IncompleteState, StateMismatch

from .changelog import Header
from .dirty import Dirty
from .records import NO_SCAN, Scan
from .state import PartitionState

NEVER: Final = Mark(-1, -1)  # what Redis never says

ClockEnded = Callable[[str, int], bool]  # (topic, partition) -> whether the topic is read to its end


class Ends(NamedTuple):
    """Where topics end in a partition (exclusive): the input topics by name, and the changelog."""

    inputs: Mapping[str, int]
    changelog: int


@dataclass(slots=True, eq=False)
class OwnedPartition:
    """One partition while this worker owns it.

    `epoch` is stamped into everything that is written for it; `group` counts group commits; `confirmed` is the last
    group whose changes the topic has acknowledged. `sizes` counts customers by segment index.
    """

    number: int
    state: PartitionState
    epoch: int
    dirty: Dirty  # customers whose document Redis may lack
    group: int = 0
    confirmed: int = 0
    times: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)  # of the input topics, when the partition was assigned
    sizes: Counter[int] = field(default_factory=Counter)
    model_version: int = 0
    reevaluate: Scan = NO_SCAN  # customers that a new model has not looked at yet
    rewrite: Scan = NO_SCAN  # records to append again, see foreign appends
    marked: Mark | None = None  # what Redis must say of this partition
    compared: bool = False  # whether Redis was asked since the partition was assigned
    sampled_at: float | None = None  # time on the partition's clock
    sampled_of: int = 0  # customers there were when it was sampled

    @classmethod
    def take(cls, number: int, state: PartitionState, wall_ms: int, ends: Mapping[str, int]) -> OwnedPartition:
        """Take ownership after recovery: a new epoch, above any that wrote before."""
        state.keep_restored()
        header = state.header
        # From here on whoever writes with a lower epoch has lost the partition, and is not listened to.
        epoch = state.epoch_seen = max(wall_ms, state.epoch_seen + 1)
        owned = cls(number, state, epoch, Dirty(state.records), ends=dict(ends))
        last = max((group for group, _ in state.unconfirmed), default=0)
        owned.group = last
        if header is not None:
            owned.group = max(last, header.group)
            owned.confirmed = header.confirmed
            owned.times, owned.inputs = dict(header.times), dict(header.inputs)
            owned.model_version = header.model_version
            owned.marked = Mark(header.epoch, header.group)
        if state.records and (header is None or last > header.group):
            # A group got as far as some records, and never to Redis: whatever Redis says, it lacks them.
            owned.marked = NEVER
        owned.sizes = state.records.sizes()
        return owned

    def header(self, half_life_s: float, ended: ClockEnded) -> Header:
        """The header that ends this partition's group."""
        return Header(
            epoch=self.epoch,
            group=self.group,
            confirmed=self.confirmed,
            clock=self.clock(ended),
            model_version=self.model_version,
            half_life_s=half_life_s,
            inputs=dict(self.inputs),
            times=dict(self.times),
            customers=len(self.state.records),
        )

    def absorbed(self, topic: str, offset: int, latest: float | None) -> None:
        """Note how far a topic has been read, and the largest time of its events."""
        self.inputs[topic] = max(offset, self.inputs.get(topic, -1))
        if latest is not None and latest > self.times.get(topic, float("-inf")):
            self.times[topic] = latest

    def clock(self, ended: ClockEnded) -> float:
        """What time it is by the events of this partition, epoch seconds; 0 while that is not known.

        The smallest over the input topics of the largest time absorbed; a topic that is read to its end does not hold
        the others back. So a topic read ahead of the others does not make customers look silent.
        """
        behind = [self.times.get(topic, 0.0) for topic in TOPICS if not ended(topic, self.number)]
        return min(behind) if behind else max(self.times.values(), default=0.0)

    def read_to_end(self, topic: str, end: int | None) -> bool:
        """Whether all records below `end`, or below the end at assignment, were absorbed."""
        return self._end(topic, end) is not None and not self.behind(topic, end)

    def behind(self, topic: str, end: int | None) -> int:
        """Offsets below `end`, or below the end at assignment, that are not absorbed; 0 where neither is known."""
        known = self._end(topic, end)
        return 0 if known is None else max(0, known - 1 - self.inputs.get(topic, -1))

    def _end(self, topic: str, end: int | None) -> int | None:
        return self.ends.get(topic) if end is None else end

    def check_whole(self, end: int) -> None:
        """Raise IncompleteState unless all of the changelog, which ends at `end` (exclusive), is in the state.

        Nobody goes on from a store on disk that lacks a part: the next start reads the whole changelog.
        """
        state, header = self.state, self.state.header
        read, customers = (state.offset if state.offset is not None else -1) + 1, len(state.records)
        said = header.customers if header is not None else 0
        if read < end or customers < said:
            state.incomplete = True
            state.keep_restored()
            raise IncompleteState(
                f"partition {self.number} was not recovered as a whole: its changelog was read up to offset {read} of"
                f" {end}, and {customers} customers were found where there must be {said}. Nothing was written; restart"
                " this worker, which reads all of it anew. If that does not help, the changelog lacks customers: see"
                " docs/guides/troubleshooting.md for one that is damaged"
            )

    def check_half_life(self, half_life_s: float) -> None:
        """Refuse a state whose sums decay otherwise: they would look plausible, and be wrong."""
        header = self.state.header
        if header is not None and header.half_life_s != half_life_s:
            raise StateMismatch(
                f"the state decays with a half-life of {header.half_life_s / DAY_S:g} days, the settings say"
                f" {half_life_s / DAY_S:g}: set STREAM_SEG_HALF_LIFE_DAYS back, or start over with a new"
                " STREAM_SEG_APP_ID"
            )

    def check_inputs(self) -> None:
        """Refuse input topics that were made anew: state from other events would call the new ones seen."""
        for topic, end in self.ends.items():
            seen = self.inputs.get(topic, -1)
            if seen >= end:
                raise StateMismatch(
                    f"topic {topic}, partition {self.number} ends at offset {end}, but the state has absorbed offset"
                    f" {seen}: the topic was recreated. Use a new APP_ID, or delete the changelog topic, to start over."
                )
