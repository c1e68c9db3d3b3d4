"""Redis commands of readers and the parsing of their replies, without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from stream_seg.cache.keys import Keys
from stream_seg.contracts.document import CustomerSegments
from stream_seg.errors import CacheDamaged

T = TypeVar("T")
Sizes = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """One round trip: the commands to send, and a function that parses their replies."""

    commands: list[tuple[str, ...]]
    parser: Callable[[list[Any]], T]

    def parse(self, replies: list[Any]) -> T:
        """Return the parsed replies. Raises CacheDamaged for values that another program wrote."""
        try:
            return self.parser(replies)
        except (AttributeError, TypeError, ValueError):
            more = ", ..." if len(self.commands) > 3 else ""
            keys = " or ".join(command[1] for command in self.commands[:3]) + more
            # Not chained, because the cause may quote customers' data.
            raise CacheDamaged(
                f"the value in Redis under {keys} was not written by stream_seg: "
                "delete it, and workers will write it again"
            ) from None


def customer(keys: Keys, customer_id: str) -> Read[CustomerSegments | None]:
    """Read the document of one customer."""
    return Read([("HGETALL", keys.customer(customer_id))], lambda replies: segments_of(customer_id, replies[0]))


def customers(keys: Keys, customer_ids: Iterable[str]) -> Read[dict[str, CustomerSegments | None]]:
    """Read the documents of many customers by id. A repeated id is read once."""
    wanted = list(dict.fromkeys(customer_ids))
    return Read(
        [("HGETALL", keys.customer(customer_id)) for customer_id in wanted],
        lambda replies: {
            customer_id: segments_of(customer_id, fields) for customer_id, fields in zip(wanted, replies, strict=True)
        },
    )


def model(keys: Keys) -> Read[dict[str, Any] | None]:
    """Read the active model snapshot."""
    return Read([("GET", keys.model)], lambda replies: model_of(replies[0]))


def partitions(keys: Keys) -> Read[list[int]]:
    """Read the partitions that have sizes, in ascending order."""
    return Read([("SMEMBERS", keys.partitions)], lambda replies: sorted(int(p) for p in replies[0]))


def sizes(keys: Keys, of: list[int]) -> Read[Sizes]:
    """Read the customers in each segment of each dimension, summed over partitions."""
    return Read([("HGETALL", keys.stats(partition)) for partition in of], total_sizes)


def segments_of(customer_id: str, fields: Mapping[str, str]) -> CustomerSegments | None:
    """Return the segments in a document's hash. An empty hash is Redis' reply for a missing key, and gives None."""
    return CustomerSegments.from_hash(customer_id, fields) if fields else None


def model_of(snapshot: str | bytes | None) -> dict[str, Any] | None:
    """Return the snapshot's JSON as a dictionary. Raises ValueError when it is not a JSON object."""
    if snapshot is None:
        return None
    loaded = orjson.loads(snapshot)
    if not isinstance(loaded, dict):
        raise ValueError("the model in Redis is not a JSON object")
    return loaded


def total_sizes(stats: Iterable[Mapping[str, str]]) -> Sizes:
    """Return the sum of sizes over partitions: `{"behavior:b0": "3"}`, ... -> `{"behavior": {"b0": 3}}`."""
    total: Sizes = {}
    for partition in stats:
        for name, count in partition.items():
            # A dimension may contain a colon, as in rule:<key>.
            dimension, _, segment = name.rpartition(":")
            segments = total.setdefault(dimension, {})
            segments[segment] = segments.get(segment, 0) + int(count)
    return total
