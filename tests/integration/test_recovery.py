"""The state after a stop and after a crash, and how the next worker continues from it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from benchmarks.workload import fixed_model
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.lag import measure_lag
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.tools.topics import create_topics, topic_specs
from stream_seg.worker.app import build_app
from stream_seg.worker.faust.settings import EMBEDDED_SESSION_S
from stream_seg.worker.partitions.progress import Ends
from tests.integration.support.deployment import (
    PATHLESS,
    Deployment,
    Services,
    deployment,
    replaying,
    write_model,
)
from tests.integration.support.ending import (
    assert_all_agree,
    assert_changes_chain,
    assert_exact,
    assert_whole,
    read_ending,
    read_states,
    read_topic,
    segment_of,
)
from tests.integration.support.events import shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
# The same centers under other numbers, and one of them elsewhere.
NEXT_MODEL = MODEL | {
    "version": 2,
    "parent": 1,
    "centroids": [*reversed(MODEL["centroids"][1:]), [3.0] * len(MODEL["features"])],
}


# A clean stop


def test_after_sigterm_the_next_worker_goes_on_and_repeats_nothing(on: Services) -> None:
    sent = shop(12_000, 1_000, seed=1, repeat_every=0, seconds=5.0)
    with deployment(on, "sigterm", model=MODEL, **PATHLESS) as deployed:
        worker = deployed.start_worker()
        worker.wait_ready()
        with replaying(deployed, sent):
            eventually(worker.works, 30, "the worker absorbs events", worker.output)
            assert worker.terminate() == 0, worker.output()
            committed = committed_offsets(deployed)
            absorbed = {
                (topic, number): offset + 1
                for number, state in read_states(deployed).items()
                if state.header is not None
                for topic, offset in state.header.inputs.items()
            }
            pending = [state.unconfirmed for state in read_states(deployed).values() if state.unconfirmed]
        again = deployed.start_worker()
        deployed.wait_until_drained()
        assert_whole(deployed, sent, MODEL)
        changes = Counter(record.header["ce_id"] for record in read_topic(deployed, "sigterm.segment-changes"))
        letters = Counter(letter.value for letter in read_topic(deployed, "sigterm.dead-letters"))

        assert pending == []
        assert absorbed == {place: offset for place, offset in committed.items() if offset}
        assert set(changes.values()) == {1}
        assert set(letters.values()) == {1}
        assert again.metric('repeats_skipped_total{by="offset"}') == 0
        assert again.terminate() == 0, again.output()
        # The log reports nothing else but the addresses of embedded services.
        lines = [line for line in again.output().splitlines() if "the broker is at" not in line]
        assert [line for line in lines if "partitions" not in line] == []


def committed_offsets(deployed: Deployment) -> dict[tuple[str, int], int | None]:
    """Return the offset from which the group continues, by topic (without prefix) and partition."""
    names = {deployed.settings.topic(name): name for name in TOPICS}
    lags = asyncio.run(measure_lag(deployed.broker, deployed.settings.app_id, names, now_s=0.0))
    return {(names[lag.topic], lag.partition): lag.committed for lag in lags}


# A frozen worker


def test_a_worker_that_stood_still_beyond_its_session_writes_nothing_more(on: Services) -> None:
    sent = shop(6_000, 600, seed=4, seconds=20.0)
    with deployment(on, "frozen", model=MODEL, **PATHLESS) as deployed:
        frozen = deployed.start_worker()
        frozen.wait_ready()
        with replaying(deployed, sent):
            eventually(frozen.works, 30, "the worker absorbs events", frozen.output)
            frozen.signal(signal.SIGSTOP)
            time.sleep(EMBEDDED_SESSION_S + 2)
            taking = deployed.start_worker()
            taking.wait_ready()
            frozen.signal(signal.SIGCONT)
            line = refusal(frozen)
        deployed.wait_until_drained()
        assert "no good heartbeat for" in line
        assert_whole(deployed, sent, MODEL)


# A new model


def test_after_kill_9_state_is_restored_and_another_pinned_model_evaluates_everybody_again(on: Services) -> None:
    sent = shop(6_000, 800, seed=2)
    path = write_model(on.data_dir, NEXT_MODEL)
    with deployment(on, "model", model=MODEL, **PATHLESS) as deployed:
        first = deployed.start_worker()
        deployed.send(sent)
        deployed.wait_until_drained()
        before = read_ending(deployed)
        first.kill()
        again = deployed.start_worker(MODEL=str(path))

        def evaluated() -> bool:
            headers = [state.header for state in read_states(deployed).values()]
            return all(header is not None and header.versions == {"behavior": 2} for header in headers)

        eventually(evaluated, 60, "every header names model 2", deployed.output)
        # Redis comes after the header.
        eventually(lambda: model_in_redis(deployed) == 2, 30, "Redis has model 2", deployed.output)
        eventually(lambda: all_agree(deployed), 30, "Redis has what moved", deployed.output)
        after, expected = read_ending(deployed), expect(sent)

        assert again.metric("events_absorbed_total") == 0  # state came from the changelog, not from the input
        assert_exact(after, expected)
        assert_changes_chain(after.changes)
        clocks = {
            number: max(expected[key.decode()].last_seen for key in state.records)
            for number, state in after.states.items()
        }
        wanted = {
            key.decode(): expected[key.decode()].segment(NEXT_MODEL, clocks[number])
            for number, state in after.states.items()
            for key in state.records
        }
        found = {customer_id: segment_of(after.customers[customer_id]) for customer_id in wanted}
        assert found == {customer_id: segment or found[customer_id] for customer_id, segment in wanted.items()}
        moved = [c for c in expected if segment_of(before.customers[c]) != found[c]]
        told = [json.loads(record.value or b"") for record in after.changes]
        by_model = {change["customer_id"] for change in told if change["reason"]["code"] == "model"}
        assert by_model == set(moved)
        assert len(moved) > 400
        assert {change["model_version"] for change in told if change["reason"]["code"] == "model"} == {2}


def model_in_redis(deployed: Deployment) -> int | None:
    """Return the model version that readers find."""
    with deployed.redis() as client:
        return (client.model() or {}).get("version")


def all_agree(deployed: Deployment) -> bool:
    """Return whether changes, Redis and state agree by now."""
    try:
        assert_all_agree(deployed, read_ending(deployed))
    except AssertionError:
        return False
    return True


# A rebalance during another


@pytest.mark.parametrize("step", ["the ends of topics", "models"])
def test_a_rebalance_that_begins_while_ownership_is_taken_wins(on: Services, tmp_path: Path, step: str) -> None:
    name = f"moving-{step.split()[-1]}"
    settings = Settings(app_id=name, topic_prefix=f"{name}.", partitions=1, data_dir=tmp_path)
    made = on.addresses

    async def overlap() -> tuple[bool, set[int]]:
        await create_topics(made.broker, topic_specs(settings))
        application = build_app(settings, made, Metrics(CollectorRegistry()))
        rebalances, asked, revoked = application.rebalances, asyncio.Event(), asyncio.Event()

        async def ends() -> dict[int, Ends]:
            if step != "models":
                asked.set()
                await revoked.wait()
            return {0: Ends(dict.fromkeys(TOPICS, 0), 0)}

        async def counted_in() -> bool:
            return True

        taking = asyncio.create_task(rebalances.assign(counted_in, ends))
        await (asyncio.sleep(0) if step == "models" else asked.wait())  # it asks the broker for models now, or for ends
        await rebalances.revoke()
        revoked.set()
        await taking
        store = application.faust.tables["customers"].data
        found = application.pipeline.checkpoint.paused, set(store.partitions)
        await application.stop()
        return found

    # Otherwise it would write for a partition that may belong to another worker by now. It would also hold an empty
    # state of that partition, newer than everything that recovery reads if the partition returns.
    assert asyncio.run(overlap()) == (True, set())


# Rejected state


def test_state_is_not_mixed_with_other_settings_or_other_topics(on: Services) -> None:
    sent = shop(500, 100, seed=3)
    with deployment(on, "refused", model=MODEL, **PATHLESS) as deployed:
        worker = deployed.start_worker()
        deployed.send(sent)
        deployed.wait_until_drained()
        assert worker.terminate() == 0, worker.output()

        line = refusal(deployed.start_worker(HALF_LIFE_DAYS="7"))
        assert "a half-life of 30 days, the settings say 7: set STREAM_SEG_HALF_LIFE_DAYS back" in line

        asyncio.run(recreate_inputs(deployed))
        line = refusal(deployed.start_worker())
        assert "the topic was recreated. Use a new APP_ID, or delete the changelog topic" in line


async def recreate_inputs(deployed: Deployment) -> None:
    """Delete the input topics with their content, and create them again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployed.broker.address)
    await admin.start()
    await admin.delete_topics([deployed.settings.topic(name) for name in TOPICS])
    await admin.close()
    async with connect(deployed.broker) as client:
        names = [deployed.settings.topic(name) for name in TOPICS]
        async with asyncio.timeout(30):
            while await partitions_of(client, names):
                await asyncio.sleep(0.05)
    created = await create_topics(deployed.broker, topic_specs(deployed.settings))
    assert set(names) <= set(created)
