"""A store on disk in real workers: the replay after a restart, rejected stores, and partitions that move with files."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.workload import fixed_model
from stream_seg.connection_settings import EMBEDDED
from stream_seg.tools.topics import create_topics, topic_specs
from tests.integration.support.deployment import (
    PARTITIONS,
    PATHLESS,
    Deployment,
    Services,
    deployment,
    replaying_meanwhile,
)
from tests.integration.support.ending import (
    assert_whole,
)
from tests.integration.support.events import shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import TWO_DIMENSIONS, Worker, refusal

MODEL = fixed_model()
ON_DISK = {**PATHLESS, "STORE": "rocksdb://"}
SESSION_S = 6.0  # session of the embedded broker


@pytest.fixture(scope="module")
def broker_setting() -> str:
    """Use the embedded broker alone, because no broker can change the tested behavior."""
    return EMBEDDED


def replayed(worker: Worker) -> float:
    """Return the number of changelog records that the worker's recoveries applied."""
    return worker.metric("changelog_replayed_total")


def test_a_killed_worker_replays_at_most_the_group_in_flight(on: Services) -> None:
    sent = shop(6_000, 600, seed=21)
    with deployment(on, "restart", model=MODEL, module=TWO_DIMENSIONS, **ON_DISK) as deployed:
        first = deployed.start_worker()
        deployed.send(sent[:5_000])
        deployed.wait_until_drained()
        before = first.metrics()
        assert before["stream_seg_changelog_replayed_total"] == 0
        first.kill()
        again = deployed.start_worker()
        again.wait_ready()
        assert replayed(again) == 0
        deployed.send(sent[5_000:])
        deployed.wait_until_drained()
        assert_whole(deployed, sent, MODEL)
        assert again.terminate() == 0, again.output()

        # Without files a worker replays the entire changelog.
        other = deployed.start_worker(STORE="memory://")
        other.wait_ready()
        assert replayed(other) > 600
        assert_whole(deployed, sent, MODEL)


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_partitions_that_stay_are_not_replayed_at_a_rebalance(on: Services, store: str) -> None:
    endless = shop(100_000, 1_000, seed=22, seconds=125.0)
    name = f"kept-{store[:3]}"
    with deployment(on, name, model=MODEL, **{**ON_DISK, "STORE": store}) as deployed:
        first = deployed.start_worker()
        first.wait_ready()
        with replaying_meanwhile(deployed, endless) as sent:
            eventually(first.works, 30, "the first worker absorbs events", first.output)
            second = deployed.start_worker()
            second.wait_ready()
            eventually(second.works, 30, "the second worker absorbs events", second.output)
            eventually(lambda: first.metric("partitions_owned") == PARTITIONS / 2, 30, "they share", first.output)
            assert replayed(first) == 0
            # The files of the moved partitions are on this machine, and hold everything that the first worker wrote.
            assert (replayed(second) == 0) == (store == "rocksdb://")
            assert second.terminate() == 0, second.output()
            eventually(lambda: first.metric("partitions_owned") == PARTITIONS, 30, "the first has all", first.output)
        deployed.wait_until_drained()
        assert_whole(deployed, sent, MODEL)
        assert (replayed(first) == 0) == (store == "rocksdb://")


def test_a_frozen_worker_keeps_its_files_and_no_worker_waits_for_them(on: Services) -> None:
    endless = shop(150_000, 1_000, seed=23, seconds=150.0)
    with deployment(on, "zombie", model=MODEL, **ON_DISK) as deployed:
        first = deployed.start_worker()
        first.wait_ready()
        with replaying_meanwhile(deployed, endless) as sent:
            eventually(first.works, 30, "the first worker absorbs events", first.output)
            os.kill(first._process.pid, signal.SIGSTOP)
            second = deployed.start_worker()
            eventually(second.works, 60, "the second worker took over", second.output)
            os.kill(first._process.pid, signal.SIGCONT)
            line = refusal(first)
        assert "heartbeat" in line or "group" in line, line
        directory = deployed.settings.data_dir / "store" / "zombie"
        assert {path.name for path in directory.iterdir()} == {
            f"{n}{suffix}" for n in range(4) for suffix in ("", ".1")
        }
        deployed.wait_until_drained()
        assert_whole(deployed, sent, MODEL)
        # The first worker's files are old, and still a valid start.
        second.kill()
        third = deployed.start_worker()
        third.wait_ready()
        assert_whole(deployed, sent, MODEL)


@pytest.mark.parametrize("refilled", [False, True])
def test_a_store_whose_changelog_was_recreated_is_refused(on: Services, refilled: bool) -> None:
    name = f"recreated-{refilled}"
    with deployment(on, name, model=MODEL, **ON_DISK) as deployed:
        worker = deployed.start_worker()
        deployed.send(shop(200, 100, seed=24))
        deployed.wait_until_drained()
        assert worker.terminate() == 0, worker.output()
        asyncio.run(recreate_changelog(deployed))
        if refilled:
            # A changelog longer than the one that the store knows, with other records.
            fresh = deployed.start_worker(STORE="memory://", APP_ID=name)
            fresh.wait_ready()
            deployed.send(shop(8_000, 2_000, seed=25))
            deployed.wait_until_drained()
            assert fresh.terminate() == 0, fresh.output()
        line = refusal(deployed.start_worker())
        wanted = "is not the one that the store holds" if refilled else "it was recreated"
        assert "changelog, partition" in line, line
        assert wanted in line, line
        assert "delete" in line, line


async def recreate_changelog(deployed: Deployment) -> None:
    """Delete the changelog with its content, and create it again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployed.broker.address)
    await admin.start()
    await admin.delete_topics([deployed.settings.changelog])
    await admin.close()
    await create_topics(deployed.broker, topic_specs(deployed.settings))
