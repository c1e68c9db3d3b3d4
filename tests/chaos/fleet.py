"""The fleet: workers in numbered places, and a supervisor that restarts the same command when one ends."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.integration.support.worker import TWO_DIMENSIONS, Worker

LOOK_EVERY_S = 0.2
OWNERSHIP_EVERY_S = 2.0
RESTART_AFTER_S = 0.5
# A place whose worker owns nothing for so long, in spite of restarts, would have paged an operator.
HAND_S = 120.0
BATCH_SIZES = (3, 20, 150, 600, 1024)


STOPPED = "SIGTERM"  # in place of a crash point


@dataclass(frozen=True)
class Exit:
    """A worker that ended by itself."""

    place: int
    status: int
    armed: str
    output: str


@dataclass
class Place:
    """A place where workers run one after another. `armed` is the crash point of the next one to start."""

    number: int
    wanted: bool = False
    armed: str = ""
    worker: Worker | None = None
    running_armed: str = ""
    batch_records: int = 0
    starts: int = 0
    told: bool = False  # the harness ended it
    killed: bool = False  # and by kill -9
    frozen: bool = False
    ended_at: float = 0.0
    working_at: float = 0.0  # last time it was seen to own partitions, or when it was first wanted
    looked_at: float = 0.0
    needed_hand: bool = False

    @property
    def alive(self) -> bool:
        """Return whether a worker runs here, frozen or not."""
        return self.worker is not None and self.worker.running()


@dataclass
class Tally:
    """Findings of the supervisor."""

    restarts: int = 0
    by_hand: list[int] = field(default_factory=list)  # places
    exits: list[Exit] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)


class Fleet:
    """Places by number. One thread starts all processes, which die with it."""

    def __init__(self, places: int, environment: Mapping[str, str], directory: Path, rng: random.Random) -> None:
        self.places = [Place(number) for number in range(places)]
        self.tally = Tally()
        self._environment = environment
        self._directory = directory
        self._rng = rng
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._supervise, daemon=True)

    def start(self) -> None:
        """Start to supervise. Wanted places get a worker."""
        self._thread.start()

    def end(self) -> list[int]:
        """Stop all workers as a deployment would, and return their exit statuses. No worker starts afterwards."""
        for place in self.places:
            place.wanted = False
        living = [place.worker for place in self.places if place.worker is not None and place.alive]
        for place in self.places:
            self.thaw(place)
        for worker in living:
            worker.signal(signal.SIGTERM)
        statuses = []
        for worker in living:
            try:
                statuses.append(worker.wait())
            except AssertionError:
                worker.kill()
                statuses.append(-signal.SIGKILL)
        return statuses

    def close(self) -> None:
        """End all workers at once. Idempotent."""
        for place in self.places:
            place.wanted = False
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        for place in self.places:
            if place.worker is not None:
                place.worker.kill()

    def want(self, place: Place, wanted: bool = True) -> None:
        """Set whether a worker should run in a place."""
        place.working_at = time.monotonic()
        place.wanted = wanted

    def kill(self, place: Place) -> bool:
        """Kill (-9) a worker, unless it has ended already. The supervisor starts another."""
        worker = place.worker
        if worker is None or not worker.running():
            return False
        place.told, place.killed, place.frozen = True, True, False
        worker.kill()
        return True

    def terminate(self, place: Place) -> bool:
        """Send SIGTERM and return whether the worker stopped cleanly. The supervisor starts another where one is
        wanted.
        """
        worker = place.worker
        if worker is None or not worker.running():
            return False
        place.told = True
        worker.signal(signal.SIGTERM)
        try:
            status = worker.wait()
        except AssertionError:
            place.killed = True
            worker.kill()
            status = worker.status or 0
        if status != 0 and not (status == -signal.SIGKILL and place.running_armed):
            self.tally.exits.append(Exit(place.number, status, STOPPED, worker.output()))
        return status == 0

    def freeze(self, place: Place) -> bool:
        """Send SIGSTOP, unless the worker has ended already."""
        worker = place.worker
        if worker is None or not worker.running():
            return False
        place.frozen = True
        worker.signal(signal.SIGSTOP)
        return True

    def thaw(self, place: Place) -> None:
        """Send SIGCONT to a stopped worker."""
        if place.frozen and place.worker is not None:
            place.working_at = time.monotonic()
            place.frozen = False
            place.worker.signal(signal.SIGCONT)

    def working(self) -> list[Place]:
        """Return the places whose worker owns partitions now."""
        return [place for place in self.places if owns(place)]

    def _supervise(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            for place in self.places:
                with suppress(OSError):
                    self._look_after(place)

    def _look_after(self, place: Place) -> None:
        now = time.monotonic()
        if place.worker is not None and not place.worker.running():
            self._bury(place)
        if not place.wanted:
            return
        if place.worker is None:
            if now - place.ended_at > RESTART_AFTER_S:
                self._start(place)
        elif not place.frozen and now - place.looked_at > OWNERSHIP_EVERY_S:
            place.looked_at = now
            if owns(place):
                place.working_at, place.needed_hand = now, False
        if not place.frozen and not place.needed_hand and now - place.working_at > HAND_S:
            place.needed_hand = True
            self.tally.by_hand.append(place.number)

    def _bury(self, place: Place) -> None:
        worker, place.worker = place.worker, None
        assert worker is not None
        status = worker.status or 0
        if status == -signal.SIGKILL and place.running_armed and not place.killed:
            self.tally.visited.append(place.running_armed.partition(":")[0])
        elif not place.told:
            self.tally.exits.append(Exit(place.number, status, place.running_armed, worker.output()))
            place.armed = place.armed or place.running_armed  # it ended before its crash point
        place.told, place.killed, place.running_armed = False, False, ""
        place.ended_at = time.monotonic()

    def _start(self, place: Place) -> None:
        place.starts += 1
        self.tally.restarts += place.starts > 1
        place.batch_records = self._rng.choice([size for size in BATCH_SIZES if size != place.batch_records])
        directory = self._directory / f"worker-{place.number}" / f"start-{place.starts:03d}"
        directory.mkdir(parents=True)
        place.running_armed, place.armed = place.armed, ""
        environment = {**self._environment, "STREAM_SEG_BATCH_RECORDS": str(place.batch_records)}
        if place.running_armed:
            environment["STREAM_SEG_CRASH_AT"] = place.running_armed
        place.worker = Worker(environment, directory, tied=True, module=TWO_DIMENSIONS)


def owns(place: Place) -> bool:
    """Return whether a place's worker owns partitions and writes for them. False while it does not answer."""
    worker = place.worker
    if worker is None or place.frozen or not worker.running():
        return False
    return metric(worker, "partitions_owned") > 0


def metric(worker: Worker, name: str) -> float:
    """Return a worker's metric, or 0 when it does not answer or dies meanwhile."""
    try:
        return worker.metric(name)
    except HTTPException:
        return 0.0
