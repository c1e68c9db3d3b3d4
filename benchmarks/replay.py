"""Throughput of replays with and without headers, and the time to look for what earlier replays sent."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.table import table
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.simulator import simulate
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.replay.batching import Traced
from stream_seg.tools.replay.history import headers_of, read_replay_history
from stream_seg.tools.replay.send import replay
from stream_seg.tools.topics import create_topics, topic_specs

IDENTITY, OTHER = "0" * 16, "f" * 16


def options(parser: ArgumentParser) -> None:
    """Add the options: events and customers per run, the number of runs, and the broker."""
    parser.add_argument("--events", type=int, default=160_000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="the median of so many paired runs counts")
    parser.add_argument("--seed", type=int, default=1)
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Send events from memory and from a file in turns, then scan back over them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "events.jsonl")
        memory = list(islice(simulate(given.customers, 3 * 365, seed=given.seed), given.events))
        path.write_bytes(b"".join(record.value + b"\n" for record in memory))
        figures: dict[str, object] = {"broker": given.broker, "events": given.events}
        rows: list[list[object]] = []
        sources: list[tuple[str, Iterable[Any]]] = [("memory", memory), ("file", FileSource(path))]
        for name, source in sources:
            figures[name] = found = _paired(given, source)
            rows.append([name, found["plain_per_s"], found["traced_per_s"], found["ratio"]])
        print(table(["events from", "without headers/s", "with headers/s", "paired ratio"], rows))
    looks = _looks(given, memory)
    print()
    print(table(["look back over", "seconds"], [[name, seconds] for name, seconds in looks.items()]))
    return figures | {f"look_{name}_s": seconds for name, seconds in looks.items()}


@contextmanager
def _running(given: Namespace) -> Iterator[Broker]:
    """Yield a broker without topics. Each part has its own, because the embedded one keeps everything in memory."""
    with brokers.running(given.broker) as service:
        yield Broker(service.address, embedded=given.broker == brokers.EMBEDDED)


def _paired(given: Namespace, source: Iterable[Any]) -> dict[str, float]:
    """Return events per second without and with headers, and the median ratio of consecutive runs."""
    plain: list[float] = []
    traced: list[float] = []
    with _running(given) as broker:
        for number in range(given.rounds):
            turns = [(plain, source), (traced, Traced(source, headers_of(IDENTITY)))]
            for at, (rates, events) in enumerate(turns if number % 2 else turns[::-1]):
                settings = _topics(broker, f"{number}-{at}-")
                rates.append(asyncio.run(replay(events, broker=broker, settings=settings)).records_per_s)
    return {
        "plain_per_s": statistics.median(plain),
        "traced_per_s": statistics.median(traced),
        "ratio": statistics.median(with_ / without for without, with_ in zip(plain, traced, strict=True)),
    }


def _looks(given: Namespace, source: Iterable[Any]) -> dict[str, float]:
    """Return seconds to find a source that was sent last, and to search in vain among records of other programs."""
    found: dict[str, float] = {}
    with _running(given) as broker:
        replayed, live = _topics(broker, "replayed-"), _topics(broker, "live-")
        asyncio.run(replay(Traced(source, headers_of(IDENTITY)), broker=broker, settings=replayed))
        asyncio.run(replay(source, broker=broker, settings=live))
        looks = (("own", replayed, IDENTITY), ("replayed", replayed, OTHER), ("live", live, OTHER))
        for name, settings, identity in looks:
            begun = time.perf_counter()
            earlier = asyncio.run(read_replay_history(broker, settings, identity))
            found[name] = time.perf_counter() - begun
            assert bool(earlier.last_lines) == (name == "own")
            assert bool(len(earlier.others)) == (name == "replayed")
    return found


def _topics(broker: Broker, prefix: str) -> Settings:
    settings = Settings(app_id=f"{prefix}app", topic_prefix=prefix)
    asyncio.run(create_topics(broker, topic_specs(settings)))
    return settings


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=("broker", "events", "{memory,file}.{plain_per_s,traced_per_s,ratio}", "look_{own,replayed,live}_s"),
    smoke={"events": 500, "customers": 50, "rounds": 1},
)
