"""What readers ask Redis: commands and the meaning of their replies, without any I/O."""

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
    """One round trip: the commands to send, and what to make of their replies."""

    commands: list[tuple[str, ...]]
    meaning: Callable[[list[Any]], T]

    def parse(self, replies: list[Any]) -> T:
        """What the replies mean; raises CacheDamaged where somebody else wrote what was read."""
        try:
            return self.meaning(replies)
        except (AttributeError, TypeError, ValueError):
            what = " or ".join(command[1] for command in self.commands[:3]) + (
                ", ..." if len(self.commands) > 3 else ""
            )
            # Without the cause: it may quote customers' data.
            raise CacheDamaged(
                f"what Redis holds under {what} is not what stream_seg writes; delete it: workers write it again"
            ) from None


def customer(keys: Keys, customer_id: str) -> Read[CustomerSegments | None]:
    """One customer's document."""
    return Read([("HGETALL", keys.customer(customer_id))], lambda replies: segments_of(customer_id, replies[0]))


def customers(keys: Keys, customer_ids: Iterable[str]) -> Read[dict[str, CustomerSegments | None]]:
    """Many customers' documents, by id; an id that is given twice is asked for once."""
    wanted = list(dict.fromkeys(customer_ids))
    return Read(
        [("HGETALL", keys.customer(customer_id)) for customer_id in wanted],
        lambda replies: {
            customer_id: segments_of(customer_id, fields) for customer_id, fields in zip(wanted, replies, strict=True)
        },
    )


def model(keys: Keys) -> Read[dict[str, Any] | None]:
    """The model snapshot in force."""
    return Read([("GET", keys.model)], lambda replies: model_of(replies[0]))


def partitions(keys: Keys) -> Read[list[int]]:
    """The partitions that have stats."""
    return Read([("SMEMBERS", keys.partitions)], lambda replies: sorted(int(p) for p in replies[0]))


def sizes(keys: Keys, of: list[int]) -> Read[Sizes]:
    """Customers in each segment of each dimension, added up over partitions."""
    return Read([("HGETALL", keys.stats(partition)) for partition in of], added_up)


def segments_of(customer_id: str, fields: Mapping[str, str]) -> CustomerSegments | None:
    """A document's hash as a value; None for the empty hash, which is how Redis says unknown."""
    return CustomerSegments.from_hash(customer_id, fields) if fields else None


def model_of(snapshot: str | bytes | None) -> dict[str, Any] | None:
    """The snapshot's JSON as a dictionary."""
    if snapshot is None:
        return None
    loaded = orjson.loads(snapshot)
    if not isinstance(loaded, dict):
        raise ValueError("the model in Redis is no JSON object")
    return loaded


def added_up(stats: Iterable[Mapping[str, str]]) -> Sizes:
    """Sum of partitions' sizes: `{"behavior:b0": "3"}`, ... -> `{"behavior": {"b0": 3}}`."""
    total: Sizes = {}
    for partition in stats:
        for name, customers_in in partition.items():
            # A dimension may contain a colon itself: rule:<key>.
            dimension, _, segment = name.rpartition(":")
            segments = total.setdefault(dimension, {})
            segments[segment] = segments.get(segment, 0) + int(customers_in)
    return total
