"""Disturbances of workers: kill, stop, join, freeze, and death at every crash point."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.chaos.fleet import Place, metric, owns
from tests.chaos.simulate import malformed
from tests.chaos.stage import Stage
from tests.integration.support.polling import until

POLL_S: Final = 0.2
FOUND_S: Final = 40.0  # time to find a worker that owns partitions and lags
READY_S: Final = 60.0
VISITED_S: Final = 45.0
STIR_EVERY_S: Final = 4.0
STIRRED: Final = 20  # events that are sent again after the end of the input
LOAD: Final = 3_000  # the same for short lag
BESIDE_S: Final = 4.0  # time that a frozen worker sleeps beyond the session
# Points that a worker reaches once or rarely. At other points it dies at some later visit.
LATEST_VISIT: Final = {"decided": 6, "changelog": 6, "changes": 6, "redis": 6, "acknowledged": 6, "repairing": 2}
STOPPED: Final = {"drained", "confirmed"}


class WorkerTrouble:
    """The disturbances of workers, one after another. `done` counts those that took place."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.fleet = stage.fleet
        self.rng = stage.rng
        self.done: Counter[str] = Counter()

    def kill(self) -> None:
        """Kill (-9) a worker that owns partitions and has lag."""
        place = self._someone(self._lagging)
        if place is not None and self.fleet.kill(place):
            self.done["kills"] += 1
            self.stage.say(f"kill -9 of worker {place.number}, batches of {place.batch_records}")

    def restart(self) -> None:
        """Send SIGTERM. The supervisor restarts the worker."""
        place = self._someone(owns)
        if place is not None:
            clean = self.fleet.terminate(place)
            self.done["stops"] += 1
            self.stage.say(f"SIGTERM of worker {place.number}{'' if clean else ', which did not stop as it should'}")

    def join_and_leave(self) -> None:
        """Let another worker join, and leave after a while."""
        guest = self.fleet.places[-1]
        self.fleet.want(guest)
        joined = until(lambda: owns(guest), READY_S, POLL_S)
        self.done["joins"] += joined
        self.stage.say(f"worker {guest.number} {'joined' if joined else 'got no partitions'}")
        time.sleep(self.rng.uniform(1, 4))
        self.fleet.want(guest, False)
        if self.fleet.terminate(guest):
            self.done["leaves"] += 1
        self.stage.say(f"worker {guest.number} left")

    def freeze(self) -> None:
        """Send SIGSTOP for longer than the session, so that the worker wakes after others took its partitions."""
        place = self._someone(self._lagging)
        if place is None or not self.fleet.freeze(place):
            return
        asleep_s = self.stage.broker.session_s + BESIDE_S
        self.stage.say(f"worker {place.number} is frozen for {asleep_s:.0f} s")
        time.sleep(asleep_s)
        self.fleet.thaw(place)
        self.done["zombies"] += 1

    def visit(self, point: str) -> bool:
        """Let a worker die at a crash point, and return whether one did."""
        before = self.fleet.tally.visited.count(point)
        learner = point in ("publishing", "published") and self.stage.options.learning
        places = [place for place in self.fleet.places if place.wanted]
        armed = places if learner else [self.rng.choice(places)]
        nth = self.rng.randint(1, LATEST_VISIT.get(point, 1))
        for place in armed:
            place.armed = f"{point}:{nth}"
            if not self.fleet.kill(place):
                until(lambda place=place: place.running_armed != "", READY_S, POLL_S)

        def visited() -> bool:
            return self.fleet.tally.visited.count(point) > before

        stirred, deadline = time.monotonic(), time.monotonic() + VISITED_S * (3 if learner else 1)
        while not visited() and time.monotonic() < deadline:
            time.sleep(POLL_S)
            if time.monotonic() - stirred > STIR_EVERY_S:
                stirred = time.monotonic()
                self._stir(point, armed[0])
        self.stage.say(f"crash point {point}:{nth} {'visited' if visited() else 'not reached'}")
        for place in armed:
            place.armed = ""
            if place.running_armed:  # a disturbance elsewhere would interfere
                self.fleet.kill(place)
        return visited()

    def _stir(self, point: str, place: Place) -> None:
        """Bring about the situation that leads to a point."""
        if point in STOPPED and owns(place):
            self.fleet.terminate(place)
        elif point == "dead-letters":
            sent = self.stage.sender.sent
            self.stage.sender.send_now(malformed(16, self._serial(), sent[-2000:], self.rng))
        elif point == "repairing":
            self.stage.flush_redis()
        elif point == "revoked" and owns(place):
            others = [other for other in self.fleet.places if other.wanted and other is not place]
            for other in others[:1]:
                self.fleet.terminate(other)
        elif not self.stage.sender.sending:
            self._send_again(STIRRED)

    def _send_again(self, events: int) -> None:
        repeatable = sorted(self.stage.simulated.repeatable)
        self.stage.sender.send_now(self.rng.sample(repeatable, min(events, len(repeatable))))

    def _serial(self) -> int:
        self.done["bursts_at_points"] += 1
        return 1_000_000 + self.done["bursts_at_points"]

    def _someone(self, fit: Callable[[Place], bool]) -> Place | None:
        """Return a random place among those that fit, or None when there is none for long."""
        deadline = time.monotonic() + FOUND_S
        while time.monotonic() < deadline:
            places = list(self.fleet.places)
            self.rng.shuffle(places)
            for place in places:
                if place.wanted and owns(place) and fit(place):
                    return place
            if fit == self._lagging and not self.stage.sender.sending and self.stage.lag() == 0:
                self._send_again(LOAD)  # the input has ended, so earlier events are sent again to create work
            time.sleep(POLL_S)
        return None

    def _lagging(self, place: Place) -> bool:
        worker = place.worker
        return worker is not None and metric(worker, "lag_events") > 0 and self.stage.lag() > 0
