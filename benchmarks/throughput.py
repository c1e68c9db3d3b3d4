"""Throughput on W1: stream_seg, plain Faust and the in-memory fold, side by side in one run."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace

from benchmarks import brokers, reference
from benchmarks.bench import Bench, Figures
from benchmarks.fold import fold
from benchmarks.subject import drain, stand
from benchmarks.table import table
from benchmarks.workload import W1, Spec, fixed_model, generate, preload
from stream_seg.cache import SegmentClient

LOOKUP = 1_000


def options(parser: ArgumentParser) -> None:
    """Add the options: the size of the workload, the broker, and the share for plain Faust."""
    parser.add_argument("--events", type=int, default=W1.events)
    parser.add_argument("--customers", type=int, default=W1.customers)
    parser.add_argument("--seed", type=int, default=W1.seed)
    brokers.add_option(parser)
    parser.add_argument("--without-reference", action="store_true", help="leave out the slow part")
    parser.add_argument("--reference-events", type=int, default=reference.SLICE.events, metavar="N")


def measure(given: Namespace) -> Figures:
    """Return events per second, CPU seconds per million, and whether every segment matches the fold."""
    spec = Spec(events=given.events, customers=given.customers, seed=given.seed)
    workload, model = generate(spec), fixed_model()
    folds = [fold(workload.records, model) for _ in range(2)]
    settings = {"MARGIN": "0", "DWELL": "0", "CLOCK": "stream"}
    with stand(model, given.broker, **settings) as made:
        asyncio.run(preload(made.broker.address, workload))
        run = drain(made, workload.events)
        wanted = folds[0].segments()
        held = _segments(made.redis_url, list(wanted))
    folds.append(fold(workload.records, model))
    best = min(folds, key=lambda item: item.cpu_s)
    different = sum(held.get(customer) != segment for customer, segment in wanted.items())
    figures: dict[str, object] = {
        "broker": given.broker,
        "events_per_s": run.events_per_s,
        "cpu_s_per_million": run.cpu_s_per_million,
        "fold_events_per_s": best.events_per_s,
        "fold_cpu_s_per_million": best.cpu_s_per_million,
        "cpu_ratio_to_fold": run.cpu_s_per_million / best.cpu_s_per_million,
        "segments_equal": different == 0,
        "customers": len(wanted),
        "customers_different": different,
        "changes": int(run.metrics.get('stream_seg_changes_total{dimension="behavior"}', 0)),
        "rejected": int(sum(v for k, v in run.metrics.items() if k.startswith("stream_seg_events_rejected_total"))),
        "rss_mb": run.rss_bytes / 1e6,
        "seed": spec.seed,
    }
    rows: list[list[object]] = [
        ["in-memory fold", best.events_per_s, best.cpu_s_per_million, None],
        ["stream_seg, one worker", run.events_per_s, run.cpu_s_per_million, run.rss_bytes / 1e6],
    ]
    if not given.without_reference:
        plain = reference.run(generate(reference.slice_of(given.reference_events)), broker=given.broker)
        figures |= {
            "reference_events_per_s": plain.events_per_s,
            "reference_cpu_s_per_million": plain.cpu_s_per_million,
            "ratio_to_reference": run.events_per_s / plain.events_per_s,
        }
        rows.append(["plain Faust", plain.events_per_s, plain.cpu_s_per_million, plain.rss_bytes / 1e6])
    print(table(["W1", "events/s", "CPU-s per million", "RSS MB"], rows))
    print()
    stages = {k.split('"')[1]: v for k, v in run.metrics.items() if k.startswith("stream_seg_stage_seconds_total")}
    print(table(["stage", "seconds"], [[name, seconds] for name, seconds in stages.items()]))
    print()
    print(f"CPU as a multiple of the fold: {figures['cpu_ratio_to_fold']:.2f}")
    if "ratio_to_reference" in figures:
        print(f"throughput as a multiple of plain Faust: {figures['ratio_to_reference']:.1f}")
    print(f"final segments: {len(wanted) - different:,} of {len(wanted):,} customers equal the fold")
    return figures


def _segments(url: str, customers: list[str]) -> dict[str, str]:
    """Return the behavior segments in Redis, of the customers that have one."""
    held = {}
    with SegmentClient.from_url(url) as client:
        for start in range(0, len(customers), LOOKUP):
            for customer, found in client.get_many(customers[start : start + LOOKUP]).items():
                if found is not None:
                    held[customer] = found.segments["behavior"].segment
    return held


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "broker", "events_per_s", "cpu_s_per_million", "fold_events_per_s", "fold_cpu_s_per_million",
        "cpu_ratio_to_fold", "segments_equal", "customers", "customers_different", "changes", "rejected", "rss_mb",
        "seed", "reference_events_per_s", "reference_cpu_s_per_million", "ratio_to_reference",
    ),
    smoke={"events": 2_000, "customers": 200, "reference_events": 500},
    holds=("segments_equal",),
)  # fmt: skip
