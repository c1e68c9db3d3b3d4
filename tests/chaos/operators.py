"""Disturbances by operators: they name segments, pin models and roll them back, and commands die in between."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from itertools import count
from typing import Any, Final

from tests.chaos.stage import Stage
from tests.integration.support.command import start
from tests.integration.support.polling import until

MODEL_S: Final = 180.0  # time limit for the first model
DONE_S: Final = 60.0
AGAIN_S: Final = 1.0
PINNED_S: Final = (4.0, 10.0)
KILLED_AFTER_S: Final = (0.3, 3.0)  # a command takes about two seconds, half of them before it publishes
NAMES: Final = ("Families", "Night owls", "Coffee lovers", "Bargain seekers", "Regulars of the old town")


class Operators:
    """Operator actions through `stream-seg models`, one after another. `done` counts those that took effect.

    A command may fail while the broker or Redis is unavailable, but only with one line. `tracebacks` holds the other
    failures.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rng = random.Random(f"{stage.options.seed} operators")
        self.done: Counter[str] = Counter()
        self.tracebacks: list[str] = []
        self._numbers = count(1)

    def name(self) -> None:
        """Give a segment a name."""
        shown = self._shown()
        if shown and self._run("name", *self._a_name(shown)):
            self.done["named"] += 1

    def take_back(self) -> None:
        """Remove a name that an operator gave."""
        given = [each["id"] for each in (self._shown() or {"segments": []})["segments"] if each["name_pinned"]]
        if given and self._run("unname", self.rng.choice(given)):
            self.done["unnamed"] += 1

    def pin(self) -> None:
        """Pin the active model or an older one for a while."""
        shown = self._shown()
        if not shown:
            return
        version = self.rng.randint(max(1, shown["version"] - 3), shown["version"])
        if self._run("pin", str(version)):
            time.sleep(self.rng.uniform(*PINNED_S))
            self.done["pinned"] += until(lambda: self._run("unpin"), DONE_S, AGAIN_S)

    def roll_back(self) -> None:
        """Roll back to an older model."""
        shown = self._shown()
        if shown and self._run("rollback", str(self.rng.randint(max(1, shown["version"] - 3), shown["version"]))):
            self.done["rolled_back"] += 1

    def die(self) -> None:
        """Kill (-9) a command that names a segment, before, while or after it publishes."""
        shown = self._shown()
        if not shown:
            return
        process = self._start("name", *self._a_name(shown))
        after_s = self.rng.uniform(*KILLED_AFTER_S)
        time.sleep(after_s)
        process.kill()
        process.communicate()
        self.done["commands_killed"] += 1
        self.stage.say(f"a command is killed after {after_s:.1f} s")

    def _a_name(self, shown: dict[str, Any]) -> tuple[str, str]:
        """Return a segment, and an unused name."""
        return self.rng.choice(shown["segments"])["id"], f"{self.rng.choice(NAMES)} {next(self._numbers)}"

    def _shown(self) -> dict[str, Any] | None:
        """Return the active model once there is one, or None after a long wait."""
        found: dict[str, Any] = {}

        def look() -> bool:
            status, out = self._told("show")
            if status == 0:
                found.update(json.loads(out.splitlines()[-1]))
            return status == 0

        return found if until(look, MODEL_S, AGAIN_S) else None

    def _run(self, *arguments: str) -> bool:
        status, _ = self._told(*arguments)
        self.stage.say(f"models {' '.join(arguments)}: {'done' if status == 0 else f'failed with {status}'}")
        return status == 0

    def _told(self, *arguments: str) -> tuple[int, str]:
        """Return the exit status and standard error of a command."""
        process = self._start(*arguments)
        try:
            out, err = process.communicate(timeout=DONE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        if "Traceback (most" in err:
            self.tracebacks.append(f"models {' '.join(arguments)}: {err}")
        return process.returncode, out

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(["models", *arguments, "--json"], self.stage.settings.data_dir, self.stage.environment)
