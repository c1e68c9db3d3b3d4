"""Short runs of `scripts/chaos`: pytest -m chaos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.broker import Broker, EmbeddedBroker, KafkaBroker
from tests.chaos.options import Options
from tests.chaos.run import run
from tests.chaos.verdict import ROWS
from tests.conftest import started


@pytest.mark.chaos
@pytest.mark.parametrize("broker", [EmbeddedBroker, lambda _: KafkaBroker()], ids=["embedded", "kafka"])
def test_whatever_dies_every_event_counts_once_and_every_output_says_so(
    broker: Callable[[Path], Broker], tmp_path: Path
) -> None:
    points = ("changelog",)
    options = Options(events=12_000, kills=2, seconds=40.0, seed=2026, points=points)

    told = started(lambda: run(options, broker(tmp_path), tmp_path))

    assert told.verdict.examples() == []
    assert told.verdict.figures == dict.fromkeys(ROWS, 0)
    assert told.done["kills"] >= 2
    assert told.done["points_visited"] == len(points)
