"""What a stop and a crash leave behind, and how the next worker goes on from it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from benchmarks.workload import fixed_model
from stream_seg.core.vocabulary import TOPICS
from stream_seg.ops.lag import measure_lag
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings
from stream_seg.streaming import crash_points
from stream_seg.streaming.app import EMBEDDED_SESSION_S, build_app
from stream_seg.streaming.app import Services as WorkerServices
from stream_seg.streaming.changelog import HEADER_KEY, unpack_entry, unpack_header
from stream_seg.streaming.topics import create_topics, topic_specs
from tests.integration.support.deployment import (
    PARTITIONS,
    PATHLESS,
    Deployment,
    Services,
    deployment,
    replaying,
    services,
    write_model,
)
from tests.integration.support.ending import (
    Letter,
    assert_all_agree,
    assert_changes_chain,
    assert_exact,
    assert_segments,
    read_ending,
    read_states,
    read_topic,
    segment_of,
)
from tests.integration.support.events import Sent, shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker, refusal
from tests.integration.support.yardstick import expect

MODEL = fixed_model()
# The same centres under other numbers, and one of them elsewhere.
NEXT_MODEL = MODEL | {
    "version": 2,
    "parent": 1,
    "centroids": [*reversed(MODEL["centroids"][1:]), [3.0] * len(MODEL["features"])],
}


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory, broker_setting: str) -> Iterator[Services]:
    """Services that the tests of this module share."""
    with services(tmp_path_factory.mktemp("recovery"), broker_setting) as made:
        yield made


def works(worker: Worker) -> bool:
    """Whether the worker has written some groups of events."""
    assert worker.running(), worker.said()
    return worker.metric("group_events_count") > 5


def assert_whole(deployed: Deployment, sent: list[Sent], model: dict[str, Any] = MODEL) -> None:
    """Nothing of `sent` is lost, counted twice, or told differently in two places."""
    ending, expected = read_ending(deployed), expect(sent)
    assert_exact(ending, expected)
    assert_segments(ending, expected, model)
    assert_changes_chain(ending.changes)
    assert_all_agree(deployed, ending)
    bad = {record.value for record in sent if not record.good}
    assert {letter.value for letter in ending.dead_letters} == bad


# A clean stop


def test_after_sigterm_the_next_worker_goes_on_and_repeats_nothing(on: Services) -> None:
    sent = shop(12_000, 1_000, seed=1, repeat_every=0, seconds=5.0)
    with deployment(on, "sigterm", model=MODEL, **PATHLESS) as deployed:
        worker = deployed.start_worker()
        worker.wait_ready()
        with replaying(deployed, sent):
            eventually(lambda: works(worker), 30, "the worker absorbs events", worker.said)
            assert worker.terminate() == 0, worker.said()
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
        assert_whole(deployed, sent)
        changes = Counter(record.header["ce_id"] for record in read_topic(deployed, "sigterm.segment-changes"))
        letters = Counter(letter.value for letter in read_topic(deployed, "sigterm.dead-letters"))

        assert pending == []
        assert absorbed == {place: offset for place, offset in committed.items() if offset}
        assert set(changes.values()) == {1}
        assert set(letters.values()) == {1}
        assert again.metrics()['stream_seg_repeats_skipped_total{by="offset"}'] == 0
        assert again.terminate() == 0, again.said()


def committed_offsets(deployed: Deployment) -> dict[tuple[str, int], int | None]:
    """By topic (without prefix) and partition, the offset that the group goes on from."""
    names = {deployed.settings.topic(name): name for name in TOPICS}
    lags = asyncio.run(
        measure_lag(deployed.bootstrap, deployed.settings.app_id, names, embedded=deployed.embedded, now_s=0.0)
    )
    return {(names[lag.topic], lag.partition): lag.committed for lag in lags}


# A worker that stands still


def test_a_worker_that_stood_still_beyond_its_session_writes_nothing_more(on: Services) -> None:
    sent = shop(6_000, 600, seed=4, seconds=20.0)
    with deployment(on, "frozen", model=MODEL, **PATHLESS) as deployed:
        frozen = deployed.start_worker()
        frozen.wait_ready()
        with replaying(deployed, sent):
            eventually(lambda: works(frozen), 30, "the worker absorbs events", frozen.said)
            frozen.signal(signal.SIGSTOP)
            time.sleep(EMBEDDED_SESSION_S + 2)
            taking = deployed.start_worker()
            taking.wait_ready()
            frozen.signal(signal.SIGCONT)
            line = refusal(frozen)
        deployed.wait_until_drained()
        assert "no good heartbeat for" in line
        assert_whole(deployed, sent)


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
            return all(header is not None and header.model_version == 2 for header in headers)

        eventually(evaluated, 60, "every header names model 2", deployed.said)
        # Redis comes after the header.
        eventually(lambda: model_in_redis(deployed) == 2, 10, "Redis has model 2", deployed.said)
        eventually(lambda: all_agree(deployed), 10, "Redis has what moved", deployed.said)
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
    """Version of the model that readers find."""
    with deployed.redis() as client:
        return (client.model() or {}).get("version")


def all_agree(deployed: Deployment) -> bool:
    """Whether changes, Redis and state say the same by now."""
    try:
        assert_all_agree(deployed, read_ending(deployed))
    except AssertionError:
        return False
    return True


# A rebalance in the middle of another


def test_a_rebalance_that_begins_while_ownership_is_taken_wins(on: Services, tmp_path: Path) -> None:
    settings = Settings(app_id="moving", topic_prefix="moving.", partitions=1, data_dir=tmp_path)
    made = WorkerServices(on.addresses.bootstrap, on.addresses.redis_url, on.addresses.embedded_broker)

    async def overlap() -> bool:
        await create_topics(made.bootstrap, topic_specs(settings))
        application = build_app(settings, made, Metrics(CollectorRegistry()))
        taking = asyncio.create_task(application.pipeline.assign({0: dict.fromkeys(TOPICS, 0)}))
        await asyncio.sleep(0)  # it asks the broker for models now
        await application.pipeline.revoke()
        await taking
        paused = application.pipeline.checkpoint.paused
        await application.pipeline.stop()
        return paused

    # Else it would write for a partition that may be another worker's by now.
    assert asyncio.run(overlap())


# What is refused


def test_state_is_not_mixed_with_other_settings_or_other_topics(on: Services) -> None:
    sent = shop(500, 100, seed=3)
    with deployment(on, "refused", model=MODEL, **PATHLESS) as deployed:
        worker = deployed.start_worker()
        deployed.send(sent)
        deployed.wait_until_drained()
        assert worker.terminate() == 0, worker.said()

        line = refusal(deployed.start_worker(HALF_LIFE_DAYS="7"))
        assert "a half-life of 30 days, the settings say 7: set STREAM_SEG_HALF_LIFE_DAYS back" in line

        asyncio.run(recreate_inputs(deployed))
        line = refusal(deployed.start_worker())
        assert "the topic was recreated. Use a new APP_ID, or delete the changelog topic" in line


async def recreate_inputs(deployed: Deployment) -> None:
    """Delete the input topics with all they hold, and make them anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployed.bootstrap)
    await admin.start()
    await admin.delete_topics([deployed.settings.topic(name) for name in TOPICS])
    await admin.close()
    await create_topics(deployed.bootstrap, topic_specs(deployed.settings))


# Crashes at every point between two effects


@dataclass(frozen=True)
class Story:
    """At which points workers die, one after the other. `stirred` leads the first one there once it works."""

    crashes: tuple[str, ...]
    stirred: Callable[[Deployment, Worker], object] | None = None


def stop(_: Deployment, worker: Worker) -> None:
    """SIGTERM."""
    worker.terminate()


def join(deployed: Deployment, _: Worker) -> None:
    """Another worker comes: partitions move."""
    deployed.start_worker()


def lose_redis(deployed: Deployment, _: Worker) -> None:
    """Redis forgets all of this deployment."""
    with deployed.redis() as client:
        client._redis.delete(*client._redis.scan_iter(f"{deployed.settings.redis_prefix}:*"))


STORIES = {
    "decided": Story(("decided:5",)),
    "dead-letters": Story(("dead-letters",)),
    "changelog": Story(("changelog:5",)),
    "changes": Story(("changes:5",)),
    "redis": Story(("redis:5",)),
    "stored": Story(("stored:5",)),
    "acknowledged": Story(("acknowledged:5",)),
    "recovering": Story(("changelog:5", "recovering")),
    "recovered": Story(("changelog:5", "recovered")),
    "resumed": Story(("changelog:5", "resumed")),
    "revoked": Story(("revoked",), join),
    "drained": Story(("drained",), stop),
    "confirmed": Story(("confirmed",), stop),
    "repairing": Story(("repairing",), lose_redis),
    "publishing": Story(("publishing",)),  # a pinned model: before anything was read
    "published": Story(("published",)),
}
AT_THE_START = {"publishing", "published"}
# Where changes are durable in the changelog and were not sent when the last worker died.
UNSENT = {"changelog", "recovering", "recovered"}
# Where they were sent, and the next worker cannot know it.
SENT_UNSAID = {"changes", "redis", "stored", "acknowledged", "resumed", "drained"}


@dataclass(frozen=True)
class Told:
    """How a story ended: the pending changes that the last crash left, and what the topic of changes held then."""

    deployed: Deployment
    sent: list[Sent]
    pending: list[bytes]
    published: list[Letter]


@pytest.fixture(scope="module", params=["memory://", "rocksdb://"])
def stories(on: Services, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Told]]]:
    """Some stories at a time: much of each is waiting for a consumer group to gather.

    With more, workers would share the processor so thinly that the input arrives in fewer groups than a story needs.
    """
    with ThreadPoolExecutor(5) as pool:
        yield {point: pool.submit(tell, on, point, story, request.param) for point, story in STORIES.items()}


def tell(on: Services, point: str, story: Story, store: str) -> Told:
    """Let workers die as the story says, then let one work to the end."""
    # So many customers that hardly a group decides no change: they enter their first segment all the time.
    sent = shop(3_000, 1_500, seed=list(STORIES).index(point), seconds=4.0)
    name = f"at-{point}-{store.partition(':')[0]}"
    with deployment(on, name, model=MODEL, STORE=store, **PATHLESS) as deployed:
        worker = deployed.start_worker(CRASH_AT=story.crashes[0])
        if point not in AT_THE_START:
            worker.wait_ready()
        with replaying(deployed, sent):
            if story.stirred is not None:
                eventually(lambda: works(worker), 60, "the worker absorbs events", worker.said)
                story.stirred(deployed, worker)
            assert worker.wait(60) == -signal.SIGKILL, worker.said()
        for crash in story.crashes[1:]:
            assert deployed.start_worker(CRASH_AT=crash).wait(60) == -signal.SIGKILL, deployed.said()
        unconfirmed = [item for state in read_states(deployed).values() for item in state.unconfirmed]
        pending = [change for _, outbox in unconfirmed for change in outbox]
        published = read_topic(deployed, deployed.settings.topic("segment-changes"))
        deployed.start_worker()
        deployed.wait_until_drained()
        return Told(deployed, sent, pending, published)


def test_the_stories_visit_every_point() -> None:
    assert tuple(STORIES) == crash_points.POINTS


@pytest.mark.parametrize("point", STORIES)
def test_a_crash_loses_nothing_and_repeats_nothing(stories: dict[str, Future[Told]], point: str) -> None:
    told = stories[point].result(180)
    assert_whole(told.deployed, told.sent)


@pytest.mark.parametrize("point", sorted(UNSENT | SENT_UNSAID | {"confirmed"}))
def test_pending_changes_are_published_after_a_crash_the_same_to_the_byte(
    stories: dict[str, Future[Told]], point: str
) -> None:
    told = stories[point].result(180)
    before = Counter(letter.value for letter in told.published)
    ending = read_topic(told.deployed, told.deployed.settings.topic("segment-changes"))
    after = Counter(letter.value for letter in ending)

    assert bool(told.pending) == (point != "confirmed")
    assert any(before[change] == 0 for change in told.pending) == (point in UNSENT)
    assert all(after[change] for change in told.pending)
    again = {change: after[change] - before[change] for change in told.pending}
    if told.deployed.settings.store == "memory://":
        assert again == dict.fromkeys(told.pending, 1)
    else:  # the disk knows of some, or all, that they were sent
        assert set(again.values()) <= {0, 1}
        assert point not in {"stored", "acknowledged"} or not any(again.values())
    assert len({(letter.value, letter.key, letter.headers) for letter in ending}) == len(after)


# A changelog that ends in the middle of a group


def test_a_changelog_may_end_anywhere(on: Services) -> None:
    sent = shop(3_000, 300, seed=11, seconds=2.0)
    with deployment(on, "whole", model=MODEL, **PATHLESS) as whole:
        worker = whole.start_worker()
        worker.wait_ready()
        with replaying(whole, sent):
            pass
        whole.wait_until_drained()
        worker.kill()
        changelog = read_topic(whole, whole.settings.changelog)
        changes = read_topic(whole, "whole.segment-changes")
    with deployment(on, "cut", model=MODEL, **PATHLESS) as cut:
        cut.send(sent)
        kept = [
            shorten([each for each in changelog if each.partition == number], number) for number in range(PARTITIONS)
        ]
        copy(cut, cut.settings.changelog, [record for part in kept for record in part])
        confirmed = {value for part in kept for value in confirmed_changes(part)}
        copy(cut, "cut.segment-changes", [record for record in changes if record.value in confirmed])
        assert 0 < len(confirmed) < len(changes)
        cut.start_worker()
        cut.wait_until_drained()
        assert_whole(cut, sent)


def shorten(records: list[Letter], number: int) -> list[Letter]:
    """A beginning of a partition's changelog: nothing, all but the last header, or up to within or after a group."""
    ends = [place for place, record in enumerate(records) if record.key == HEADER_KEY]
    _, begin, end = max((end - begin, begin, end) for begin, end in pairwise(ends))
    assert end - begin > 2
    return records[: (0, ends[-1], (begin + end) // 2 + 1, end + 1)[number]]


def confirmed_changes(records: list[Letter]) -> list[bytes]:
    """The changes that a beginning of a changelog knows to be published."""
    headers = [unpack_header(record.value or b"") for record in records if record.key == HEADER_KEY]
    entries = [unpack_entry(record.value or b"") for record in records if record.key != HEADER_KEY]
    confirmed = headers[-1].confirmed if headers else 0
    return [change for entry in entries if entry.group <= confirmed for change in entry.outbox]


def copy(deployed: Deployment, topic: str, records: list[Letter]) -> None:
    """Append records to a topic, each to the partition that it was in."""

    async def append() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=deployed.bootstrap)
        await producer.start()
        for record in records:
            headers = list(record.headers)
            await producer.send(topic, record.value, record.key, partition=record.partition, headers=headers)
        await producer.stop()

    asyncio.run(append())
