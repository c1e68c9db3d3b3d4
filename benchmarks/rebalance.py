"""Pauses of a worker while another one joins, restarts, is killed and leaves.

Events come steadily into all partitions. The pause is the longest time between two groups of the survivor. Sessions
last ten seconds, on the embedded broker six.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import brokers
from benchmarks.bench import Bench, Figures
from benchmarks.processes import Child
from benchmarks.steady import Steady
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import table
from benchmarks.workload import Spec, fixed_model, generate
from stream_seg.settings import Settings

POLL_S = 0.05
TIMEOUT_S = 120.0
SESSION_S = "10"


class Pause(NamedTuple):
    """Effects on the survivor: its longest pause, the time until all was owned again, and its fewest partitions."""

    longest_s: float
    until_owned_s: float
    owned_least: int


class Watch:
    """Polls the survivor, and continues for `settle_s` seconds after a measurement."""

    def __init__(self, survivor: Worker, everybody: list[Worker], settle_s: float) -> None:
        self._survivor = survivor
        self._settle_s = settle_s
        self._everybody = everybody
        self._partitions = Settings().partitions

    def during(self, act: Callable[[], None], done: Callable[[], bool]) -> Pause:
        """Measure from just before `act` until all partitions are owned and `done()` holds, plus a settling time."""
        begun = time.monotonic()
        act()
        written, moved_at, longest, until = -1.0, begun, 0.0, 0.0
        least = self._partitions
        while not until or time.monotonic() < begun + until + self._settle_s:
            now, metrics = time.monotonic(), self._survivor.metrics()
            if now > begun + TIMEOUT_S:
                raise SystemExit("stream-seg: the workers do not come to rest; see their logs")
            total = metrics.get("stream_seg_group_events_sum", written)
            if total != written:
                longest, written, moved_at = max(longest, now - moved_at), total, now
            least = min(least, int(metrics.get("stream_seg_partitions_owned", 0)))
            if not until and done() and self._owned() == self._partitions and now - moved_at < 1.0:
                until = now - begun
            time.sleep(POLL_S)
        return Pause(longest, until, least)

    def _owned(self) -> int:
        living = [worker for worker in self._everybody if worker.child.running()]
        return sum(int(worker.metrics().get("stream_seg_partitions_owned", 0)) for worker in living)


def scenario(made: Stand, settle_s: float, *, static: bool) -> dict[str, Pause]:
    """Let another worker join, stop and start, be killed and start, and leave."""
    names = [{"INSTANCE_ID": f"worker-{number}"} if static else {} for number in range(2)]
    found: dict[str, Pause] = {}
    with Worker.beside(made, **names[0]) as survivor:
        survivor.wait_ready()
        time.sleep(settle_s)
        everybody = [survivor]
        watch = Watch(survivor, everybody, settle_s)

        def join() -> None:
            everybody[1:] = [Worker.beside(made, **names[1])]

        def owns() -> bool:
            return everybody[1].metrics().get("stream_seg_partitions_owned", 0) > 0

        def restart_after(end: Callable[[Child], None]) -> Callable[[], None]:
            def act() -> None:
                end(everybody[1].child)
                join()

            return act

        try:
            found["joins"] = watch.during(join, owns)
            found["is stopped and started"] = watch.during(restart_after(Child.stop), owns)
            found["is killed and started"] = watch.during(restart_after(Child.kill), owns)
            found["leaves"] = watch.during(everybody[1].child.stop, lambda: True)
        finally:
            for worker in everybody[1:]:
                worker.child.kill()
    return found


def options(parser: ArgumentParser) -> None:
    """Add the options: the load, the broker, and the time before and after each measurement."""
    parser.add_argument("--rate", type=float, default=2_000.0, help="events per second")
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--settle", type=float, default=3.0, metavar="S", help="seconds before and after each act")
    brokers.add_option(parser)


def measure(given: Namespace) -> Figures:
    """Return seconds, by the action of the other worker."""
    workload = generate(Spec(events=5 * given.customers, customers=given.customers, malformed_share=0.0))
    rows: list[list[object]] = []
    figures: dict[str, object] = {"rate": given.rate}
    # The embedded broker knows no static members.
    session = {"SESSION_TIMEOUT_S": SESSION_S} if given.broker == brokers.KAFKA else {}
    for static in (False, True) if given.broker == brokers.KAFKA else (False,):
        kind = "static" if static else "dynamic"
        with (
            stand(fixed_model(), given.broker, **session) as made,
            Steady(made.broker.address, workload, given.rate).running(),
        ):
            for what, pause in scenario(made, given.settle, static=static).items():
                rows.append([kind, what, *pause])
                figures |= {f"{kind}_{what.replace(' ', '_')}_{name}": value for name, value in pause._asdict().items()}
    print(table(["membership", "the other worker", "survivor's pause s", "all owned s", "owned least"], rows))
    return figures


BENCH = Bench(
    __doc__,
    options,
    measure,
    keys=(
        "rate",
        "dynamic_{joins,is_stopped_and_started,is_killed_and_started,leaves}_{longest_s,until_owned_s,owned_least}",
    ),
    smoke={"rate": 200.0, "customers": 100, "settle": 0.3},
)
