"""Runs Faust's consumer "thread" as a task of the worker's only event loop."""

from __future__ import annotations

import asyncio
from typing import Any


class LoopWorker:
    """A replacement for mode's `WorkerThread` that runs the service as a task of the loop that starts it.

    Patches: `ServiceThread._serve` (read only)
    Why: A thread shares the interpreter all the same. Each poll then waits four times for the other thread to let go,
        which at a low rate is half of the time from a fetched record to its group.
    Remove when: Faust can run its consumer on the loop of the app.
    Test: tests/integration/test_consumer_setup.py
    """

    def __init__(self, service: Any) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.get_running_loop().create_task(self._service._serve())
        # The service itself reports its exception to the application. Retrieve it here so that asyncio does not log it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def stop(self) -> None:
        """Do nothing, because the service has shut down by the time that Faust calls this."""
