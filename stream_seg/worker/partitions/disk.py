"""Customer records on disk: a RocksDB a partition, with what is in flight in an overlay of memory.

Keys are in the order of their hash, so that records that lie together are a random sample of customers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import xxhash

from stream_seg.core.record import NO_SEGMENT
from stream_seg.errors import StoreError, StoreLocked

from .bookmark import Bookmark
from .records import AT_ONCE, Pair, Scan, segment_index

_BOOKMARK: Final = b"b"
_COUNTS: Final = b"n"
_CUSTOMERS: Final = b"c"  # then eight bytes of hash, then the key
_KEY_AT: Final = 9

# Changelog records that recovery gathers before it writes them.
GATHERED: Final = 20_000
# Of all databases of a worker together, bytes.
CACHE_BYTES: Final = 64 << 20
WRITE_BUFFERS_BYTES: Final = 64 << 20
WRITE_BUFFER_BYTES: Final = 8 << 20
BLOOM_BITS: Final = 10
OPEN_FILES: Final = 128
# Records that were read once and are remembered until the next are kept; more than a group has.
REMEMBERED: Final = 100_000


class DiskRecords:
    """Records of one partition in a RocksDB. Implements `records.Records`; see `Databases.open`.

    Raises StoreError where the disk fails.
    """

    def __init__(self, database: Any, path: Path, make_batch: Callable[[], Any]) -> None:
        self._database = database
        self._path = path
        self._make_batch = make_batch
        self._overlay: dict[bytes, bytes | None] = {}  # in flight; None: to be forgotten
        self._read: dict[bytes, bytes | None] = {}  # what the group has read, so that it reads once
        self._sizes: Counter[int] = Counter()
        self._customers = 0
        self._load_counts()

    def bookmark(self) -> Bookmark | None:
        """The bookmark that was kept last; None in a new database. Raises BadChangelog."""
        value = self._at(_BOOKMARK)
        return None if value is None else Bookmark.loads(value)

    def get(self, key: bytes, /) -> bytes | None:
        """A customer's record."""
        if key in self._overlay:
            return self._overlay[key]
        if key not in self._read:
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            self._read[key] = self._at(_place(key))
        return self._read[key]

    def __contains__(self, key: object, /) -> bool:
        return isinstance(key, bytes) and self.get(key) is not None

    def __setitem__(self, key: bytes, record: bytes, /) -> None:
        self._overlay[key] = record

    def __len__(self) -> int:
        return self._customers

    def update(self, records: Mapping[bytes, bytes], /) -> None:
        """Put records in."""
        self._overlay.update(records)

    def forget(self, key: bytes) -> None:
        """Remove a customer."""
        self._overlay[key] = None

    def gathered(self) -> bool:
        """Whether enough is in flight to be kept, while recovery goes on."""
        return len(self._overlay) >= GATHERED

    def slices(self, size: int = AT_ONCE) -> Iterator[list[Pair]]:
        """All records once."""
        new = [(key, record) for key, record in self._overlay.items() if record is not None]
        for start in range(0, len(new), size):
            yield new[start : start + size]
        position = _CUSTOMERS
        while True:
            found, position = self._run(position, size)
            kept = [pair for pair in found if pair[0] not in self._overlay]
            if kept:
                yield kept
            if len(found) < size:
                return

    def scan(self) -> Scan:
        """All records on disk, as they are when the walk gets there."""
        return _DiskWalk(self)

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """A run of records from a random place, and on from the first where it reaches the last."""
        start = _CUSTOMERS + xxhash.xxh64_digest(seed.encode())
        found, _ = self._run(start, wanted)
        if len(found) < wanted:
            found += [pair for pair in self._run(_CUSTOMERS, wanted - len(found))[0] if _place(pair[0]) < start]
        return [(key, now) for key, record in found if (now := self._overlay.get(key, record)) is not None]

    def sizes(self) -> Counter[int]:
        """Counted whenever records were kept."""
        return Counter({index: count for index, count in self._sizes.items() if count})

    def keep(self, bookmark: Callable[[], Bookmark]) -> None:
        """Write what is in flight, the counts and the bookmark in one batch."""
        batch = self._make_batch()
        for (key, record), before in zip(self._overlay.items(), self._before(), strict=True):
            self._count(before, -1)
            self._count(record, 1)
            if record is None:
                batch.delete(_place(key))
            else:
                batch.put(_place(key), record)
        counts = {"customers": self._customers, "sizes": [[index, n] for index, n in self._sizes.items()]}
        batch.put(_COUNTS, orjson.dumps(counts))
        batch.put(_BOOKMARK, bookmark().dumps())
        self._on_disk(lambda: self._database.write(batch))
        self._overlay.clear()
        self._read.clear()

    def close(self) -> None:
        """Give the database back; what is in flight is lost."""
        self._overlay.clear()
        self._database.close()

    def _before(self) -> list[bytes | None]:
        """What is on disk of those in flight."""
        unread = [key for key in self._overlay if key not in self._read]
        if unread:
            found = self._on_disk(lambda: self._database.get([_place(key) for key in unread]))
            self._read.update(zip(unread, found, strict=True))
        return [self._read[key] for key in self._overlay]

    def _count(self, record: bytes | None, sign: int) -> None:
        if record is None:
            return
        self._customers += sign
        segment = segment_index(record)
        if segment != NO_SEGMENT:
            self._sizes[segment] += sign

    def _load_counts(self) -> None:
        value = self._at(_COUNTS)
        if value is not None:
            counts = orjson.loads(value)
            self._customers, self._sizes = counts["customers"], Counter(dict(counts["sizes"]))

    def _at(self, place: bytes) -> bytes | None:
        record: bytes | None = self._on_disk(lambda: self._database.get(place))
        return record

    def _run(self, position: bytes, wanted: int) -> tuple[list[Pair], bytes]:
        """At most `wanted` records on disk from a place on, and the place after them."""
        found: list[Pair] = []

        def read() -> None:
            # Not kept: the database cannot be closed while there is an iterator.
            places = self._database.iter()
            places.seek(position)
            while len(found) < wanted and places.valid():
                place = places.key()
                if not place.startswith(_CUSTOMERS):
                    break
                found.append((place[_KEY_AT:], places.value()))
                places.next()
            places.status()

        self._on_disk(read)
        return found, _place(found[-1][0]) + b"\0" if found else position

    def _on_disk(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as reason:  # the library knows no other kind
            raise StoreError(
                f"the store in {self._path} fails: {reason}. Is the disk full? The changelog has everything: once the"
                " disk is well, start the worker again; if it fails again, delete that directory first."
            ) from None


class _DiskWalk:
    def __init__(self, records: DiskRecords) -> None:
        self._records = records
        self._position = _CUSTOMERS
        self._left = len(records)

    def take(self, wanted: int) -> list[Pair]:
        found, self._position = self._records._run(self._position, wanted)
        self._left = max(1, self._left - len(found)) if len(found) == wanted else 0
        held = ((key, self._records._overlay.get(key, record)) for key, record in found)
        return [(key, record) for key, record in held if record is not None]

    def __len__(self) -> int:
        return self._left


class Databases:
    """The databases of one worker under `directory`, one a partition."""

    def __init__(self, directory: Path) -> None:
        """Raises StoreError where the library is not installed."""
        try:
            import rocksdict
        except ImportError:
            raise StoreError(
                "STORE=rocksdb:// needs the package rocksdict: pip install 'stream-seg[rocksdb]', or set STORE=memory://"
            ) from None
        self._library = rocksdict
        self.directory = directory
        self._cache = rocksdict.Cache(CACHE_BYTES)
        self._buffers = rocksdict.WriteBufferManager(WRITE_BUFFERS_BYTES, False)

    def open(self, name: str) -> DiskRecords:
        """The database in the subdirectory `name`, made where there is none. Raises StoreError, StoreLocked."""
        path = self.directory / name
        try:
            path.mkdir(parents=True, exist_ok=True)
            database = self._library.Rdict(str(path), self._options())
        except Exception as reason:  # the library knows no other kind
            if "lock" in str(reason).lower():
                raise StoreLocked(f"another process has the store in {path} open") from None
            raise StoreError(
                f"the store in {path} cannot be opened: {reason}. Delete that directory, its customers come back from"
                " the changelog; or set DATA_DIR to a place that can be written."
            ) from None
        return DiskRecords(database, path, lambda: self._library.WriteBatch(raw_mode=True))

    def open_empty(self, name: str) -> DiskRecords:
        """The database in the subdirectory `name`, without what it held."""
        path = self.directory / name
        self._library.Rdict.destroy(str(path), self._options())
        return self.open(name)

    def _options(self) -> Any:
        library = self._library
        # Raw: bytes in, bytes out. Otherwise the library would unpickle what it reads.
        options = library.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_write_buffer_manager(self._buffers)
        options.set_max_open_files(OPEN_FILES)
        options.set_keep_log_file_num(2)
        blocks = library.BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        blocks.set_bloom_filter(BLOOM_BITS, False)
        blocks.set_cache_index_and_filter_blocks(True)
        options.set_block_based_table_factory(blocks)
        return options


def _place(key: bytes) -> bytes:
    return _CUSTOMERS + xxhash.xxh64_digest(key) + key
