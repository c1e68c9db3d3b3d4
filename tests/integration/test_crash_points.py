"""Workers die at every named point between two effects, and their successors continue from there."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import pytest
from aiokafka import AIOKafkaProducer

from benchmarks.workload import fixed_model
from stream_seg.worker import crash_points
from stream_seg.worker.partitions.changelog import HEADER_KEY, category_of, unpack_entry, unpack_header
from tests.integration.support.deployment import (
    PARTITIONS,
    PATHLESS,
    Deployment,
    Services,
    deployment,
    replaying,
    replaying_meanwhile,
)
from tests.integration.support.ending import (
    Letter,
    assert_whole,
    read_states,
    read_topic,
)
from tests.integration.support.events import Sent, shop
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker

MODEL = fixed_model()


@dataclass(frozen=True)
class Story:
    """The points at which workers die, in order. `stirred` leads the first worker there once it works."""

    crashes: tuple[str, ...]
    stirred: Callable[[Deployment, Worker], object] | None = None


def stop(_: Deployment, worker: Worker) -> None:
    """Send SIGTERM."""
    worker.terminate()


def join(deployed: Deployment, _: Worker) -> None:
    """Start another worker, so that partitions move."""
    deployed.start_worker()


def lose_redis(deployed: Deployment, _: Worker) -> None:
    """Delete all keys of this deployment in Redis."""
    with deployed.redis() as client:
        client._redis.delete(*client._redis.scan_iter(f"{deployed.settings.redis_prefix}:*"))


STORIES = {
    "decided": Story(("decided:3",)),
    "dead-letters": Story(("dead-letters",)),
    "changelog": Story(("changelog:3",)),
    "changes": Story(("changes:3",)),
    "redis": Story(("redis:3",)),
    "stored": Story(("stored:3",)),
    "acknowledged": Story(("acknowledged:3",)),
    "recovering": Story(("changelog:3", "recovering")),
    "recovered": Story(("changelog:3", "recovered")),
    "resumed": Story(("changelog:3", "resumed")),
    "revoked": Story(("revoked",), join),
    "drained": Story(("drained",), stop),
    "confirmed": Story(("confirmed",), stop),
    "repairing": Story(("repairing",), lose_redis),
    "publishing": Story(("publishing",)),  # with a pinned model, before any input was read
    "published": Story(("published",)),
}
AT_THE_START = {"publishing", "published"}
# Points where changes are durable in the changelog but not sent when the last worker dies.
UNSENT = {"changelog", "recovering", "recovered"}
# Points where changes were sent, which the next worker cannot know.
SENT_UNSAID = {"changes", "redis", "stored", "acknowledged", "resumed", "drained"}


@dataclass(frozen=True)
class Told:
    """The end of a story: the pending changes after the last crash, and the topic of changes at that time."""

    deployed: Deployment
    sent: list[Sent]
    pending: list[bytes]
    published: list[Letter]


@pytest.fixture(scope="module")
def stories(on: Services, embedded: bool) -> Iterator[dict[str, Future[Told]]]:
    """Run all stories on each broker, each with another store.

    Only some run at a time, because each mostly waits for a consumer group to assemble. With more, workers would get
    so little CPU that the input arrives in fewer groups than a story needs.
    """
    store = "rocksdb://" if embedded else "memory://"
    with ThreadPoolExecutor(4) as pool:
        yield {point: pool.submit(tell, on, point, story, store) for point, story in STORIES.items()}


def tell(on: Services, point: str, story: Story, store: str) -> Told:
    """Let workers die as the story says, then let one finish the work."""
    # Enough customers that nearly every group decides a change, because they keep entering their first segment. The
    # events last longer than the slowest machine needs, and stop with the worker.
    endless = shop(22_500, 11_250, seed=list(STORIES).index(point), seconds=30.0)
    name = f"at-{point}-{store.partition(':')[0]}"
    with deployment(on, name, model=MODEL, STORE=store, **PATHLESS) as deployed:
        worker = deployed.start_worker(CRASH_AT=story.crashes[0])
        if point not in AT_THE_START:
            worker.wait_ready()
        with replaying_meanwhile(deployed, endless) as sent:
            if story.stirred is not None:
                eventually(worker.works, 60, "the worker absorbs events", worker.output)
                story.stirred(deployed, worker)
            assert worker.wait(60) == -signal.SIGKILL, worker.output()
        for crash in story.crashes[1:]:
            assert deployed.start_worker(CRASH_AT=crash).wait(60) == -signal.SIGKILL, deployed.output()
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
    assert_whole(told.deployed, told.sent, MODEL)


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
    else:  # the disk has recorded some or all of them as sent
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
        assert_whole(cut, sent, MODEL)


def shorten(records: list[Letter], number: int) -> list[Letter]:
    """A prefix of a partition's changelog: nothing, all but the last header, or up to within or after a group."""
    ends = [place for place, record in enumerate(records) if record.key == HEADER_KEY]
    _, begin, end = max((end - begin, begin, end) for begin, end in pairwise(ends))
    assert end - begin > 2
    return records[: (0, ends[-1], (begin + end) // 2 + 1, end + 1)[number]]


def confirmed_changes(records: list[Letter]) -> list[bytes]:
    """Return the changes that a prefix of a changelog marks as published."""
    headers = [unpack_header(record.value or b"") for record in records if record.key == HEADER_KEY]
    entries = [
        unpack_entry(record.value or b"")
        for record in records
        if record.key != HEADER_KEY and category_of(record.key) is None
    ]
    confirmed = headers[-1].confirmed if headers else 0
    return [change for entry in entries if entry.group <= confirmed for change in entry.outbox]


def copy(deployed: Deployment, topic: str, records: list[Letter]) -> None:
    """Append records to a topic, each to its original partition."""

    async def append() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=deployed.broker.address)
        await producer.start()
        for record in records:
            headers = list(record.headers)
            await producer.send(topic, record.value, record.key, partition=record.partition, headers=headers)
        await producer.stop()

    asyncio.run(append())
