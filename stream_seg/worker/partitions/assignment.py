"""The partitions that a worker owns, and the questions that concern all of them: time, lag, pending sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.settings import Settings

from .changelog import Header
from .ownership import OwnedPartition

HighWatermark = Callable[[str, int], int | None]  # (topic name, partition) -> end offset (exclusive), where it is known


class Partitions:
    """The owned partitions of one worker, by number.

    `owned` is replaced as a whole when an assignment is complete. `generation` counts rebalances: work that began in
    an earlier generation must not go on. `high_watermark` is asked for the current ends of input topics.
    """

    def __init__(self, settings: Settings, high_watermark: HighWatermark, clock: Clock = SYSTEM_CLOCK) -> None:
        self.owned: dict[int, OwnedPartition] = {}
        self.generation = 0
        self.stream_clock = settings.clock == "stream"
        self.half_life_s = settings.half_life_s
        # Samples are drawn between groups, and one second of a replay may cover a month of events. A replay that learns
        # must therefore not collect large groups, or the learner would miss most of those days.
        self._small_groups = self.stream_clock and settings.model is None
        self._high_watermark = high_watermark
        self._clock = clock

    def clock(self, partition: OwnedPartition) -> float:
        """Return the time by the events of a partition in epoch seconds, 0 while it is unknown."""
        progress, number = partition.progress, partition.number
        ended = [topic for topic in TOPICS if progress.read_to_end(topic, self._high_watermark(topic, number))]
        return progress.clock(ended)

    def now(self, partition: OwnedPartition) -> float:
        """Return the evaluation time of a partition in epoch seconds: its clock in a replay, else wall time."""
        return self.clock(partition) if self.stream_clock else self._clock.wall()

    def header(self, partition: OwnedPartition) -> Header:
        """Return the header that ends the current commit group of a partition."""
        return partition.header(self.half_life_s, self.clock(partition))

    def behind(self) -> int:
        """Return how many records are left to read, or 0 in a replay that learns, where groups must stay small."""
        if self._small_groups:
            return 0
        return sum(
            partition.progress.behind(topic, self._high_watermark(topic, number))
            for number, partition in self.owned.items()
            for topic in TOPICS
        )

    def swept(self) -> list[OwnedPartition]:
        """Return the partitions with a sweep that is not finished."""
        return [partition for partition in self.owned.values() if partition.sweeps]

    def customers_to_reevaluate(self) -> int:
        """Return about how many customers the active model has not evaluated yet."""
        return sum(len(partition.sweeps.reevaluate) for partition in self.owned.values())

    def sizes(self) -> dict[str, int]:
        """Return the number of customers by `dimension:segment`, over all partitions."""
        sizes: Counter[str] = Counter()
        for partition in self.owned.values():
            sizes.update(partition.sizes)
        return sizes
