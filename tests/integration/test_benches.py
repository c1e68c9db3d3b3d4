"""Every benchmark runs at a tiny size, and its JSON summary has the promised keys."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.bench import NAMES
from tests.integration.support.worker import ROOT

TIMEOUT_S = 600.0
JOBS = "3"  # they wait for sessions and rebalances most of the time


@pytest.mark.usefixtures("embedded_broker", "redis_url")
def test_every_bench_runs_at_a_tiny_size() -> None:
    command = [sys.executable, "-m", "benchmarks", "all", "--smoke", "--jobs", JOBS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [(name, said) for name, _, _, *said in lines] == [(name, ["ok"]) for name in NAMES], done.stderr
    assert done.returncode == 0
