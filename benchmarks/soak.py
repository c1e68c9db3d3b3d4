"""Memory and lag of one worker, second by second, under more load than it or Redis can take.

Before the worker starts, the broker is filled with more bytes than the worker's memory may grow to. Then four parts
of equal length. A flood: that backlog, and more events all the time. Slow: besides, Redis answers late, but in time.
Stuck: besides, Redis answers too late, so that customers become dirty. Catching up: an ordinary rate, and Redis as it
should be. What the broker holds beyond the worker is shown in bytes, beside the worker's memory. All customers are
known before memory is judged: it grows with customers, and must not with events.
"""

from __future__ import annotations

import socket
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.steady import Steady
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import table
from benchmarks.workload import Spec, fixed_model, generate

SLOW_S: Final = 0.4  # delay that a slow Redis adds to every answer
STUCK_S: Final = 3.0  # longer than a worker waits for Redis
FLOOD, SLOW, STUCK, CATCH_UP = PARTS = ("flood", "slow", "stuck", "catch-up")
EVERY_S: Final = 10.0
# RSS may exceed its value at the beginning of the flood by this much.
GROWTH: Final = 1.25
FILL_PER_S: Final = 400_000.0  # more than the generator can send
CHUNK: Final = 65_536
KNOWN_WITHIN_S: Final = 600.0


class SlowRedis:
    """A proxy in front of Redis on 127.0.0.1 that delays every answer by `delay_s` seconds."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self.delay_s = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve while the block runs."""
        threading.Thread(target=self._serve, daemon=True).start()
        with closing(self._server):
            yield

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError), closing(source), closing(target):
            while data := source.recv(CHUNK):
                if answers and self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(data)


@dataclass(frozen=True)
class Look:
    """One sample. Rates are since the previous sample. Lag counts sent records that are not written yet."""

    at_s: float
    part: str
    sent_per_s: float
    written_per_s: float
    lag_events: int
    lag_mb: float
    rss_mb: float
    redis_up: bool
    dirty_customers: int


class Soak:
    """Samples a worker while the load changes, and prints a row per sample."""

    def __init__(self, worker: Worker, load: Steady) -> None:
        self._worker = worker
        self._load = load
        self._begun = time.monotonic()
        self._last = (self._begun, 0, 0)
        self.looks: list[Look] = []

    def part(self, name: str, seconds: float, every_s: float) -> None:
        """Take samples for so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(every_s, left))
            self._look(name)

    def _look(self, part: str) -> None:
        metrics, now = self._worker.metrics(), time.monotonic()
        sent, written = self._load.sent, int(metrics.get("stream_seg_group_events_sum", 0))
        before, sent_before, written_before = self._last
        lag = max(0, sent - written)
        look = Look(
            at_s=now - self._begun,
            part=part,
            sent_per_s=(sent - sent_before) / (now - before),
            written_per_s=(written - written_before) / (now - before),
            lag_events=lag,
            lag_mb=lag * self._load.sent_bytes / max(1, sent) / 1e6,
            rss_mb=self._worker.child.usage().rss_bytes / 1e6,
            redis_up=bool(metrics.get("stream_seg_redis_up", 0)),
            dirty_customers=int(metrics.get("stream_seg_redis_dirty_customers", 0)),
        )
        self._last = now, sent, written
        self.looks.append(look)
        print(" ".join(f"{name}={_short(value)}" for name, value in asdict(look).items()), flush=True)


def _short(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def figures_of(looks: list[Look]) -> dict[str, object]:
    """Return the summary of the samples."""
    parts = {name: [look for look in looks if look.part == name] for name in PARTS}
    # The first sample still includes the start.
    first = parts[FLOOD][1].rss_mb
    most_rss_mb, most_lag_mb = max(look.rss_mb for look in looks), max(look.lag_mb for look in looks)
    flat = max(look.rss_mb for look in looks[2:]) <= GROWTH * first
    fuller = most_lag_mb > most_rss_mb
    figures: dict[str, object] = {"seconds": looks[-1].at_s}
    for name, part in parts.items():
        figures |= {
            f"{name}_rss_mb_max": max(look.rss_mb for look in part),
            f"{name}_written_per_s": median(look.written_per_s for look in part),
            f"{name}_dirty_customers_max": max(look.dirty_customers for look in part),
        }
    figures |= {
        "rss_mb_begin": first,
        "rss_mb_max": most_rss_mb,
        "lag_mb_max": most_lag_mb,
        "lag_events_max": max(look.lag_events for look in looks),
        "lag_events_end": looks[-1].lag_events,
        "rss_mb_end": looks[-1].rss_mb,
        "dirty_customers_end": looks[-1].dirty_customers,
        "broker_fuller_than_memory": fuller,
        "ok": fuller and flat and not looks[-1].dirty_customers,
    }
    return figures


def _slowed(made: Stand, url: str) -> Stand:
    return replace(made, environment={**made.environment, "STREAM_SEG_REDIS_URL": url})


def options(parser: ArgumentParser) -> None:
    """Add the options: duration, load, and broker."""
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--backlog", type=int, default=8_000_000, help="events in the broker when the worker starts")
    parser.add_argument("--flood", type=float, default=30_000.0, help="events per second that come besides")
    parser.add_argument("--rate", type=float, default=5_000.0, help="events per second afterwards")
    parser.add_argument("--store", default="memory://")
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Print a row every ten seconds. `ok` unless memory grew, or the backlog never exceeded the memory."""
    workload = generate(Spec(events=4 * given.customers, customers=given.customers))
    every_s = min(EVERY_S, given.seconds / 20)
    pathless = {"CLOCK": "stream", "MARGIN": "0", "DWELL": "0"}  # so that customers change segments, as in W1
    with stand(fixed_model(), given.broker, STORE=given.store, **pathless) as made:
        redis = SlowRedis(made.redis_url)
        load = Steady(made.broker.address, workload, FILL_PER_S)
        with redis.running(), load.running():
            load.wait_until_sent(given.backlog)
            load.rate = 0.0
            print(f"{load.sent:,} events in the broker, {load.sent_bytes / 1e6:,.0f} MB", flush=True)
            with Worker(_slowed(made, redis.url)) as worker:
                worker.wait_ready()
                worker.child.wait_for(
                    lambda: worker.written() >= workload.events, KNOWN_WITHIN_S, "every customer was known"
                )
                soak = Soak(worker, load)
                for part, rate, delay_s in (
                    (FLOOD, given.flood, 0.0),
                    (SLOW, given.flood, SLOW_S),
                    (STUCK, given.flood, STUCK_S),
                    (CATCH_UP, given.rate, 0.0),
                ):
                    load.rate, redis.delay_s = rate, delay_s
                    soak.part(part, given.seconds / len(PARTS), every_s)
    figures = figures_of(soak.looks)
    print(table(["soak", "value"], [[name, value] for name, value in figures.items()]))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "seconds",
        "{flood,slow,stuck,catch-up}_{rss_mb_max,written_per_s,dirty_customers_max}",
        "rss_mb_{begin,max,end}",
        "lag_mb_max",
        "lag_events_{max,end}",
        "dirty_customers_end",
        "broker_fuller_than_memory",
        "ok",
    ),
    smoke={"seconds": 2.0, "customers": 200, "backlog": 1_000, "flood": 500.0, "rate": 200.0},
)
