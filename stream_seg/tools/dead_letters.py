"""Letters: what the topic of dead letters holds, read back and chosen from."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from stream_seg.contracts.times import parse_rfc3339
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES
from stream_seg.kafka.reader import read_all

# Anybody may write to a topic: a letter counts as one of ours when its reason looks like a code.
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
_CUT: Final = re.compile(r"\((key )?truncated: \d+ bytes, of which the first \d+ are kept\)$")


@dataclass(frozen=True, slots=True)
class Letter:
    """A rejected record, its own key and value, where it was, and why and when (epoch seconds) it was rejected.

    Where a header is missing or makes no sense, texts are empty and numbers -1.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    source_topic: str
    source_partition: int
    source_offset: int
    rejected_at_s: float

    @property
    def truncated(self) -> bool:
        """Whether the record was longer than the letter: it cannot be had back from here."""
        full = len(self.value or b"") == MAX_VALUE_BYTES or len(self.key or b"") == MAX_KEY_BYTES
        return full and _CUT.search(self.detail) is not None

    @property
    def fingerprint(self) -> int:
        """A number that two letters about one record share: after a crash there may be two. Of this process only."""
        return hash((self.source_topic, self.source_partition, self.source_offset, self.key, self.value))

    @property
    def is_ours(self) -> bool:
        """Whether it says why and whence, as a worker's letters do."""
        return self.source_topic != "" and _CODE.fullmatch(self.reason) is not None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant: of these reasons, from these topics (empty: of all), rejected at `since_s` or later."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_s: float = -inf

    def wants(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.source_topic in self.topics)
            and letter.rejected_at_s >= self.since_s
        )


async def read_letters(
    broker: Broker, topic: str, selection: Selection
) -> AsyncIterator[tuple[int, int, list[Letter]]]:
    """All letters that are meant, as (partition, last offset read, letters), in order within a partition.

    Raises BrokerError when broker or topic are not there.
    """
    async for partition, records in read_all(broker, topic):
        letters = [letter_of(partition, record) for record in records]
        yield partition, records[-1].offset, [letter for letter in letters if selection.wants(letter)]


def letter_of(partition: int, record: Any) -> Letter:
    """The letter that a record (aiokafka's) of the topic is, whoever wrote it."""
    said: dict[str, str] = {
        name: value.decode("utf-8", "backslashreplace") for name, value in record.headers if value is not None
    }
    return Letter(
        partition=partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        reason=said.get("reason", ""),
        detail=said.get("detail", ""),
        source_topic=said.get("source_topic", ""),
        source_partition=_number(said, "source_partition"),
        source_offset=_number(said, "source_offset"),
        rejected_at_s=_moment(said, record.timestamp / 1000),
    )


def _number(said: Mapping[str, str], name: str) -> int:
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _moment(said: Mapping[str, str], otherwise: float) -> float:
    try:
        return parse_rfc3339(said.get("rejected_at", ""))
    except ValueError:
        return otherwise
