"""The recipes of docs/guides/intake.md: their settings, mapping files and records, through the real commands."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.workload import fixed_model
from stream_seg.connection_settings import EMBEDDED
from tests.integration.support.command import command
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.ending import read_ending
from tests.integration.support.intake import PARTITIONS, Foreign, create, fnv1a, put
from tests.integration.support.worker import ROOT

GUIDE = ROOT / "docs" / "guides" / "intake.md"
RECIPES = ("Segment", "RudderStack", "Debezium", "Shopify", "WooCommerce")
# Records on the page that are not customer events, as its text says.
LETTERS = {"missing_field": 1, "unsupported_format": 2, "placeholder_id": 1}
SKIPPED = 3


@dataclass(frozen=True)
class Recipe:
    """The content of a section: settings, files by name, records by topic, and rows of its table."""

    settings: dict[str, str]
    files: dict[str, str]
    records: dict[str, list[str]]
    customers: dict[str, tuple[int, float, float]]


def recipe(title: str) -> Recipe:
    """Read a section."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    blocks = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", found[1], re.MULTILINE | re.DOTALL)
    exports = [shlex.split(line)[1] for kind, _, body in blocks if kind == "sh" for line in body.splitlines()]
    rows = re.findall(r"^\| `(\S+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", found[1], re.MULTILINE)
    return Recipe(
        dict(each.removeprefix("STREAM_SEG_").split("=", 1) for each in exports),
        {name: body for kind, name, body in blocks if kind == "toml"},
        {name: body.splitlines() for kind, name, body in blocks if kind == "records"},
        {customer: (int(orders), float(spend), float(back)) for customer, orders, spend, back in rows},
    )


def placed(topic: str, lines: list[str]) -> list[Foreign]:
    """Return the records as their programs write them: RudderStack by a hash of its key, the others in any
    partition.
    """
    records = []
    for n, line in enumerate(lines):
        if topic == "rudder.events":
            key = json.loads(line)["userId"].encode()
            records.append(Foreign(fnv1a(key, PARTITIONS), key, line.encode()))
        else:
            deleted = line == "null"  # a record of Kafka has a value, or a key, or both
            records.append(Foreign(n % PARTITIONS, b"row" if deleted else None, None if deleted else line.encode()))
    return records


@pytest.fixture(scope="module")
def broker_setting() -> str:
    """Use the embedded broker alone, because no broker can change the outcome of a record."""
    return EMBEDDED


@pytest.fixture
def shop(on: Services) -> Iterator[Deployment]:
    """Yield a deployment with the settings of all recipes."""
    recipes = [recipe(title) for title in RECIPES]
    files = on.data_dir / "files"
    files.mkdir()
    for each in recipes:
        for name, text in each.files.items():
            (files / name).write_text(text)
    maps = [each.settings["INTAKE_MAP"].rpartition("=") for each in recipes if "INTAKE_MAP" in each.settings]
    settings = {
        "INTAKE_TOPICS": ",".join(each.settings["INTAKE_TOPICS"] for each in recipes),
        "INTAKE_MAP": ",".join(f"{topic}={files / name}" for topic, _, name in maps),
    }
    with deployment(on, "recipes", model=fixed_model(), **settings, **CALM) as deployed:
        yield deployed


def test_recipes(shop: Deployment) -> None:
    recipes = [recipe(title) for title in RECIPES]
    create(shop, *shop.settings.intake_topics)
    for each in recipes:
        for topic, lines in each.records.items():
            asyncio.run(put(shop, topic, placed(topic, lines)))
    summary = json.loads(command(shop, "intake", "--once", "--json"))
    assert summary["records"] == sum(len(lines) for each in recipes for lines in each.records.values())
    assert (summary["by_reason"], summary["skipped"]) == (LETTERS, SKIPPED)
    shop.start_worker()
    shop.wait_until_drained()
    customers = read_ending(shop).customers
    wanted = {customer: row for each in recipes for customer, row in each.customers.items()}
    assert len(wanted) == 8
    found = {name: (each.purchases, each.spend / 100, each.refunded / 100) for name, each in customers.items()}
    assert found == wanted
    assert len(read_ending(shop).dead_letters) == sum(LETTERS.values())
