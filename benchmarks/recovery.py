"""Recovery time of a killed worker, from the changelog and from a store on the same disk.

The customers are written to the changelog topic. Each worker is killed with SIGKILL, as in a crash. The time runs from
the start of the next process until it owns its partitions. The worker has an INSTANCE_ID. Without one, Apache Kafka
first waits until the session of the killed worker expires (SESSION_TIMEOUT_S). The embedded broker always waits.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import NamedTuple

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.memory import EPOCH, fill, mark
from benchmarks.realistic import DISTINCT, realistic_records, sizes
from benchmarks.subject import POLL_S, Stand, Worker, stand
from benchmarks.table import table
from benchmarks.workload import fixed_model
from stream_seg.settings import MEMORY, ROCKSDB, Settings

NAME = "recovered"
LIMITS_S = {"changelog": 60.0, "disk": 10.0}
SHOWN_WITHIN_S = 15.0  # workers count their customers every five seconds


class Start(NamedTuple):
    """One start of a worker: its duration, changelog records read, known customers, and memory."""

    seconds: float
    replayed: int
    customers: int
    rss_mb: float


def options(parser: ArgumentParser) -> None:
    """Add options for the number of customers and the broker."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Measure the seconds until partitions are owned. `ok` is True within the limits and with every customer known."""
    settings = Settings()
    with stand(fixed_model(), given.broker) as made:
        empty = start(made, MEMORY, 0)
        asyncio.run(mark(made, settings.partitions))
        templates = realistic_records(EPOCH, min(DISTINCT, given.customers))
        asyncio.run(fill(made, given.customers, settings.partitions, templates))
        starts = {
            "nothing to restore": empty,
            "memory://, from the changelog": start(made, MEMORY, given.customers),
            "rocksdb://, new, from the changelog": start(made, ROCKSDB, given.customers),
            "rocksdb://, again, from the disk": start(made, ROCKSDB, given.customers),
        }
        directory = Path(made.environment["STREAM_SEG_DATA_DIR"], "store")
        disk_mb = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 1e6
    _, changelog, new, disk = starts.values()
    complete = changelog.customers == new.customers == disk.customers == given.customers
    figures: dict[str, object] = {
        "customers": given.customers,
        "record_bytes": sizes(templates)[0],
        "start_empty_s": empty.seconds,
        "changelog_s": changelog.seconds,
        "disk_new_s": new.seconds,
        "disk_s": disk.seconds,
        "disk_replayed": disk.replayed,
        "changelog_rss_mb": changelog.rss_mb,
        "disk_rss_mb": disk.rss_mb,
        "disk_mb": disk_mb,
        "all_customers_restored": complete,
        "ok": complete and changelog.seconds <= LIMITS_S["changelog"] and disk.seconds <= LIMITS_S["disk"],
    }
    rows = [[name, *each] for name, each in starts.items()]
    print(table(["start", "seconds", "changelog records read", "customers", "RSS MB"], rows))
    print()
    print(table(["recovery", "value"], [[name, value] for name, value in figures.items()]))
    return figures


def start(made: Stand, store: str, customers: int) -> Start:
    """Start a worker with `store`, measure it once its metrics show `customers`, and kill it."""
    begun = time.monotonic()
    with Worker.beside(made, STORE=store, INSTANCE_ID=NAME) as worker:
        worker.wait_ready(600.0)
        seconds = time.monotonic() - begun
        deadline, shown, metrics = time.monotonic() + SHOWN_WITHIN_S, 0, worker.metrics()
        while shown < customers and time.monotonic() < deadline:
            time.sleep(POLL_S)
            metrics = worker.metrics()
            shown = int(sum(n for name, n in metrics.items() if name.startswith("stream_seg_segment_customers")))
        replayed = int(metrics["stream_seg_changelog_replayed_total"])
        rss_mb = worker.child.usage().rss_bytes / 1e6
        worker.child.kill()
    return Start(seconds, replayed, shown, rss_mb)


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "customers", "record_bytes", "start_empty_s", "changelog_s", "disk_new_s", "disk_s", "disk_replayed",
        "changelog_rss_mb", "disk_rss_mb", "disk_mb", "all_customers_restored", "ok",
    ),
    smoke={"customers": 8},
    holds=("all_customers_restored",),
)  # fmt: skip
