"""A worker that cannot stop in order still ends, so that a supervisor restarts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stream_seg.connection_settings import EMBEDDED
from tests.integration.support.deployment import CALM, Services, deployment
from tests.integration.support.events import order
from tests.integration.support.worker import ROOT

# The first group raises an error that only a bug could cause, and the consumer then never stops.
STUCK = """
import asyncio, sys
from stream_seg.cli import main
from stream_seg.worker import process
from stream_seg.worker.checkpoint.absorb import Absorber
from stream_seg.worker.faust.transport import BatchConsumerThread

def absorb(self, group):
    raise OverflowError("too large")

async def stop(self):
    await asyncio.sleep(3600)

Absorber.absorb, BatchConsumerThread.stop = absorb, stop
process.STOPPED_WITHIN_S = 2.0
sys.argv = ["stream-seg", "worker"]
sys.exit(main())
"""


@pytest.fixture(scope="module")
def broker_setting() -> str:
    """Use the embedded broker alone, because the end of a process is the same on both."""
    return EMBEDDED


def test_a_worker_that_cannot_stop_is_ended(on: Services) -> None:
    with deployment(on, "stuck", **CALM) as deployed:
        deployed.send([order("c-1", 1, "2017-05-09T18:00:31Z", 5.0)])
        environment = {**os.environ, **deployed.environment, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", STUCK],
            cwd=deployed.directory,
            env={**environment, "STREAM_SEG_WORKER_HTTP_PORT": "0"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "stream-seg: the worker stopped: too large; it did not stop within 2 s and was ended"
    )


# As if the broker had gone away: leaving the group takes forever.
DEAF = """
import asyncio, sys
from stream_seg.cli import main
from stream_seg.worker import process
from stream_seg.worker.pipeline import Rebalances

async def stop(self):
    await asyncio.sleep(3600)

Rebalances.stop = stop
process.STOPPED_WITHIN_S = 2.0
sys.argv = ["stream-seg", "worker"]
sys.exit(main())
"""


def test_a_worker_that_is_told_to_stop_and_cannot_is_ended(on: Services) -> None:
    with deployment(on, "deaf", **CALM) as deployed:
        environment = {**os.environ, **deployed.environment, "PYTHONPATH": str(ROOT)}
        worker = subprocess.Popen(
            [sys.executable, "-c", DEAF],
            cwd=deployed.directory,
            env={**environment, "STREAM_SEG_WORKER_HTTP_PORT": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stderr is not None
        said = iter(worker.stderr.readline, "")
        assert any("this worker has partitions" in line for line in said)
        worker.terminate()
        _, rest = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert rest.splitlines()[-1] == (
        "stream-seg: the worker stopped: it was told to stop; it did not stop within 2 s and was ended"
    )
