"""Cost and effect of each codec: CPU per event of a worker, and the size of the topics that it writes."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.stored import CODECS, stored_batches
from benchmarks.subject import drain, stand
from benchmarks.table import table
from benchmarks.workload import Spec, fixed_model, generate, preload
from stream_seg.settings import Settings


def options(parser: ArgumentParser) -> None:
    """Add the options: the size of the workload, the broker, and the number of runs per codec."""
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="the median of so many runs counts")
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Run a worker with each codec in turn, over the same uncompressed input."""
    workload, model = generate(Spec(events=given.events, customers=given.customers)), fixed_model()
    names = Settings()
    outputs = {"changelog": names.changelog, "changes": names.topic("segment-changes")}
    cpu: dict[str, list[float]] = {codec: [] for codec in CODECS}
    sizes: dict[str, dict[str, float]] = {}
    for _ in range(given.rounds):
        for codec in CODECS:
            with stand(model, given.broker, MARGIN="0", DWELL="0", CLOCK="stream", COMPRESSION=codec) as made:
                asyncio.run(preload(made.broker.address, workload))
                cpu[codec].append(drain(made, workload.events).cpu_s_per_million)
                sizes[codec] = {
                    name: sum(batch.size for batch in stored_batches(made.broker, topic)) / 1e6
                    for name, topic in outputs.items()
                }
    figures: dict[str, object] = {"broker": given.broker}
    rows: list[list[object]] = []
    plain = sorted(cpu["none"])[given.rounds // 2]
    for codec in CODECS:
        spent = sorted(cpu[codec])[given.rounds // 2]
        total = sum(sizes[codec].values())
        ratio = total / sum(sizes["none"].values())
        figures[codec] = {
            "cpu_s_per_million": spent,
            "cpu_ratio_to_none": spent / plain,
            "changelog_mb": sizes[codec]["changelog"],
            "changes_mb": sizes[codec]["changes"],
            "size_ratio_to_none": ratio,
        }
        rows.append([codec, spent, spent / plain, sizes[codec]["changelog"], sizes[codec]["changes"], ratio])
    print(table(["codec", "CPU-s per million", "of none", "changelog MB", "changes MB", "size of none"], rows))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "broker",
        "{none,gzip,snappy,lz4,zstd}.{cpu_s_per_million,cpu_ratio_to_none,changelog_mb,changes_mb,size_ratio_to_none}",
    ),
    smoke={"events": 500, "customers": 50, "rounds": 1},
)
