"""The Redis document: a customer's current segments as the fields of one hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .times import parse_datetime


class SegmentFields(NamedTuple):
    """The fields of one dimension, times in the form of `times.rfc3339`. `until` is None if it never comes."""

    dimension: str
    segment: str
    name: str
    since: str
    until: str | None = None


class Document(NamedTuple):
    """The document that a worker writes for a customer.

    `segments` holds the fields of each dimension. `as_of` is the time of the evaluation in the form of
    `times.rfc3339_ms`, so that documents sort by (epoch, sequence, as_of).
    """

    customer_id: str
    segments: tuple[SegmentFields, ...]
    sequence: int
    epoch: int
    as_of: str
    model_version: int

    def fields(self) -> dict[str, str]:
        """Return the fields of the hash."""
        fields = {
            "sequence": str(self.sequence),
            "epoch": str(self.epoch),
            "as_of": self.as_of,
            "model_version": str(self.model_version),
        }
        for dimension, segment, name, since, until in self.segments:
            fields[dimension] = segment
            fields[f"{dimension}.name"] = name
            fields[f"{dimension}.since"] = since
            if until is not None:
                fields[f"{dimension}.until"] = until
        return fields


@dataclass(frozen=True, slots=True)
class SegmentNow:
    """A current segment of a customer. `until` is when time alone will change it, None if that is not known."""

    segment: str
    name: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerSegments:
    """The current segments of a customer by dimension, as readers get them."""

    customer_id: str
    segments: dict[str, SegmentNow]
    sequence: int
    epoch: int
    as_of: datetime
    model_version: int

    @classmethod
    def from_hash(cls, customer_id: str, fields: Mapping[bytes, bytes] | Mapping[str, str]) -> CustomerSegments:
        """Return the segments in a reply of `HGETALL`, bytes or text. Raises ValueError if it is incomplete."""
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
