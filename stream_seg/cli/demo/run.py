"""`stream-seg demo`: start services, topics and a worker, replay events, and print the outcome."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka.structs import TopicPartition

from stream_seg.addresses import Addresses
from stream_seg.cache import SegmentClient
from stream_seg.cli.config import load_settings, quiet_logging
from stream_seg.cli.console import print_json, shows_progress, stderr, stdout
from stream_seg.cli.demo.collect import REDIS_TIMEOUT_S, Collector
from stream_seg.cli.demo.facts import DemoFacts
from stream_seg.cli.demo.follow import Progress, follow, settled
from stream_seg.cli.demo.pace import Paced
from stream_seg.cli.demo.screen import Screen
from stream_seg.cli.demo.summary import rendered, verdict
from stream_seg.cli.demo.worker import WorkerProcess
from stream_seg.cli.errors import FAILED
from stream_seg.cli.interrupt import insisting, run_async
from stream_seg.cli.worker import prepare_topics
from stream_seg.clock import SYSTEM_CLOCK
from stream_seg.datasets import Source, open_source
from stream_seg.embedded.process import free_port
from stream_seg.embedded.services import open_services
from stream_seg.errors import Failure
from stream_seg.kafka.client import connect, partitions_of
from stream_seg.kafka.offsets import high_watermarks
from stream_seg.settings import Settings
from stream_seg.tools.replay.batching import Traced
from stream_seg.tools.replay.history import headers_of
from stream_seg.tools.replay.send import CHUNK, ReplaySummary, replay
from stream_seg.tools.topics import topic_specs

SOURCE: Final = "complete-journey"
# Partitions may be this many events apart in event time, some five weeks. Any further, and the learner would see some
# customers in spring and others in autumn.
AHEAD: Final = 4 * CHUNK


def run(*, limit: int | None, headless: bool, as_json: bool) -> int:
    """Run the demo and print its summary. The exit status is 1 if the final check fails."""
    begun = SYSTEM_CLOCK.monotonic()
    settings = load_settings(clock="stream")
    quiet_logging(settings)
    shown = shows_progress() and not headless and not as_json
    with Screen(stderr(), shown=shown) as screen, open_services(settings) as addresses:
        screen.say("creating topics")
        run_async(_prepare(addresses, settings))
        with WorkerProcess(settings, free_port()) as worker:
            screen.say("reading a year of shopping")
            # Load here and not in a thread of the replay, so that Ctrl-C ends it at once.
            source = _loaded(open_source(SOURCE))
            facts = run_async(_play(addresses, settings, source, limit, worker, screen, begun))
            screen.close()
            _show(facts, as_json=as_json)
    return 0 if facts.check.ok else FAILED


def _loaded(source: Source) -> Source:
    """Return the source after it has loaded the data that it needs before its first record."""
    with insisting():
        next(iter(source), None)
    return source


def _show(facts: DemoFacts, *, as_json: bool) -> None:
    if as_json:
        print_json(facts.as_json())
    else:
        stdout().print(rendered(facts))
    if not facts.check.ok:
        stderr().print(verdict(facts.check), style="red")


async def _prepare(addresses: Addresses, settings: Settings) -> None:
    """Create the topics. Raises Failure when they hold records: the demo must not mix with anybody's data."""
    names = [spec.name for spec in topic_specs(settings)]
    async with connect(addresses.broker) as client:
        found = await partitions_of(client, names)
        tps = [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]
        ends = await high_watermarks(addresses.broker, client, tps)
    used = sorted({tp.topic for tp, end in ends.items() if end})
    if used:
        raise Failure(
            f"the demo wants topics of its own, but {', '.join(used)} hold records already; end the worker or demo that"
            " uses them, or set STREAM_SEG_DATA_DIR, or STREAM_SEG_TOPIC_PREFIX, STREAM_SEG_APP_ID and"
            " STREAM_SEG_REDIS_PREFIX to names that are new"
        )
    await prepare_topics(addresses, settings)


async def _play(
    addresses: Addresses,
    settings: Settings,
    source: Source,
    limit: int | None,
    worker: WorkerProcess,
    screen: Screen,
    begun: float,
) -> DemoFacts:
    progress = Progress()
    with SegmentClient.from_url(addresses.redis_url, settings.redis_prefix, timeout_s=REDIS_TIMEOUT_S) as client:
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = (follow(worker.url, progress, worker.check), screen.watch(progress, client))
                watchers = [tasks.create_task(each) for each in beside]
                replayed = await _replayed(addresses, settings, source, limit, progress, screen)
                screen.say("waiting until everything is written")
                await settled(addresses, settings, progress)
                for each in watchers:
                    each.cancel()
        except BaseExceptionGroup as failures:
            # When the worker ends, everybody else fails too; what it said comes first.
            raise min(failures.exceptions, key=lambda error: not isinstance(error, Failure)) from None
        screen.say("comparing topic, Redis and state")
        return await Collector(addresses, settings, client).facts(replayed, progress, begun)


async def _replayed(
    addresses: Addresses,
    settings: Settings,
    source: Source,
    limit: int | None,
    progress: Progress,
    screen: Screen,
) -> ReplaySummary:
    screen.say("waiting for the worker to join")
    paced = Paced(source, lambda: progress.handled, AHEAD)
    try:
        return await replay(
            Traced(paced, headers_of(source.identity())),
            broker=addresses.broker,
            settings=settings,
            limit=limit,
            on_progress=screen.sent,
        )
    finally:
        paced.stop()
