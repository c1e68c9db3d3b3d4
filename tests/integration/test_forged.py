"""Forged records on topics that workers read back: bad state stops a worker in one line, bad samples and models do
not.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from benchmarks.workload import fixed_model
from stream_seg.kafka.append import append_all
from stream_seg.kafka.producer import started_producer
from stream_seg.worker.partitions.changelog import HEADER_KEY, pack_entry
from tests.integration.support.command import run_in
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.ending import assert_exact, read_ending
from tests.integration.support.events import order
from tests.integration.support.polling import eventually
from tests.integration.support.worker import refusal
from tests.integration.support.yardstick import expect

WHEN = "2017-05-09T18:00:31Z"
FIRST, SECOND = order("c-1", 1, WHEN, 5.0), order("c-1", 2, WHEN, 5.0)


def forge(deployed: Deployment, topic: str, key: bytes, value: bytes) -> None:
    """Append one record to the first partition of a topic, named in full."""

    async def append() -> None:
        async with started_producer(deployed.broker) as producer:
            await append_all(producer, topic, {0: [(key, value, ())]}, 1_700_000_000_000)

    asyncio.run(append())


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (b"c-9", pack_entry(1, 1, b"\x02" + bytes(20)), "a customer record has at least"),
        (HEADER_KEY, b'{"format":2,"epoch":"x"}', "partition header cannot be read"),
    ],
    ids=["record", "header"],
)
def test_forged_state_stops_a_worker_and_commands_with_one_line(
    on: Services, key: bytes, value: bytes, says: str
) -> None:
    with deployment(on, f"forged-{len(value)}", model=fixed_model(), **CALM) as deployed:
        forge(deployed, deployed.settings.changelog, key, value)
        assert says in refusal(deployed.start_worker())
        for customer in ("c-1", "c-2", "c-3", "c-4", "c-5"):  # one of them lies in that partition
            done = run_in(deployed, "inspect", customer)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            if says in done.stderr:
                break
        else:
            pytest.fail("no customer of that partition was asked for")


def test_forged_samples_and_models_are_left_out(on: Services) -> None:
    with deployment(on, "lies", **CALM) as deployed:
        lies = [
            b"",
            b"null",
            b"\xff",
            b"[" * 100_000,
            b'{"rows":[["alice",["x"]]],"partition":0,"clock":1,"drained":true}',
        ]
        lies.append(b'{"rows":[["alice",[1]]],"partition":0,"clock":1,"drained":true}')
        model = fixed_model()
        models = [
            *lies,
            json.dumps({**model, "centroids": [[0.0]]}).encode(),
            json.dumps({**model, "version": 2**40}).encode(),
        ]
        for value in lies:
            forge(deployed, deployed.settings.topic("segment-samples"), b"0", value)
        for value in models:
            forge(deployed, deployed.settings.topic("segment-models"), b"1", value)
        deployed.send([FIRST])
        worker = deployed.start_worker()
        deployed.wait_until_drained()
        log = lambda: worker._written.read_text()  # noqa: E731
        eventually(lambda: log().count("on the samples topic was skipped") == len(lies), 30, "all are left out", log)
        assert log().count("the one before stays") == len(models)
        deployed.send([SECOND])
        deployed.wait_until_drained()
        assert_exact(read_ending(deployed), expect([FIRST, SECOND]))
        assert worker.terminate() == 0
        assert "Traceback" not in log()
        assert "alice" not in log()
