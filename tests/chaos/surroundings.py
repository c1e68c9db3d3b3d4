"""Disturbances of the workers' services: Redis away, wiped or slow, repeated and bad input, and a broker restart."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from typing import Final

import redis

from tests.chaos.simulate import malformed
from tests.chaos.stage import Stage

AWAY_S: Final = 30.0
SLOW_S: Final = 10.0
# A worker gives up a round trip after a second. Most of these pauses are shorter, some are not.
PAUSES_MS: Final = (150, 400, 800, 1_500)
BURST: Final = 200
AGAIN: Final = 3_000


class Surroundings:
    """The disturbances around workers, one after another. `done` counts those that took place."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rng = random.Random(f"{stage.options.seed} surroundings")
        self.done: Counter[str] = Counter()

    def kill_redis(self) -> None:
        """Stop Redis for 30 seconds, or a fifth of a short run. It returns empty."""
        away_s = min(AWAY_S, self.stage.options.duration_s / 5)
        self.stage.say(f"Redis is killed for {away_s:.0f} s")
        self.stage.redis.kill()
        time.sleep(away_s)
        self.stage.redis.start()
        self.done["redis_killed"] += 1

    def flush_redis(self) -> None:
        """Run FLUSHALL."""
        self.done["redis_wiped"] += self.stage.flush_redis()
        self.stage.say("Redis is wiped")

    def slow_redis(self) -> None:
        """Delay every call for a while."""
        slow_s = min(SLOW_S, self.stage.options.duration_s / 6)
        self.stage.say(f"Redis is slow for {slow_s:.0f} s")
        ends = time.monotonic() + slow_s
        with redis.Redis.from_url(self.stage.redis.url, socket_timeout=10) as client:
            while time.monotonic() < ends:
                with suppress(redis.RedisError):
                    pause_ms = self.rng.choice(PAUSES_MS)
                    client.execute_command("CLIENT PAUSE", pause_ms, "ALL")
                    time.sleep(pause_ms / 1000 + 0.05)
        self.done["redis_slow"] += 1

    def send_again(self) -> None:
        """Produce the events of the last minutes again."""
        recent = self.stage.sender.sent[-AGAIN:]
        again = [record for record in recent if record in self.stage.simulated.repeatable]
        self.stage.sender.send_now(again)
        self.done["sent_again"] += len(again)
        self.stage.say(f"{len(again):,} events are produced again")

    def send_malformed(self) -> None:
        """Send a burst of records that are not events."""
        burst = malformed(BURST, self.done["bursts"], self.stage.sender.sent[-20_000:], self.rng)
        self.done["bursts"] += 1
        self.stage.sender.send_now(burst)
        self.stage.say(f"a burst of {len(burst)} malformed records")

    def restart_broker(self) -> None:
        """Stop the broker and start it again, with its data."""
        self.stage.say("the broker restarts")
        self.stage.broker.restart()
        self.done["broker_restarts"] += 1
        self.stage.say("the broker is back")
