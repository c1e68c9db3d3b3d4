"""One customer: the segments in Redis, the record behind them, and the changes that led there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np

from stream_seg.addresses import Addresses
from stream_seg.cache import AsyncSegmentClient, CustomerSegments
from stream_seg.contracts.currencies import minor_per_major
from stream_seg.contracts.document import SegmentNow
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.times import rfc3339
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events import traits
from stream_seg.core.events.categories import units_of
from stream_seg.core.feature_names import FEATURES
from stream_seg.kafka.client import connect
from stream_seg.kafka.client import partitions_of as partitions_of_topics
from stream_seg.settings import Settings
from stream_seg.tools.fold import Change, changes_of, fold_changelog
from stream_seg.worker.partitions.state import PartitionState


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """A customer's record, as a worker would recover it.

    Counts and money are exact totals since the first event, money in major units of the base currency. `orders` leaves
    out cancelled orders, `spend` is what is left after refunds and cancellations, `refunded` is what they took back,
    and `refunds` counts refund events. `interactions` counts all kinds. Times are epoch seconds, infinite where nothing
    happened yet. `features` are as of `as_of`, the time of the last evaluation.
    """

    partition: int
    half_life_days: float
    orders: int
    order_days: int
    spend: float
    refunded: float
    refunds: int
    interactions: int
    first_order: float
    last_order: float
    first_seen: float
    last_seen: float
    as_of: float
    traits: Mapping[str, traits.Scalar]
    categories: Mapping[str, int]  # units by name, the most important category first
    features: Mapping[str, float]


# The part of a record that programs get, by its name there.
_TOLD: Final = ("orders", "spend", "refunded", "refunds", "interactions", "traits", "categories")


@dataclass(frozen=True, slots=True)
class CustomerView:
    """All that is known of a customer.

    `document` is None where Redis has none, `record` where the changelog has none. `changes` are messages of
    `segment-changes`, each once, the oldest first. `names` are those of behavior's segments in the active model, by id.
    """

    customer_id: str
    document: CustomerSegments | None
    record: RecordFacts | None
    changes: list[Change]
    names: Mapping[str, str]

    @property
    def known(self) -> bool:
        """Whether any place knows the customer."""
        return self.document is not None or self.record is not None or bool(self.changes)

    def facts(self, shown: int | None = None) -> dict[str, Any]:
        """Return the facts for programs, ready for JSON, with the `shown` last changes or all, the newest first.

        Facts of the record are null if there is no record. Numbers that JSON does not have are null too. This version
        has no selected facts and no deadlines, so these objects are empty.
        """
        record, document = self.record, self.document
        newest_first = self.changes[::-1]
        return {
            "customer_id": self.customer_id,
            "segments": {key: _segment(now) for key, now in document.segments.items()} if document else {},
            **({name: getattr(record, name) for name in _TOLD} if record else dict.fromkeys(_TOLD)),
            "features": {name: _finite(value) for name, value in record.features.items()} if record else None,
            "facts": {},
            "deadlines": {},
            "as_of": rfc3339(record.as_of) if record and isfinite(record.as_of) else None,
            "changes": newest_first if shown is None else newest_first[:shown],
        }


def _segment(now: SegmentNow) -> dict[str, str]:
    facts = {"segment": now.segment, "name": now.name, "since": rfc3339(now.since.timestamp())}
    return facts | {"until": rfc3339(now.until.timestamp())} if now.until else facts


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


async def look_up(customer_id: str, addresses: Addresses, settings: Settings) -> CustomerView:
    """Ask Redis, the changelog, and the topic of changes.

    Raises BrokerError and CacheUnavailable where they do not answer, BadChange, BadChangelog and CacheDamaged where
    they hold what stream_seg does not write.
    """
    async with AsyncSegmentClient.from_url(addresses.redis_url, settings.redis_prefix) as client:
        document, model = await client.get(customer_id), await client.model() or {}
    names = {each["id"]: each["name"] for each in model.get("segments", ())}
    record = await _record(customer_id.encode(), addresses, settings)
    changes = await changes_of(addresses.broker, settings.topic("segment-changes"), [customer_id])
    return CustomerView(customer_id, document, record, changes[customer_id], names)


async def _record(key: bytes, addresses: Addresses, settings: Settings) -> RecordFacts | None:
    """Read the customer's partition of the changelog."""
    async with connect(addresses.broker) as client:
        count = len((await partitions_of_topics(client, [settings.changelog])).get(settings.changelog, ()))
    number = int(partitions_of([key], count or 1)[0])
    states = await fold_changelog(addresses.broker, settings.changelog, partitions=[number])
    state = states.get(number)
    return record_facts(key, number, state, settings) if state else None


def record_facts(key: bytes, partition: int, state: PartitionState, settings: Settings) -> RecordFacts | None:
    """Return the facts of a customer's record out of a partition's state; None where it has none.

    The half-life is the one that the state was made with. It comes from the settings only where the state does not say.
    """
    record = state.records.get(key)
    if record is None:
        return None
    half_life_s = state.header.half_life_s if state.header else settings.half_life_s
    per_major = minor_per_major(settings.currency)
    engine = Engine(Rules(Decay(half_life_s), minor_per_major=float(per_major)))
    customer = engine.open(record)
    row = engine.features([record], np.array([customer.as_of]))[0]
    return RecordFacts(
        partition=partition,
        half_life_days=half_life_s / DAY_S,
        orders=customer.purchases,
        order_days=customer.purchase_days,
        spend=customer.spend / per_major,
        refunded=customer.refunded / per_major,
        refunds=customer.refunds,
        interactions=customer.interactions,
        first_order=customer.first_purchase,
        last_order=customer.last_purchase,
        first_seen=customer.first_seen,
        last_seen=customer.last_seen,
        as_of=customer.as_of,
        traits=traits.values(customer.traits),
        categories=units_of(customer.categories, state.categories),
        features=dict(zip(FEATURES, row.tolist(), strict=True)),
    )
