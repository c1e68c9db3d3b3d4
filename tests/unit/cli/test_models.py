"""Tests of `stream-seg models` without a broker: its output, and the commands that it refuses."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from stream_seg.cli.models.changes import segment_of
from stream_seg.cli.models.diff import diff_facts, diff_shown
from stream_seg.cli.models.listing import list_facts, list_table, version_of
from stream_seg.cli.models.show import chosen, shown, state_of
from stream_seg.core.feature_names import FEATURES
from stream_seg.errors import Failure, UsageError
from stream_seg.learning.publishing.moves import moves
from stream_seg.settings import Settings
from stream_seg.tools.model_history import ModelHistory
from tests.unit.learning.snapshots import profiles, snapshot

NAMED = profiles(["Small", "[red]VIP"], custom=[1])


def written(shown: RenderableType) -> list[str]:
    """Lines as a pipe gets them."""
    console = Console(file=io.StringIO(), width=120)
    console.print(shown)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def history() -> ModelHistory:
    """Model 3 is pinned; a learner published in spite of it, an old one before, and somebody wrote what is no model."""
    found = ModelHistory()
    said = [
        snapshot(1, reason="started"),
        snapshot(2, parent=1, centers=((0.0, 0.0), (2.0, 1.0))),
        snapshot(3, parent=1),
        snapshot(3, reason="pinned", pinned=True, content_of=1, segments=NAMED),
        snapshot(4),
    ]
    for offset, each in enumerate(said):
        found.add(offset, f"behavior/{each.version}".encode(), each.dumps())
    found.add(5, b"\xff", b"[]")
    return found


def test_what_became_of_each_version(history: ModelHistory) -> None:
    facts = list_facts(history, Settings())
    assert [(each["version"], each["state"], each["refused_because"]) for each in facts["models"]] == [
        (1, "past", ""),
        (2, "past", ""),
        (3, "pinned", ""),
        (3, "refused", "its parent is 1, but 2 was active"),
        (4, "refused", "model 3 is pinned"),
    ]
    assert (facts["in_force"], facts["pinned"], facts["model_setting"]) == (3, True, None)
    pinned: dict[str, Any] = facts["models"][2]
    assert (pinned["names"], pinned["names_pinned"], pinned["content_of"]) == (
        {"b0": "Small", "b1": "[red]VIP"},
        ["b1"],
        1,
    )
    assert [(each["offset"], each["key"]) for each in facts["unusable"]] == [(5, "\\xff")]
    lines = written(list_table(facts))
    assert " ".join(lines[3].split()) == "3 2 2026-01-01 00:00 pinned (of 1) 2 pinned Small, [red]VIP*"
    assert lines[5].endswith("refused  model 3 is pinned")


def test_a_message_that_is_sent_again_is_listed_once(history: ModelHistory) -> None:
    before = list_facts(history, Settings())
    history.add(6, b"2", history.accepted[2].dumps())
    assert list_facts(history, Settings()) == before


def test_a_version_that_waited_for_its_parent_is_not_refused_any_more() -> None:
    history = ModelHistory()
    for offset, each in enumerate((snapshot(1), snapshot(3), snapshot(2))):
        history.add(offset, b"", each.dumps())
    assert (list(history.accepted), history.superseded) == ([1, 2, 3], [])


def test_one_version(history: ModelHistory) -> None:
    assert chosen(history, None) is history.latest
    assert state_of(history, chosen(history, 4)) == "refused"
    lines = written(shown(chosen(history, 3), "pinned", "USD"))
    assert lines[0] == "Model 3 (pinned), created 2026-01-01 00:00 from model 2: pinned, the content of model 1"
    assert any(line.startswith("[red]VIP*  b1") for line in lines)
    assert lines[-1] == "* named by an operator"
    with pytest.raises(Failure, match="no model 9 was published: there are 1 to 4; `stream-seg models list`"):
        version_of(history, 9)
    with pytest.raises(Failure, match="none has been published yet"):
        version_of(ModelHistory(), 9)
    with pytest.raises(Failure, match="no model has been published yet"):
        chosen(ModelHistory(), None)


def test_how_two_versions_differ(history: ModelHistory) -> None:
    one, two = chosen(history, 1), chosen(history, 2)
    rows = np.zeros((3, len(FEATURES)))
    rows[:, FEATURES.index("order_rate")] = (0.0, 1.5, 4.0)
    facts = diff_facts(one, two, moves(one, two, rows))
    assert facts["segments"][1] == {
        "segment": "b1",
        "name": {"from": "Name 1", "to": "Name 1"},
        "centre": {"from": {"order_rate": 4.0, "refund_share": 4.0}, "to": {"order_rate": 2.0, "refund_share": 1.0}},
    }
    assert facts["moves"]["flows"] == [{"from": "b0", "to": "b1", "customers": 2}]
    lines = written(diff_shown(one, two, moves(one, two, rows), "USD"))
    assert "2 of 3 customers sampled last (66.7%) are nearer to another segment by model 2" in " ".join(lines)
    assert lines[-1].split() == ["2", "Name", "0", "(b0)", "→", "Name", "1", "(b1)"]
    assert "4.0 → 2.0" in " ".join(lines)


def test_without_samples_the_number_of_moves_is_unknown(history: ModelHistory) -> None:
    one, two = chosen(history, 1), chosen(history, 2)
    assert diff_facts(one, two, None)["moves"] is None
    assert "The number of customers that would move is unknown" in " ".join(written(diff_shown(one, two, None, "USD")))


@pytest.mark.parametrize(("text", "id_"), [("b0", "b0"), ("B1", "b1"), ("small", "b0"), ("[red]VIP", "b1")])
def test_a_segment_is_found_by_id_or_by_name(text: str, id_: str) -> None:
    assert segment_of(snapshot(3, segments=NAMED), text) == id_


def test_an_unknown_segment_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"'b9' is no segment of model 3, which is active; it has b0 \(Small\), "):
        segment_of(snapshot(3, segments=NAMED), "b9")


@pytest.mark.parametrize(
    ("redis_url", "status", "says"),
    [("embedded", 1, "no embedded redis is running"), ("redis://h:abc", 2, "not a Redis URL: write redis://")],
)
def test_nothing_is_published_where_redis_cannot_be_asked_about_it(
    redis_url: str, status: int, says: str, tmp_path: Path
) -> None:
    # There is no broker either: a command that publishes first would say so.
    settings = {"STREAM_SEG_BROKER": "kafka://127.0.0.1:1", "STREAM_SEG_REDIS_URL": redis_url}

    done = subprocess.run(
        [sys.executable, "-m", "stream_seg", "models", "pin"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **settings},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"stream-seg: {says}"), done.stderr
    assert len(done.stderr.splitlines()) == 1
