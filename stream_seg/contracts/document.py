"""The Redis document: a customer's current segments as the fields of one hash, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .times import parse_datetime


class Document(NamedTuple):
    """What is written of a customer.

    `segments` holds (dimension, segment, name, since) with `since` as `times.rfc3339` writes it; `as_of` is the
    time of the evaluation, as `times.rfc3339_ms` writes it, so that documents sort by (epoch, sequence, as_of).
    """

    customer_id: str
    segments: tuple[tuple[str, str, str, str], ...]
    sequence: int
    epoch: int
    as_of: str
    model_version: int

    def fields(self) -> dict[str, str]:
        """The fields of the hash."""
        fields = {
            "sequence": str(self.sequence),
            "epoch": str(self.epoch),
            "as_of": self.as_of,
            "model_version": str(self.model_version),
        }
        for dimension, segment, name, since in self.segments:
            fields[dimension] = segment
            fields[f"{dimension}.name"] = name
            fields[f"{dimension}.since"] = since
        return fields


@dataclass(frozen=True, slots=True)
class SegmentNow:
    """A segment that a customer is in. `until`: when time alone will change it, where that is known."""

    segment: str
    name: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerSegments:
    """A customer's current segments by dimension, as a reader gets them."""

    customer_id: str
    segments: dict[str, SegmentNow]
    sequence: int
    epoch: int
    as_of: datetime
    model_version: int

    @classmethod
    def from_hash(cls, customer_id: str, fields: Mapping[bytes, bytes] | Mapping[str, str]) -> CustomerSegments:
        """What `HGETALL` answered, as bytes or as text; raises ValueError where it is no whole document."""
        text = {_text(name): _text(value) for name, value in fields.items()}
        try:
            return cls(
                customer_id=customer_id,
                segments={name[:-6]: _segment(name[:-6], text) for name in text if name.endswith(".since")},
                sequence=int(text["sequence"]),
                epoch=int(text["epoch"]),
                as_of=parse_datetime(text["as_of"]),
                model_version=int(text["model_version"]),
            )
        except KeyError as missing:
            raise ValueError(f"the document of customer {customer_id!r} lacks the field {missing}") from None


def _segment(dimension: str, text: Mapping[str, str]) -> SegmentNow:
    until = text.get(f"{dimension}.until")
    return SegmentNow(
        segment=text[dimension],
        name=text[f"{dimension}.name"],
        since=parse_datetime(text[f"{dimension}.since"]),
        until=parse_datetime(until) if until else None,
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
