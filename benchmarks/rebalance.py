"""Rebalances: how long the worker that stays writes nothing while another joins, leaves, dies, or restarts.

Events come steadily into all partitions. The pause is the longest time between two groups of the survivor. Sessions
last ten seconds, on the embedded broker six.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import brokers
from benchmarks.processes import Child
from benchmarks.steady import Steady
from benchmarks.subject import Stand, Worker, stand
from benchmarks.table import json_line, table
from benchmarks.workload import Spec, fixed_model, generate
from stream_seg.settings import Settings

POLL_S = 0.05
SETTLED_S = 3.0  # both go on for so long before and after what is measured
TIMEOUT_S = 120.0
SESSION_S = "10"


class Pause(NamedTuple):
    """What happened to the survivor: its longest pause, how long until all was owned again, and what it owned least."""

    longest_s: float
    until_owned_s: float
    owned_least: int


class Watch:
    """Looks at the survivor again and again."""

    def __init__(self, survivor: Worker, everybody: list[Worker]) -> None:
        self._survivor = survivor
        self._everybody = everybody
        self._partitions = Settings().partitions

    def during(self, act: Callable[[], None], done: Callable[[], bool]) -> Pause:
        """Measure from just before `act` until all partitions are owned, `done()` holds, and a little longer."""
        begun = time.monotonic()
        act()
        written, moved_at, longest, until = -1.0, begun, 0.0, 0.0
        least = self._partitions
        while not until or time.monotonic() < begun + until + SETTLED_S:
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


def scenario(made: Stand, *, static: bool) -> dict[str, Pause]:
    """Another worker joins, is stopped and started, killed and started, and leaves."""
    names = [{"INSTANCE_ID": f"worker-{number}"} if static else {} for number in range(2)]
    found: dict[str, Pause] = {}
    with Worker.beside(made, **names[0]) as survivor:
        survivor.wait_ready()
        time.sleep(SETTLED_S)
        everybody = [survivor]
        watch = Watch(survivor, everybody)

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


def main() -> None:
    """Print a table; with --json the figures as one object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2_000.0, help="events a second")
    brokers.add_option(parser)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    workload = generate(Spec(events=50_000, customers=10_000, malformed_share=0.0))
    rows: list[list[object]] = []
    figures: dict[str, object] = {"rate": arguments.rate}
    # The embedded broker knows no static members.
    for static in (False, True) if arguments.broker == brokers.KAFKA else (False,):
        kind = "static" if static else "dynamic"
        with (
            stand(fixed_model(), arguments.broker, SESSION_TIMEOUT_S=SESSION_S) as made,
            Steady(made.broker.address, workload, arguments.rate).running(),
        ):
            for what, pause in scenario(made, static=static).items():
                rows.append([kind, what, *pause])
                figures |= {f"{kind}_{what.replace(' ', '_')}_{name}": value for name, value in pause._asdict().items()}
    print(table(["membership", "the other worker", "survivor's pause s", "all owned s", "owned least"], rows))
    if arguments.json:
        print(json_line(figures))


if __name__ == "__main__":
    main()
