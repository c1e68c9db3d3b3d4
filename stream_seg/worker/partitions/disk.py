"""Customer records on disk: one RocksDB per partition, with the records in flight in an overlay in memory.

Keys are in the order of their hash, so a run of adjacent records is a random sample of customers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import xxhash

from stream_seg.errors import StoreError, StoreLocked

from .bookmark import Bookmark
from .records import NO_NAMES, SLICE_RECORDS, Pair, Scan, Sizes, segments_in

_BOOKMARK: Final = b"b"
_COUNTS: Final = b"n"
_NAMES: Final = b"k"  # followed by four bytes of category id
_CUSTOMERS: Final = b"c"  # followed by eight bytes of hash and the key
_KEY_AT: Final = 9

# Records in flight at which a recovery writes them to disk.
RECOVERY_BATCH: Final = 20_000
# Limits of all databases of a worker together, in bytes.
CACHE_BYTES: Final = 64 << 20
WRITE_BUFFERS_BYTES: Final = 64 << 20
WRITE_BUFFER_BYTES: Final = 8 << 20
BLOOM_BITS: Final = 10
OPEN_FILES: Final = 128
# Most records that are cached between two writes. It is more than a group has.
CACHED_RECORDS: Final = 100_000


class DiskRecords:
    """The records of one partition in a RocksDB. Implements `records.Records`. `Databases.open` makes them.

    All methods raise StoreError when the disk fails.
    """

    def __init__(self, database: Any, path: Path, make_batch: Callable[[], Any]) -> None:
        self._database = database
        self._path = path
        self._make_batch = make_batch
        self._overlay: dict[bytes, bytes | None] = {}  # records in flight, None for a removed customer
        self._read: dict[bytes, bytes | None] = {}  # records that were read since the last write
        self._sizes: Sizes = Counter()
        self._customers = 0
        self._load_counts()

    def bookmark(self) -> Bookmark | None:
        """Return the last written bookmark, or None in a new database. Raises BadChangelog."""
        value = self._at(_BOOKMARK)
        return None if value is None else Bookmark.loads(value)

    def names(self) -> list[tuple[int, str]]:
        """Return the ids and names of categories."""
        return [(int.from_bytes(place[1:]), name.decode()) for place, name in self._from(_NAMES, _NAMES, None)]

    def get(self, key: bytes, /) -> bytes | None:
        """Return a customer's record, or None."""
        if key in self._overlay:
            return self._overlay[key]
        if key not in self._read:
            if len(self._read) >= CACHED_RECORDS:
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
        """Return whether a recovery has gathered enough records in flight to write them."""
        return len(self._overlay) >= RECOVERY_BATCH

    def slices(self, size: int = SLICE_RECORDS) -> Iterator[list[Pair]]:
        """Yield all records once."""
        new = [(key, record) for key, record in self._overlay.items() if record is not None]
        for start in range(0, len(new), size):
            yield new[start : start + size]
        position = _CUSTOMERS
        while True:
            found, position = self._run(position, size)
            stored = [pair for pair in found if pair[0] not in self._overlay]
            if stored:
                yield stored
            if len(found) < size:
                return

    def scan(self) -> Scan:
        """Return a scan of the records on disk, each in its form at the time that the scan reaches it."""
        return _DiskScan(self)

    def sample(self, wanted: int, seed: str) -> list[Pair]:
        """Return a run of records from a random position, which continues at the first record after the last."""
        start = _CUSTOMERS + xxhash.xxh64_digest(seed.encode())
        found, _ = self._run(start, wanted)
        if len(found) < wanted:
            found += [pair for pair in self._run(_CUSTOMERS, wanted - len(found))[0] if _place(pair[0]) < start]
        return [(key, now) for key, record in found if (now := self._overlay.get(key, record)) is not None]

    def sizes(self) -> Sizes:
        """Return the sizes as of the last write."""
        return Counter({segment: count for segment, count in self._sizes.items() if count})

    def keep(self, bookmark: Callable[[], Bookmark], names: Mapping[int, str] = NO_NAMES) -> None:
        """Write the records in flight, the names, the counts and the bookmark in one batch."""
        batch = self._make_batch()
        for number, name in names.items():
            batch.put(_NAMES + number.to_bytes(4, "big"), name.encode())
        for (key, record), before in zip(self._overlay.items(), self._before(), strict=True):
            self._count(before, -1)
            self._count(record, 1)
            if record is None:
                batch.delete(_place(key))
            else:
                batch.put(_place(key), record)
        counts = {"customers": self._customers, "sizes": [[*segment, n] for segment, n in self._sizes.items()]}
        batch.put(_COUNTS, orjson.dumps(counts))
        batch.put(_BOOKMARK, bookmark().dumps())
        self._on_disk(lambda: self._database.write(batch))
        self._overlay.clear()
        self._read.clear()

    def close(self) -> None:
        """Close the database. Records in flight are lost."""
        self._overlay.clear()
        self._database.close()

    def _before(self) -> list[bytes | None]:
        """Return the records on disk of the customers in flight, in the order of the overlay."""
        unread = [key for key in self._overlay if key not in self._read]
        if unread:
            found = self._on_disk(lambda: self._database.get([_place(key) for key in unread]))
            self._read.update(zip(unread, found, strict=True))
        return [self._read[key] for key in self._overlay]

    def _count(self, record: bytes | None, sign: int) -> None:
        if record is None:
            return
        self._customers += sign
        for segment in segments_in(record):
            self._sizes[segment] += sign

    def _load_counts(self) -> None:
        value = self._at(_COUNTS)
        if value is not None:
            counts = orjson.loads(value)
            self._customers = counts["customers"]
            self._sizes = Counter({(position, slot): n for position, slot, n in counts["sizes"]})

    def _at(self, place: bytes) -> bytes | None:
        record: bytes | None = self._on_disk(lambda: self._database.get(place))
        return record

    def _run(self, position: bytes, wanted: int) -> tuple[list[Pair], bytes]:
        """Return at most `wanted` records on disk from a position, and the position after them."""
        found = self._from(position, _CUSTOMERS, wanted)
        pairs = [(place[_KEY_AT:], record) for place, record in found]
        return pairs, found[-1][0] + b"\0" if found else position

    def _from(self, position: bytes, prefix: bytes, wanted: int | None) -> list[Pair]:
        """Return the places with a prefix and their values from a position on, at most `wanted` of them."""
        found: list[Pair] = []

        def read() -> None:
            # The iterator is local, because the database cannot be closed while there is one.
            places = self._database.iter()
            places.seek(position)
            while len(found) != wanted and places.valid():
                place = places.key()
                if not place.startswith(prefix):
                    break
                found.append((place, places.value()))
                places.next()
            places.status()

        self._on_disk(read)
        return found

    def _on_disk(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as reason:  # the library raises no other type
            raise StoreError(
                f"the store in {self._path} fails: {reason}. Is the disk full? The changelog has everything. Start the"
                " worker again once the disk is well. If it fails again, delete that directory first."
            ) from None


class _DiskScan:
    def __init__(self, records: DiskRecords) -> None:
        self._records = records
        self._position = _CUSTOMERS
        self._left = len(records)

    def take(self, wanted: int) -> list[Pair]:
        found, self._position = self._records._run(self._position, wanted)
        self._left = max(1, self._left - len(found)) if len(found) == wanted else 0
        pairs = ((key, self._records._overlay.get(key, record)) for key, record in found)
        return [(key, record) for key, record in pairs if record is not None]

    def __len__(self) -> int:
        return self._left


class Databases:
    """The databases of one worker under `directory`, one per partition."""

    def __init__(self, directory: Path) -> None:
        """Load the library. Raises StoreError when it is not installed."""
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
        """Open or create the database in the subdirectory `name`. Raises StoreError, StoreLocked."""
        path = self.directory / name
        try:
            path.mkdir(parents=True, exist_ok=True)
            database = self._library.Rdict(str(path), self._options())
        except Exception as reason:  # the library raises no other type
            if "lock" in str(reason).lower():
                raise StoreLocked(f"another process has the store in {path} open") from None
            raise StoreError(
                f"the store in {path} cannot be opened: {reason}. Delete that directory, and its customers come back"
                " from the changelog, or set DATA_DIR to a directory that can be written."
            ) from None
        return DiskRecords(database, path, lambda: self._library.WriteBatch(raw_mode=True))

    def open_empty(self, name: str) -> DiskRecords:
        """Open the database in the subdirectory `name` after removing its contents."""
        path = self.directory / name
        self._library.Rdict.destroy(str(path), self._options())
        return self.open(name)

    def _options(self) -> Any:
        library = self._library
        # Raw mode stores plain bytes. Otherwise the library would unpickle the values that it reads.
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
