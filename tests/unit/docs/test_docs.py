"""The documentation is true where a program can tell: links, settings, reasons, metrics, examples, sizes, names."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer
import yaml

from stream_seg.cache.keys import Keys
from stream_seg.cli.app import app
from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.changes import parse_change
from stream_seg.contracts.currencies import EXPONENTS
from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.reasons import SENTENCES
from stream_seg.core.events.taxonomy import INTERACTIONS, PURCHASES
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.record import FIELDS, LAYOUT
from stream_seg.kafka.broker import SaslMechanism, SecurityProtocol
from stream_seg.ops.metrics import markdown_table
from stream_seg.settings import PREFIX, Settings
from stream_seg.tools.topics import topic_specs
from stream_seg.worker.crash_points import POINTS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(DOCS.rglob("*.md"))]
SETTINGS = {name.upper() for name in Settings.model_fields}
KAFKA_WORDS = {*get_args(SecurityProtocol), *get_args(SaslMechanism)}
NO_SETTINGS = {"BATCH_RECORDS", "CRASH_AT", "REQUIRE_AUDIT", "REQUIRE_SERVICES", "VENV"}  # of the tests and the scripts
NOW = 1_900_000_000.0

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text_of(name: str) -> str:
    """Return the text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return the text under a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {title!r}"
    return found[1]


def first_cells(text: str) -> list[str]:
    """Return the names in backticks in the first column of tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def pages_in(nav: object) -> list[str]:
    """Return the pages that a navigation of mkdocs.yml names."""
    if isinstance(nav, str):
        return [nav]
    branches = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []
    return [page for branch in branches for page in pages_in(branch)]


def json_objects(text: str) -> list[dict[str, object]]:
    """Return all objects in the JSON blocks of a text, one after the other."""
    found, decoder = [], json.JSONDecoder()
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        rest = block.strip()
        while rest:
            value, end = decoder.raw_decode(rest)
            found.append(value)
            rest = rest[end:].strip()
    return found


def test_the_readme_is_short_and_no_page_is_long() -> None:
    lengths = {str(page.relative_to(ROOT)): len(page.read_text(encoding="utf-8").splitlines()) for page in PAGES}
    assert lengths["README.md"] < 150
    assert max(lengths.values()) < 300


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_in_the_navigation_once() -> None:
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(pages_in(configuration["nav"])) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    if importlib.util.find_spec("mkdocs") is None:
        required = os.environ.get("STREAM_SEG_REQUIRE_SERVICES") == "1"
        (pytest.fail if required else pytest.skip)("mkdocs is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    assert (tmp_path / "site" / "index.html").exists()


def test_titles_of_decisions_are_those_of_their_files() -> None:
    for page in sorted((DOCS / "decisions").glob("0*.md")):
        number, _, title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        words = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        assert page.stem == f"{int(number):04}-{words}"
        assert f"[{title}]({page.name})" in text_of("decisions/index.md")


@pages
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text):
        if name != "application/json":
            assert any((folder / name).exists() for folder in (ROOT, ROOT / "stream_seg")), name
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in tests, name


@pages
def test_no_setting_is_named_that_does_not_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"{PREFIX}([A-Z][A-Z_]*[A-Z])", text)) - NO_SETTINGS
    alone = re.findall(r"`([A-Z][A-Z_]+[A-Z])(?:=[^`]*)?`", text)
    named |= {name.removeprefix(PREFIX) for name in alone} - NO_SETTINGS - KAFKA_WORDS - EXPONENTS.keys()
    assert named <= SETTINGS, named - SETTINGS


def test_every_setting_is_documented_with_its_default() -> None:
    table = text_of("reference/settings.md")
    assert sorted(first_cells(table)) == sorted(SETTINGS)
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines() if line.startswith("| `")]
    shown = {
        name: value for left, right in rows for name, value in zip(left.split(", "), right.split(", "), strict=True)
    }
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        default = ",".join(default) if isinstance(default, tuple) else default
        wanted = {None: "none", "": "empty"}.get(default if default is None else str(default), str(default))
        said = shown[f"`{name.upper()}`"].strip("`")
        assert said == (f"{default:g}" if isinstance(default, float) else wanted), name


def test_every_reason_is_documented() -> None:
    assert sorted(first_cells(section(text_of("reference/topics.md"), "Dead letters"))) == sorted(SENTENCES)


def test_every_metric_is_documented_as_the_catalogue_says() -> None:
    assert markdown_table() in text_of("reference/metrics.md")


@pages
def test_metrics_that_are_named_exist(page: Path) -> None:
    known = set(re.findall(r"`(stream_seg_\w+)`", markdown_table()))
    named = set(re.findall(r"\bstream_seg_[a-z_]+", page.read_text(encoding="utf-8"))) - {"stream_seg_"}
    assert named <= known, named - known


def test_topics_kinds_of_events_and_features_are_documented() -> None:
    topics = first_cells(section(text_of("reference/topics.md"), "Topics"))
    assert sorted(topics) == sorted(s.name.replace("stream-seg-", "{APP_ID}-") for s in topic_specs(Settings()))
    told = text_of("reference/changes.md") + text_of("reference/events.md")
    missing = {name for name in (*PURCHASES, *INTERACTIONS, *FEATURES) if f"`{name}`" not in told}
    assert missing == set()


def test_aliases_are_what_the_table_says() -> None:
    names = section(text_of("reference/events.md"), "Formats of other programs").partition("### Names")[2]
    rows = [row.split("|")[1:3] for row in names.splitlines() if row[:3] == "| `"]
    pairs = [pair for theirs, ours in rows for pair in zip(theirs.split(";"), ours.split(";"), strict=True)]
    assert len(pairs) == 16
    for theirs, ours in pairs:
        for name in re.findall(r"`(\w+)`", theirs):
            assert native_name(name) == ours.strip(" `"), name


def test_redis_keys_are_documented() -> None:
    keys = Keys("seg")
    known = [keys.customer("{customer_id}"), keys.model, keys.model_of("{dimension}"), keys.partitions, keys.owner]
    known += [name.replace("7", "{partition}") for name in (keys.stats(7), keys.mark(7))]
    assert sorted(first_cells(text_of("reference/redis.md"))) == sorted(known)


def test_commands_are_documented() -> None:
    group = typer.main.get_command(app)
    names: list[str] = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]
    table = first_cells(section(text_of("reference/cli.md"), "Commands"))
    for name in names:
        assert any(cell.split(" [")[0].startswith(name) for cell in table), name
    for cell in table:
        assert cell.split(" [")[0].startswith(tuple(names)), cell


def test_examples_of_events_are_events() -> None:
    page = text_of("reference/events.md")
    examples = json_objects(section(page, "Native events")) + json_objects(section(page, "Formats of other programs"))
    assert len(examples) == 7
    for example in examples:
        customer = str(example.get("customer_id") or example.get("userId") or example["user_id"])
        topic = "profiles" if "traits" in example else "interactions" if "product_id" in example else "purchases"
        decoded = Decoder(topic).decode([json.dumps(example).encode()], [customer.encode()], NOW)
        assert decoded.rejected == []


@pytest.mark.parametrize("page", ["README.md", "docs/reference/changes.md"])
def test_the_example_of_a_change_is_a_change(page: str) -> None:
    changes = [each for each in json_objects((ROOT / page).read_text(encoding="utf-8")) if "change" in each]
    assert len(changes) == 1
    assert parse_change(json.dumps(changes[0]).encode()).customer_id == "h-1871"
    assert all(name in FEATURES for name in changes[0]["reason"]["features"])  # type: ignore[index]


def test_the_table_of_the_record_has_the_fields_of_the_code() -> None:
    rows = section(text_of("internals/record-format.md"), "What a customer's record holds").splitlines()
    cells = [[cell.strip(" *") for cell in row.split("|")[1:3]] for row in rows if row.startswith("|")]
    told = [(re.findall(r"`(\w+)`", names), int(size)) for names, size in cells if names.startswith("`")]
    sizes = {field.name: field.size for field in FIELDS}
    assert [name for names, _ in told for name in names] == list(sizes)
    for names, size in told:
        assert sum(sizes[name] for name in names) == size, names
    assert ["fixed part", str(LAYOUT.size)] in cells


def test_every_crash_point_is_in_the_crash_table() -> None:
    rows = [line.split("|")[-2] for line in text_of("internals/crash-table.md").splitlines() if line.startswith("|")]
    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == sorted(POINTS)
