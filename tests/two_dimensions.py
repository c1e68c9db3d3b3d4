"""`python -m tests.two_dimensions worker`: a worker that evaluates a second dimension, `tests.activity`, too."""

from __future__ import annotations

import sys

from stream_seg.addresses import Addresses
from stream_seg.cli import worker
from stream_seg.cli.entry import main
from stream_seg.settings import Settings
from tests.activity import Activity


def _work(settings: Settings, addresses: Addresses) -> int:
    from stream_seg.worker.process import run_worker

    return run_worker(settings, addresses, [Activity()])


if __name__ == "__main__":
    worker._work = _work
    sys.exit(main(sys.argv[1:]))
