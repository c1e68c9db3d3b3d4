"""The progress of one partition through the input topics, and the stream clock that follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import StateMismatch


class Ends(NamedTuple):
    """The end offsets (exclusive) of a partition: of the input topics by name, and of the changelog."""

    inputs: Mapping[str, int]
    changelog: int


@dataclass(slots=True)
class InputProgress:
    """The absorbed part of one partition of every input topic.

    All three are by topic name. `offsets` holds the highest offset absorbed, `times` the latest event time absorbed
    (epoch seconds), and `ends` the end offset (exclusive) when the partition was assigned.
    """

    offsets: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)

    def absorbed(self, topic: str, offset: int, latest: float | None) -> None:
        """Record that `topic` is absorbed up to `offset`. `latest` is the latest event time, None without events."""
        self.offsets[topic] = max(offset, self.offsets.get(topic, -1))
        if latest is not None and latest > self.times.get(topic, float("-inf")):
            self.times[topic] = latest

    def clock(self, ended: Collection[str]) -> float:
        """Return the time by the events of this partition in epoch seconds, 0 while it is unknown.

        The clock is the smallest of the topics' latest event times. A topic that is read ahead of the others therefore
        does not make customers look silent. Topics in `ended` have no records left and do not hold the clock back.
        """
        unfinished = [self.times.get(topic, 0.0) for topic in TOPICS if topic not in ended]
        return min(unfinished) if unfinished else max(self.times.values(), default=0.0)

    def read_to_end(self, topic: str, end: int | None) -> bool:
        """Return whether every record below `end` is absorbed. Without `end`, the end at assignment counts."""
        return self._end(topic, end) is not None and not self.behind(topic, end)

    def behind(self, topic: str, end: int | None) -> int:
        """Return how many offsets below `end` are not absorbed.

        Without `end`, the end at assignment counts. The result is 0 when neither is known.
        """
        known = self._end(topic, end)
        return 0 if known is None else max(0, known - 1 - self.offsets.get(topic, -1))

    def check(self, number: int) -> None:
        """Raise StateMismatch if a topic of partition `number` ends before the absorbed offset.

        The topic was recreated. The state would take the new events for events that it has already absorbed.
        """
        for topic, end in self.ends.items():
            offset = self.offsets.get(topic, -1)
            if offset >= end:
                raise StateMismatch(
                    f"topic {topic}, partition {number} ends at offset {end}, but the state has absorbed offset"
                    f" {offset}: the topic was recreated. Use a new APP_ID, or delete the changelog topic, to start"
                    " over."
                )

    def _end(self, topic: str, end: int | None) -> int | None:
        return self.ends.get(topic) if end is None else end
