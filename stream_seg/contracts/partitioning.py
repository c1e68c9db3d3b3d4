"""Kafka's murmur2 partitioner, for many keys at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)
_R = np.uint32(24)


def partitions_of(keys: Sequence[bytes], partitions: int) -> npt.NDArray[np.int64]:
    """Return the partition (n,), out of `partitions`, that Kafka's default partitioner chooses for each of n keys."""
    out = np.empty(len(keys), dtype=np.int64)
    by_length: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        by_length.setdefault(len(key), []).append(index)
    for length, indices in by_length.items():
        out[indices] = _murmur2([keys[i] for i in indices], length)
    return (out & 0x7FFFFFFF) % partitions


def misplaced(keys: Sequence[bytes], found: Sequence[int], partitions: int) -> list[int]:
    """Return the positions of the keys that do not belong in the partition where they were `found`."""
    if not keys:
        return []
    return np.flatnonzero(partitions_of(keys, partitions) != np.array(found, np.int64)).tolist()


def _murmur2(keys: Sequence[bytes], length: int) -> npt.NDArray[np.uint32]:
    """Return MurmurHash2 (Austin Appleby, public domain), with Kafka's seed, of n keys of one length, as (n,)."""
    table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), length)
    words = length // 4
    with np.errstate(over="ignore"):
        hashed = np.full(len(keys), _SEED ^ np.uint32(length), dtype=np.uint32)
        body = np.ascontiguousarray(table[:, : words * 4]).view("<u4")
        for column in range(words):
            word = body[:, column] * _M
            word ^= word >> _R
            hashed = (hashed * _M) ^ (word * _M)
        tail = table[:, words * 4 :].astype(np.uint32)
        for column in reversed(range(tail.shape[1])):
            hashed ^= tail[:, column] << np.uint32(8 * column)
        if tail.shape[1]:
            hashed *= _M
        hashed ^= hashed >> np.uint32(13)
        hashed *= _M
        hashed ^= hashed >> np.uint32(15)
    return hashed
