"""Modules that a personalization service loads with the client."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("faust", "mode", "aiokafka", "river", "scipy", "prometheus_client", "typer", "rich")


def test_the_client_does_not_import_the_dependencies_of_workers() -> None:
    program = (
        "import sys; from stream_seg.cache import SegmentClient, AsyncSegmentClient; "
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
