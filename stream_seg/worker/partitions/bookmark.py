"""The bookmark: what a store on disk keeps beside the records of a partition, written together with them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stream_seg.errors import BadChangelog

from . import changelog
from .changelog import Header

FORMAT: Final = 1

Unconfirmed = list[tuple[int, tuple[bytes, ...]]]  # group, the changes it decided


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far into the changelog the records go, and what else recovery had learned by then.

    `offset` is that of the last changelog record in them, None where they must not be built upon. `seal` is the
    checksum of that record: another one at this offset is another changelog.
    """

    offset: int | None
    seal: int
    epoch_seen: int
    header: Header | None
    unconfirmed: Unconfirmed

    def dumps(self) -> bytes:
        """As JSON. Changes are JSON themselves, hence text."""
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
        """From JSON; raises BadChangelog."""
        try:
            fields: dict[str, Any] = orjson.loads(value)
            number = fields["format"]
            if number != FORMAT:
                raise BadChangelog(f"bookmark of format {number}; this version reads {FORMAT}: upgrade stream_seg")
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
    """Checksum of a changelog record's value."""
    return zlib.crc32(value or b"")
