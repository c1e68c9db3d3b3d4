"""The in-memory fold: the expected result of W1, computed without Kafka, Redis or stream_seg's code.

It is the yardstick of speed (the cost of the work itself in one Python process) and the check on the whole path:
every customer's final segment, counts and money must equal the fold. It does not look for repeated events, because W1
has none.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp2
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from benchmarks.workload import INTERACTIONS, PURCHASES, Partition, Record

DAY_S = 86_400.0
HALF_LIFE_S = 30 * DAY_S
LANDMARK_S = 1_735_689_600.0  # decayed sums are relative to 2025-01-01T00:00:00Z
PER_MONTH = float(np.log(2)) / HALF_LIFE_S * 30 * DAY_S
CENTS = 100
FAINT = 1e-6  # below this many decayed orders, or this much money, a ratio is meaningless
TIE = 1e-9
CHUNK = 250  # small enough to stay in the processor's cache between decoding and absorbing

FEATURES = ("order_rate", "spend_rate", "basket_value", "recency_days", "browse_rate", "refund_share")

Id = Annotated[str, Field(min_length=1, max_length=256)]
EventId = Annotated[str, Field(min_length=1, max_length=128)]


class Purchase(TypedDict):
    """A record of `purchases`."""

    event_id: EventId
    customer_id: Id
    type: Literal["order_completed", "order_refunded"]
    occurred_at: AwareDatetime
    order_id: Id
    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    currency: Literal["USD"]
    channel: NotRequired[str]


class Interaction(TypedDict):
    """A record of `interactions`."""

    event_id: EventId
    customer_id: Id
    type: Annotated[str, Field(min_length=1)]
    occurred_at: AwareDatetime
    product_id: NotRequired[str]
    category: NotRequired[str]
    channel: NotRequired[str]


# "or anything": an invalid event stays in its place as plain JSON, and its batch needs no second pass.
_OR_ANY = Field(union_mode="left_to_right")
_PURCHASES = TypeAdapter(list[Annotated[Purchase | Any, _OR_ANY]])
_INTERACTIONS = TypeAdapter(list[Annotated[Interaction | Any, _OR_ANY]])

# A customer is a list of eleven numbers: decayed sums, counts and minor units, times.
ORDERED, SPENT, TAKEN_BACK, BROWSED = range(4)
PURCHASE_COUNT, SPEND, REFUNDED, INTERACTION_COUNT = range(4, 8)
LAST_BUY, FIRST, LAST = range(8, 11)
Row = list[float]


@dataclass(frozen=True)
class FoldResult:
    """Final state of n customers: parallel arrays in the order of `customers`.

    `spend` and `refunded` are minor units, and spend is less refunds. `purchases` counts completed orders. `features`
    (n, 6) are as in `FEATURES`, each customer at their own latest event. `segment` is the index of the nearest
    center. `best` and `second` are the distances to the two nearest.
    """

    customers: list[str]
    segment: NDArray[np.intp]
    best: NDArray[np.float64]
    second: NDArray[np.float64]
    features: NDArray[np.float64]
    purchases: NDArray[np.int64]
    interactions: NDArray[np.int64]
    spend: NDArray[np.int64]
    refunded: NDArray[np.int64]
    absorbed: int
    rejected: int
    wall_s: float
    cpu_s: float

    @property
    def events_per_s(self) -> float:
        """Return records per second of wall time, including rejected ones."""
        return (self.absorbed + self.rejected) / self.wall_s

    @property
    def cpu_s_per_million(self) -> float:
        """Return CPU seconds per million records."""
        return self.cpu_s / (self.absorbed + self.rejected) * 1e6

    def segments(self) -> dict[str, str]:
        """Return the segment id ("b0"...) by customer, without customers that are as near to a second center as to
        the first.
        """
        clear = (self.second - self.best) > TIE
        return {
            customer: f"b{segment}"
            for customer, segment, is_clear in zip(self.customers, self.segment, clear, strict=True)
            if is_clear
        }


def fold(records: Mapping[Partition, list[Record]], model: Mapping[str, Any]) -> FoldResult:
    """Fold records by (topic, partition) into segments under a model in the JSON form of a snapshot.

    Only the fold is timed. Records are as in `workload.Workload.records`. Topics other than purchases and
    interactions are left out.
    """
    gc.collect()
    gc.freeze()  # the garbage collector should not scan the workload while the fold runs
    wall, cpu = time.perf_counter(), time.process_time()
    state = _State()
    for (topic, _), batch in records.items():
        if topic == PURCHASES:
            for events in _decoded(batch, _PURCHASES):
                state.absorb_purchases(events)
        elif topic == INTERACTIONS:
            for events in _decoded(batch, _INTERACTIONS):
                state.absorb_interactions(events)
    features = state.features()
    segment, best, second = nearest(features, model)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    gc.unfreeze()
    counts = np.array(list(state.rows.values())).reshape(-1, 11)
    return FoldResult(
        customers=list(state.rows),
        segment=segment,
        best=best,
        second=second,
        features=features,
        purchases=counts[:, PURCHASE_COUNT].astype(np.int64),
        interactions=counts[:, INTERACTION_COUNT].astype(np.int64),
        spend=counts[:, SPEND].astype(np.int64),
        refunded=counts[:, REFUNDED].astype(np.int64),
        absorbed=state.absorbed,
        rejected=sum(map(len, records.values())) - state.absorbed,
        wall_s=wall,
        cpu_s=cpu,
    )


def nearest(
    features: NDArray[np.float64], model: Mapping[str, Any]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return the index of the nearest center (n,), and the distances to the two nearest. Ties go to the lowest
    index.
    """
    chosen = features[:, [FEATURES.index(name) for name in model["features"]]]
    logged = np.array(model["log"])
    chosen[:, logged] = np.log1p(chosen[:, logged])
    points = (chosen - np.array(model["center"])) / np.array(model["scale"])
    centroids = np.array(model["centroids"])
    squares = np.stack([((points - centroid) ** 2).sum(axis=1) for centroid in centroids], axis=1)
    in_order = np.sqrt(np.sort(squares, axis=1))
    return squares.argmin(axis=1), in_order[:, 0], in_order[:, 1]


def _decoded(records: list[Record], adapter: TypeAdapter[list[Any]]) -> Iterator[list[Any]]:
    """Yield chunks of events. Valid ones are dictionaries with a datetime. Invalid ones stay plain JSON or are left
    out.
    """
    for start in range(0, len(records), CHUNK):
        values = [value for _, value in records[start : start + CHUNK]]
        try:
            yield adapter.validate_json(b"[" + b",".join(values) + b"]")
        except ValidationError:
            yield adapter.validate_json(b"[" + b",".join(value for value in values if _is_json(value)) + b"]")


def _is_json(value: bytes) -> bool:
    try:
        from_json(value)
    except ValueError:
        return False
    return True


class _State:
    """Rows by customer, and the contribution of each open order, so that a refund can reverse it at the order's
    time.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.orders: dict[str, tuple[float, int]] = {}
        self.absorbed = 0

    def absorb_purchases(self, events: list[Any]) -> None:
        """Add orders and refunds. A refund comes after its order in the partition."""
        rows, orders = self.rows, self.orders
        for event in events:
            try:
                t = event["occurred_at"].timestamp()
            except (AttributeError, KeyError, TypeError):  # not validated
                continue
            row = rows.get(event["customer_id"])
            if row is None:
                row = rows[event["customer_id"]] = [0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, -np.inf, t, t]
            amount = round(event["amount"] * CENTS)
            if event["type"] == "order_completed":
                weight = exp2((t - LANDMARK_S) / HALF_LIFE_S)
                orders[event["order_id"]] = weight, amount
                row[ORDERED] += weight
                row[SPENT] += amount * weight
                row[PURCHASE_COUNT] += 1
                row[SPEND] += amount
                if t > row[LAST_BUY]:
                    row[LAST_BUY] = t
            else:
                weight, amount = orders.pop(event["order_id"])
                row[SPENT] -= amount * weight
                row[TAKEN_BACK] += amount * weight
                row[SPEND] -= amount
                row[REFUNDED] += amount
            if t > row[LAST]:
                row[LAST] = t
            if t < row[FIRST]:
                row[FIRST] = t
            self.absorbed += 1

    def absorb_interactions(self, events: list[Any]) -> None:
        """Add all other events."""
        rows, absorbed = self.rows, 0
        for event in events:
            try:
                t = event["occurred_at"].timestamp()
            except (AttributeError, KeyError, TypeError):
                continue
            row = rows.get(event["customer_id"])
            if row is None:
                row = rows[event["customer_id"]] = [0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, -np.inf, t, t]
            if event["type"] != "campaign_received":  # done to a customer, who has not browsed by that
                row[BROWSED] += exp2((t - LANDMARK_S) / HALF_LIFE_S)
            row[INTERACTION_COUNT] += 1
            if t > row[LAST]:
                row[LAST] = t
            if t < row[FIRST]:
                row[FIRST] = t
            absorbed += 1
        self.absorbed += absorbed

    def features(self) -> NDArray[np.float64]:
        """Return features (n, 6) of all customers, each at their own latest event."""
        rows = np.array(list(self.rows.values())).reshape(-1, 11)
        now, last_buy = rows[:, LAST], rows[:, LAST_BUY]
        fade = np.exp2((LANDMARK_S - now) / HALF_LIFE_S)
        orders = rows[:, ORDERED] * fade
        spend = np.maximum(rows[:, SPENT] * fade, 0.0) / CENTS
        taken_back = rows[:, TAKEN_BACK] * fade / CENTS
        gross = spend + taken_back
        return np.column_stack(
            (
                orders * PER_MONTH,
                spend * PER_MONTH,
                np.divide(spend, orders, out=np.zeros_like(spend), where=orders > FAINT),
                (now - np.where(np.isfinite(last_buy), last_buy, rows[:, FIRST])) / DAY_S,
                rows[:, BROWSED] * fade * PER_MONTH,
                np.divide(taken_back, gross, out=np.zeros_like(gross), where=gross > FAINT),
            )
        )
