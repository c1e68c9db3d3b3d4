"""`stream-seg replay` of files with faults and of files that were sent before: every order is sent once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.workload import fixed_model
from stream_seg.kafka.reader import read_all
from tests.integration.support.command import run_in
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.ending import read_ending
from tests.integration.support.worker import ROOT

ORDERS = 20_000
BAD_LINE = 15_001
CUSTOMERS = 700


@pytest.fixture
def shop(on: Services, prefix: str) -> Iterator[Deployment]:
    """Yield a private deployment with empty topics."""
    with deployment(on, prefix.strip("-"), model=fixed_model(), **CALM) as made:
        yield made


def order(number: int) -> str:
    """Return a line of the file. Its few customers have far more orders than a worker remembers."""
    return json.dumps(
        {
            "event_id": f"e-{number}",
            "customer_id": f"c-{number % CUSTOMERS}",
            "order_id": f"o-{number}",
            "amount": number % 100,
            "occurred_at": 1_700_000_000 + number,
        }
    )


def lines(broken: bool) -> list[str]:
    """Write 20,000 orders. If `broken`, line 15,001 has no customer."""
    made = [order(number) for number in range(1, ORDERS + 1)]
    if broken:
        made[BAD_LINE - 1] = made[BAD_LINE - 1].replace('"customer_id"', '"customer"')
    return made


def write(path: Path, made: list[str]) -> None:
    path.write_text("\n".join(made) + "\n")


def sent(shop: Deployment) -> Counter[str]:
    """Return how often each event is in the topic `purchases`."""
    return asyncio.run(_sent(shop))


async def _sent(shop: Deployment) -> Counter[str]:
    found: Counter[str] = Counter()
    async for _, records in read_all(shop.broker, shop.settings.topic("purchases")):
        found.update(json.loads(record.value)["event_id"] for record in records)
    return found


ALL = {f"e-{number}": 1 for number in range(1, ORDERS + 1)}
ALL_BUT_ONE = {event: 1 for event in ALL if event != f"e-{BAD_LINE}"}

Replay = Callable[..., tuple[int, dict[str, object], str]]


@pytest.fixture
def replay(shop: Deployment) -> Replay:
    """Run the command on a file, and return its exit status, JSON output and standard error."""

    def replayed(file: str, *options: str) -> tuple[int, dict[str, object], str]:
        done = run_in(shop, "replay", file, "--topic", "purchases", "--json", *options)
        facts = json.loads(done.stdout) if done.stdout else {}
        return done.returncode, facts, done.stderr

    return replayed


def test_a_mended_file_is_replayed_again_and_workers_count_every_order_once(shop: Deployment, replay: Replay) -> None:
    write(shop.directory / "orders.jsonl", lines(broken=True))
    status, facts, _ = replay("orders.jsonl")
    assert status == 0
    assert (facts["events"], facts["skipped"], facts["by_reason"]) == (ORDERS - 1, 1, {"missing_field": 1})
    assert facts["first_lines"] == {"missing_field": [BAD_LINE]}
    assert sent(shop) == ALL_BUT_ONE

    write(shop.directory / "orders.jsonl", lines(broken=False))
    status, facts, _ = replay("orders.jsonl")
    assert (status, facts["events"], facts["already"]) == (0, 1, ORDERS - 1)
    assert sent(shop) == ALL

    status, facts, error = replay("orders.jsonl")
    assert (status, facts) == (1, {})
    assert error == "stream-seg: orders.jsonl was sent before (20,000 events); use --again to send it once more\n"

    shop.start_worker()
    shop.wait_until_drained()
    assert sum(customer.purchases for customer in read_ending(shop).customers.values()) == ORDERS


def test_a_strict_replay_sends_nothing_of_a_file_with_a_fault(shop: Deployment, replay: Replay) -> None:
    broken = lines(broken=True)
    broken[15_999] = broken[15_999].replace('"amount"', '"currency": "ZZZ", "amount"')  # a worker would reject it
    write(shop.directory / "orders.jsonl", broken)
    status, facts, error = replay("orders.jsonl", "--strict")
    assert (status, facts, sent(shop)) == (1, {}, {})
    assert error.startswith(
        "stream-seg: nothing was sent, because 2 lines are not events (unknown_currency 1, missing_field 1); the first "
        "is line 15,001 of orders.jsonl: customer_id (Segment's userId, GA4's user_id) is missing; every"
    )
    assert len(error.splitlines()) == 1

    write(shop.directory / "orders.jsonl", lines(broken=False))
    status, facts, _ = replay("orders.jsonl", "--strict")
    assert (status, facts["events"], facts["already"]) == (0, ORDERS, 0)
    assert sent(shop) == ALL


def test_skipped_rows_are_written_to_a_file_and_mended_there(shop: Deployment, replay: Replay) -> None:
    write(shop.directory / "orders.jsonl", lines(broken=True))
    assert replay("orders.jsonl", "--skipped", "bad.jsonl")[0] == 0
    assert (shop.directory / "bad.jsonl").read_text() == lines(broken=True)[BAD_LINE - 1] + "\n"

    write(shop.directory / "bad.jsonl", [order(BAD_LINE)])
    status, facts, _ = replay("bad.jsonl")
    assert (status, facts["events"], facts["already"]) == (0, 1, 0)
    assert sent(shop) == ALL

    # The whole file is already sent, although with other files.
    write(shop.directory / "orders.jsonl", lines(broken=False))
    status, _, error = replay("orders.jsonl")
    assert (status, sent(shop)) == (1, ALL)
    assert "orders.jsonl was sent before, with another version of it (20,000 events)" in error


def test_rows_without_a_customer_are_skipped_and_the_others_are_sent(shop: Deployment) -> None:
    known, unknown = ga4(1, "anna"), ga4(2, None)
    write(shop.directory / "ga4.jsonl", [known, *[unknown] * 99, ga4(3, "anna")])
    done = run_in(shop, "replay", "ga4.jsonl", "--strict")
    assert (done.returncode, sent(shop)) == (1, {})
    assert "99 lines are not events (missing_field 99); the first is line 2 of ga4.jsonl: " in done.stderr

    done = run_in(shop, "replay", "ga4.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    first, skipped, reason = done.stdout.splitlines()
    assert first.startswith("sent 2 events in ")
    assert skipped == "skipped, because 99 lines are not events; mend and replay ga4.jsonl again:"
    assert reason.startswith(
        "  missing_field 99, lines 2, 3, 4, 5, 6, ...: customer_id (Segment's userId, GA4's user_id)"
    )

    write(shop.directory / "segment.jsonl", [segment("s-1", "anna"), segment("s-2", 7), segment("s-3", "ben")])
    assert run_in(shop, "replay", "segment.jsonl").stdout.startswith("sent 3 events in ")

    shop.start_worker()
    shop.wait_until_drained()
    ending = read_ending(shop)
    assert ending.dead_letters == []
    assert {name: customer.purchases for name, customer in ending.customers.items()} == {"anna": 3, "7": 1, "ben": 1}


def ga4(number: int, customer: str | None) -> str:
    """Return a purchase as GA4 exports it."""
    return json.dumps(
        {
            "event_name": "purchase",
            "event_timestamp": str(1_700_000_000_000_000 + number * 1_000_000),
            "user_pseudo_id": "1.2",
            "user_id": customer,
            "ecommerce": {"transaction_id": f"T-{number}", "purchase_revenue": 5.0},
        }
    )


def segment(message: str, customer: object) -> str:
    """Return a purchase as a call of Segment."""
    return json.dumps(
        {
            "messageId": message,
            "userId": customer,
            "type": "track",
            "event": "Order Completed",
            "timestamp": "2023-11-20T10:00:00Z",
            "properties": {"order_id": message, "revenue": 5.0},
        }
    )


def test_the_example_of_the_guide(shop: Deployment) -> None:
    guide = (ROOT / "docs" / "guides" / "replay.md").read_text(encoding="utf-8")
    for kind, name in (("csv", "export.csv"), ("toml", "orders.toml")):
        block = guide.split(f"```{kind}\n")[1].split("```")[0]
        (shop.directory / name).write_text(block, encoding="utf-8")
    shop = replace(shop, environment={**shop.environment, "STREAM_SEG_RATES": '{"EUR": 1.08}'})
    done = run_in(shop, "replay", "export.csv", "--map", "orders.toml", "--strict", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["events"], facts["by_topic"], facts["by_reason"]) == (
        4, {"purchases": 3, "profiles": 1}, {"not_mapped": 1},
    )  # fmt: skip
    assert run_in(shop, "replay", "export.csv", "--map", "orders.toml").returncode == 1


def test_a_file_of_which_no_row_is_an_event_fails(shop: Deployment, replay: Replay) -> None:
    write(shop.directory / "orders.csv", ["customer;amount", "c-1;5"])
    status, _, error = replay("orders.csv")
    assert status == 1
    assert error.startswith("stream-seg: no line of orders.csv is an event; line 2: no customer_id and no occurred_at")
