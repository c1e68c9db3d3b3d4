"""CDNOW through the event path: the workers' state of 2,357 customers equals the table published about them.

The table (data of PyPI `lifetimes`) has for each customer on 1997-09-30: `x`, distinct purchase days less one; `t_x`,
weeks from the first to the last of them; `T`, weeks from the first to 1997-09-30; `zbar`, mean spend per purchase day
except the first. A worker's state has all of this except the spend on the first day, which comes from the
transactions.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from benchmarks.workload import fixed_model
from stream_seg.core.customer import Customer
from stream_seg.core.events.orders import REMEMBERED_ORDERS
from tests.cdnow import CALIBRATION_END, Summary, Transaction, load_summary, load_transactions
from tests.integration.support.deployment import CALM, Services, deployment
from tests.integration.support.ending import assert_all_agree, read_ending
from tests.integration.support.events import Sent, order

DAY_S = 86_400
# More orders than any customer has, so that a repetition may come at any distance.


@pytest.fixture(scope="module")
def transactions() -> list[Transaction]:
    """Return the orders until the last day of the table."""
    try:
        return [each for each in load_transactions() if each.day <= CALIBRATION_END]
    except LookupError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def customers(on: Services, transactions: list[Transaction]) -> Iterator[dict[str, dict[str, Customer]]]:
    """Return the workers' state after the orders came once in order, and once shuffled and repeated.

    Only orders of customers whose orders are all remembered are repeated.
    """
    in_order = [event(number, each) for number, each in enumerate(transactions)]
    orders = Counter(each.customer for each in transactions)
    remembered = [
        record
        for record, each in zip(in_order, transactions, strict=True)
        if orders[each.customer] <= REMEMBERED_ORDERS
    ]
    shuffled = [*in_order, *remembered[::2], *remembered[::3]]
    random.Random(1997).shuffle(shuffled)
    with ThreadPoolExecutor(2) as pool:
        runs = {
            "in-order": pool.submit(absorbed, on, "in-order", in_order),
            "shuffled": pool.submit(absorbed, on, "shuffled", shuffled),
        }
        yield {name: run.result() for name, run in runs.items()}


def event(number: int, transaction: Transaction) -> Sent:
    """Return an order at noon of its day."""
    return order(str(transaction.customer), number, f"{transaction.day}T12:00:00Z", transaction.cents / 100)


def absorbed(on: Services, name: str, sent: list[Sent]) -> dict[str, Customer]:
    """Return every customer's record after a worker has absorbed the events."""
    with deployment(on, name, model=fixed_model(), **CALM) as deployed:
        deployed.start_worker()
        deployed.send(sent)
        deployed.wait_until_drained()
        ending = read_ending(deployed)
        assert ending.dead_letters == []
        assert_all_agree(deployed, ending)
        return ending.customers


@pytest.mark.parametrize("arrival", ["in-order", "shuffled"])
def test_state_is_the_published_table(
    customers: dict[str, dict[str, Customer]], transactions: list[Transaction], arrival: str
) -> None:
    spent_first = first_day_cents(transactions)
    table = load_summary()
    assert len(table) == 2_357
    found = {int(name): summary(customer, spent_first[int(name)]) for name, customer in customers[arrival].items()}
    assert found == table


def test_arrival_makes_no_difference(customers: dict[str, dict[str, Customer]]) -> None:
    in_order, shuffled = customers["in-order"], customers["shuffled"]
    for name, customer in in_order.items():
        other = shuffled[name]
        assert (customer.purchases, customer.spend, customer.slots) == (other.purchases, other.spend, other.slots)
        assert customer.sums == pytest.approx(other.sums, rel=1e-9)


def first_day_cents(transactions: list[Transaction]) -> dict[int, int]:
    """Return each customer's spend on the first purchase day."""
    first: dict[int, date] = {}
    cents: Counter[int] = Counter()
    for each in sorted(transactions, key=lambda each: each.day):
        if first.setdefault(each.customer, each.day) == each.day:
            cents[each.customer] += each.cents
    return cents


def summary(customer: Customer, first_day_cents: int) -> Summary:
    """Return a row of the table, rounded as printed."""
    first, last = (int(t // DAY_S) for t in (customer.first_purchase, customer.last_purchase))
    end = (CALIBRATION_END - date(1970, 1, 1)).days
    x = customer.purchase_days - 1
    zbar = Decimal(customer.spend - first_day_cents) / (100 * x) if x else Decimal(0)
    return Summary(x, rounded(Decimal(last - first) / 7), rounded(Decimal(end - first) / 7), rounded(zbar))


def rounded(value: Decimal) -> float:
    """Round to two decimals, halves up."""
    return float(value.quantize(Decimal("0.01"), ROUND_HALF_UP))
