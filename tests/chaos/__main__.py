"""`scripts/chaos`: one run, its table, and an exit status that is 0 if all rows hold."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aiokafka.errors import KafkaError

from benchmarks.table import json_line, table
from stream_seg.errors import BrokerError, EmbeddedError
from tests.chaos.broker import broker_of
from tests.chaos.options import Options, parse
from tests.chaos.run import Told, run
from tests.chaos.verdict import ROWS


def main(arguments: Sequence[str]) -> int:
    """Run chaos and return the exit status: 0, or 1 when a row is not 0."""
    options = parse(arguments)
    # an unavailable broker is part of the test, so its log lines are noise
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the started services are stopped
    with tempfile.TemporaryDirectory(prefix="stream-seg-chaos-") as temporary:
        directory = Path(temporary) if options.keep is None else options.keep.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        try:
            told = run(options, broker_of(options.broker, directory), directory)
        except (BrokerError, EmbeddedError, KafkaError, TimeoutError) as reason:
            print(f"chaos: {reason or type(reason).__name__}; seed {options.seed}", file=sys.stderr)
            return 1
    report(told)
    return 0 if told.verdict.ok else 1


def report(told: Told) -> None:
    """Print the table, examples of findings, and the seed."""
    options, figures = told.options, told.verdict.figures
    print()
    print(table(("must be 0", "found"), [(ROWS[name], found) for name, found in figures.items() if name in ROWS]))
    print()
    print(table(("done", "times"), sorted(told.done.items())))
    for each in told.verdict.examples():
        print(f"  {each[:2000]}")
    print()
    print(f"{'all rows hold' if told.verdict.ok else 'NOT ALL ROWS HOLD'}, after {told.seconds:.0f} s; this run again:")
    print(f"  {again(options)}")
    if options.json:
        print(json_line({**figures, **told.done, "seconds": told.seconds, "seed": options.seed, "ok": told.verdict.ok}))


def again(options: Options) -> str:
    """Return the command line that repeats a run."""
    words = ["scripts/chaos", f"--broker {options.broker}", f"--events {options.events}"]
    words += [f"--workers {options.workers}", f"--kills {options.kills}", f"--seed {options.seed}"]
    words += [f"--seconds {options.duration_s:g}"] + ["--learning"] * options.learning
    words += [f"--points {','.join(options.points) or 'none'}"]
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
