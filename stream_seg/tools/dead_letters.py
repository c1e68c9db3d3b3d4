"""Read dead letters from their topic and select some of them."""

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

# Other programs may write to the topic. A letter counts as ours if its reason looks like a code.
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
_CUT: Final = re.compile(r"\((key )?truncated: \d+ bytes, of which the first \d+ are kept\)$")


@dataclass(frozen=True, slots=True)
class Letter:
    """A rejected record: its key and value, its source, and the reason and time (epoch seconds) of its rejection.

    If a header is missing or malformed, texts are empty and numbers are -1.
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
        """Whether the letter holds only the start of its record, so that the record cannot be sent again from it."""
        full = len(self.value or b"") == MAX_VALUE_BYTES or len(self.key or b"") == MAX_KEY_BYTES
        return full and _CUT.search(self.detail) is not None

    @property
    def fingerprint(self) -> int:
        """A number that two letters about one record share. It is valid in this process only."""
        return hash((self.source_topic, self.source_partition, self.source_offset, self.key, self.value))

    @property
    def is_ours(self) -> bool:
        """Whether the letter names its source and a reason code, as the letters of a worker do."""
        return self.source_topic != "" and _CODE.fullmatch(self.reason) is not None


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter for letters by reason, source topic and time of rejection. An empty set selects all."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_s: float = -inf

    def wants(self, letter: Letter) -> bool:
        """Return whether the filter selects a letter."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.source_topic in self.topics)
            and letter.rejected_at_s >= self.since_s
        )


async def read_letters(
    broker: Broker, topic: str, selection: Selection
) -> AsyncIterator[tuple[int, int, list[Letter]]]:
    """Yield selected letters as (partition, last offset read, letters), in order within a partition.

    Raises BrokerError if the broker does not answer or the topic does not exist.
    """
    async for partition, records in read_all(broker, topic):
        letters = [letter_of(partition, record) for record in records]
        yield partition, records[-1].offset, [letter for letter in letters if selection.wants(letter)]


def letter_of(partition: int, record: Any) -> Letter:
    """Return an aiokafka record of the topic as a letter. Any program may have written it."""
    headers: dict[str, str] = {
        name: value.decode("utf-8", "backslashreplace") for name, value in record.headers if value is not None
    }
    return Letter(
        partition=partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        reason=headers.get("reason", ""),
        detail=headers.get("detail", ""),
        source_topic=headers.get("source_topic", ""),
        source_partition=_number(headers, "source_partition"),
        source_offset=_number(headers, "source_offset"),
        rejected_at_s=_moment(headers, record.timestamp / 1000),
    )


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _moment(headers: Mapping[str, str], otherwise: float) -> float:
    try:
        return parse_rfc3339(headers.get("rejected_at", ""))
    except ValueError:
        return otherwise
