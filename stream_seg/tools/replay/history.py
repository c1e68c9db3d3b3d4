"""Find what earlier replays have sent, from the input topics themselves."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition
from xxhash import xxh3_64_intdigest

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.backwards import read_backwards
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.client import connect
from stream_seg.kafka.offsets import high_watermarks, log_starts
from stream_seg.settings import Settings

from .batching import LINE_HEADER, REPLAY_HEADER, Headers, Place
from .inputs import input_partitions

# Header of a replay with `--again`. Its value is the start time, which distinguishes the run from earlier ones.
AGAIN_HEADER = "again"
# Header of a replay that left out events because other sources had sent them. The search must continue before it.
LEFT_OUT_HEADER = "left-out"


@dataclass(frozen=True)
class ReplayHistory:
    """The records of a source and of other sources in the input topics.

    `run` is the last run of this source, and 0 if that run had no `--again`. `last_lines` are the last lines that it
    wrote to each place. `others` are fingerprints of events that other sources sent. `truncated` are the places from
    which retention has removed records.
    """

    partitions: int
    run: int
    last_lines: Mapping[Place, int]
    others: array[int]
    truncated: frozenset[Place]


def headers_of(identity: str, *, run: int = 0, left_out: bool = False) -> Headers:
    """Return the headers that all records of a replay carry."""
    headers = [(REPLAY_HEADER, identity.encode())]
    if run:
        headers.append((AGAIN_HEADER, b"%d" % run))
    if left_out:
        headers.append((LEFT_OUT_HEADER, b"1"))
    return headers


def fingerprint(topic: str, key: bytes, value: bytes) -> int:
    """Return a 64-bit hash by which equal records are found."""
    return xxh3_64_intdigest(value, xxh3_64_intdigest(key, TOPICS.index(topic)))


async def read_replay_history(broker: Broker, settings: Settings, identity: str) -> ReplayHistory:
    """Search all input partitions backwards for the records of a source.

    Each partition is read back to the newest record of the source, or to its start if there is none. Raises
    BrokerError.
    """
    names = {settings.topic(topic): topic for topic in TOPICS}
    async with connect(broker) as client:
        partitions = await input_partitions(client, broker, settings)
        tps = [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        starts, ends = await log_starts(client, tps), await high_watermarks(broker, client, tps)
        views = await read_backwards(
            client,
            {tp: (starts[tp], ends[tp]) for tp in tps},
            lambda tp: _View(names[tp.topic], identity.encode()),
            REPLAY_HEADER.encode(),
        )
    found = {(names[tp.topic], tp.partition): view for tp, view in views.items()}
    run = max((view.run for view in found.values()), default=0)
    others = array("Q")
    for view in found.values():
        others.extend(view.others)
    return ReplayHistory(
        partitions=partitions,
        run=run,
        last_lines={at: view.line for at, view in found.items() if view.line is not None and view.run == run},
        others=others,
        truncated=frozenset((names[tp.topic], tp.partition) for tp, start in starts.items() if start > 0),
    )


class _View:
    """A search for the newest record of a source in one partition. It collects records of other sources on the way."""

    def __init__(self, topic: str, identity: bytes) -> None:
        self.line: int | None = None
        self.run = 0
        self.others = array("Q")
        self._topic = topic
        self._identity = identity
        self._newest: dict[str, bytes] = {}
        self._ended = False

    def look(self, records: Iterable[Any]) -> None:
        for record in records:
            if not record.headers:
                continue
            headers = dict(record.headers)
            source = headers.get(REPLAY_HEADER)
            if source == self._identity and _number(headers.get(LINE_HEADER)):
                self._newest = headers
            elif source is not None and record.value is not None:
                self.others.append(fingerprint(self._topic, record.key or b"", record.value))

    def window_ended(self) -> bool:
        # Only the newest record counts. If it says that other sources have sent a part, their records are before it.
        if self.line is None and self._newest:
            self.line, self.run = _number(self._newest.get(LINE_HEADER)), _number(self._newest.get(AGAIN_HEADER))
            self._ended = LEFT_OUT_HEADER not in self._newest
        return self._ended


def _number(value: bytes | None) -> int:
    """Return the number in a header, or 0 if it is malformed, because any program may write to a topic."""
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else 0
