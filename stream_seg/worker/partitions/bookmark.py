"""The bookmark of a partition on disk: how far into the changelog its records go. It is written together with them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stream_seg.errors import BadChangelog

from . import changelog
from .changelog import Header

FORMAT: Final = 1

Unconfirmed = list[tuple[int, tuple[bytes, ...]]]  # group, and the changes that it decided


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far into the changelog the records go, and the other results of recovery up to there.

    `offset` is the offset of the last changelog record that they include, or None when they must not be used. `seal` is
    the checksum of that record. Another checksum at this offset means another changelog.
    """

    offset: int | None
    seal: int
    epoch_seen: int
    header: Header | None
    unconfirmed: Unconfirmed

    def dumps(self) -> bytes:
        """Return the bookmark as JSON. Changes are JSON themselves, so they are stored as text."""
        fields = {
            "format": FORMAT,
            "offset": self.offset,
            "seal": self.seal,
            "epoch_seen": self.epoch_seen,
            "header": changelog.pack_header(self.header).decode() if self.header is not None else None,
            "unconfirmed": [[group, [value.decode() for value in values]] for group, values in self.unconfirmed],
        }
        return orjson.dumps(fields)

    @classmethod
    def loads(cls, value: bytes) -> Bookmark:
        """Return the bookmark from JSON. Raises BadChangelog."""
        try:
            fields: dict[str, Any] = orjson.loads(value)
            format_number = fields["format"]
            if format_number != FORMAT:
                raise BadChangelog(
                    f"bookmark of format {format_number}, but this version reads {FORMAT}. Upgrade stream_seg"
                )
            header = fields["header"]
            return cls(
                fields["offset"],
                fields["seal"],
                fields["epoch_seen"],
                None if header is None else changelog.unpack_header(header.encode()),
                [(group, tuple(text.encode() for text in values)) for group, values in fields["unconfirmed"]],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as reason:
            raise BadChangelog(f"bookmark cannot be read: {reason!r}") from None


def seal_of(value: bytes | None) -> int:
    """Return the checksum of a changelog record's value."""
    return zlib.crc32(value or b"")
