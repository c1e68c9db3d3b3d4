"""One chaos run from beginning to end."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.workload import fixed_model
from tests.chaos.broker import ChaosBroker
from tests.chaos.disturb import WorkerTrouble
from tests.chaos.fleet import STOPPED
from tests.chaos.operators import Operators
from tests.chaos.options import Options
from tests.chaos.rebirth import be_reborn
from tests.chaos.simulate import simulate
from tests.chaos.stage import Stage, stage
from tests.chaos.surroundings import Surroundings
from tests.chaos.verdict import Verdict, judge_changes, judge_customers, judge_letters, judge_models, judge_redis
from tests.integration.support.ending import read_ending, read_models, read_redis, shown_model
from tests.integration.support.yardstick import expect

SETTLED_S = 10.0
DRAINED_S = 300.0
POLL_S = 0.5
TRIES = 3  # further attempts at a crash point that was not reached
BEGUN_S = 120.0
LEARNED = 0.45  # share of the input after which a published model is awaited

NEED_LAG = {"kill", "freeze"}

Step = tuple[str, Callable[[], object]]


@dataclass
class Told:
    """Actions and findings of a run."""

    options: Options
    verdict: Verdict = field(default_factory=Verdict)
    done: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def run(options: Options, broker: ChaosBroker, directory: Path) -> Told:
    """Run everything that `options` ask for. Faults of the workers are in the verdict, never an exception."""
    told = Told(options)
    begun = time.monotonic()
    print(f"simulating {options.events:,} events of {options.customers:,} customers, seed {options.seed}", flush=True)
    simulated = simulate(options.events, options.customers, options.seed)
    with stage(options, broker, simulated, directory) as scene:
        trouble, around, operators = WorkerTrouble(scene), Surroundings(scene), Operators(scene)
        _begin(scene)
        scene.say(
            f"events arrive for {options.duration_s:.0f} s, {len(simulated.sent) / options.duration_s:,.0f} a second"
        )
        scene.sender.begin(simulated.sent, options.duration_s)
        _disturb(scene, trouble, around, operators)
        undone = _what_is_undone(scene, trouble, around, operators)
        undone += _settle(scene)
        _judge(told.verdict, scene, undone, operators.tracebacks)
        statuses = scene.fleet.end()
        scene.say(f"workers stopped with {statuses}")
        told.done = trouble.done + around.done + operators.done
        told.done["points_visited"] = len(set(scene.fleet.tally.visited))
        told.done["restarts"] = scene.fleet.tally.restarts
        told.done["changes"] = len(scene.changes)
        if not broker.keeps:
            be_reborn(told.verdict, scene)
    told.seconds = time.monotonic() - begun
    return told


def _begin(scene: Stage) -> None:
    """Start the workers, with deaths at the first assignment, the only time that a pinned model is published."""
    fleet, options = scene.fleet, scene.options
    first, *others = fleet.places[: options.workers]
    points = [] if options.learning else [each for each in ("publishing", "published") if each in options.points]
    for point in points:
        first.armed = point
        fleet.want(first)
        deadline = time.monotonic() + BEGUN_S
        while point not in fleet.tally.visited and time.monotonic() < deadline:
            time.sleep(POLL_S)
        scene.say(f"crash point {point} {'visited' if point in fleet.tally.visited else 'not reached'}")
    for place in (first, *others):
        fleet.want(place)
    deadline = time.monotonic() + BEGUN_S
    while len(fleet.working()) < options.workers and time.monotonic() < deadline:
        time.sleep(POLL_S)
    scene.say(f"{len(fleet.working())} workers own partitions")


def _disturb(scene: Stage, trouble: WorkerTrouble, around: Surroundings, operators: Operators) -> None:
    """Run all kinds of disturbances side by side at their seeded times."""
    failures: list[BaseException] = []

    def beside(steps: list[Step], rng: random.Random, begin: float = 0.0) -> threading.Thread:
        def disturb() -> None:
            try:
                _paced(scene, steps, rng, begin)
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=disturb, daemon=True)
        thread.start()
        return thread

    others = [
        beside(_surrounding_steps(scene, around), around.rng),
        beside(_operator_steps(scene, operators), operators.rng, LEARNED),
    ]
    _paced(scene, _worker_steps(scene, trouble), trouble.rng)
    for each in others:
        each.join()
    if failures:
        raise failures[0]


def _worker_steps(scene: Stage, trouble: WorkerTrouble) -> list[Step]:
    options = scene.options
    kills = options.kills
    steps: list[Step] = [("kill", trouble.kill)] * kills
    steps += [("restart", trouble.restart)] * max(1, kills // 4)
    steps += [("join", trouble.join_and_leave)] * max(1, kills // 6)
    steps += [("freeze", trouble.freeze)] * max(1, kills // 8)
    visited = scene.fleet.tally.visited
    ahead = [point for point in options.points if point not in visited]
    late = [point for point in ahead if point in ("publishing", "published")]
    steps += [(point, lambda point=point: trouble.visit(point)) for point in ahead if point not in late]
    trouble.rng.shuffle(steps)
    # The first model comes after a half-life of events, the middle of the input. Later ones come every few days of it.
    for number, point in enumerate(late):
        steps.insert(int(len(steps) * (LEARNED + 0.15 * number)), (point, lambda point=point: trouble.visit(point)))
    return steps


def _surrounding_steps(scene: Stage, around: Surroundings) -> list[Step]:
    steps: list[Step] = [
        ("redis_killed", around.kill_redis),
        ("redis_wiped", around.flush_redis),
        ("redis_wiped", around.flush_redis),
        ("redis_slow", around.slow_redis),
        ("sent_again", around.send_again),
        ("sent_again", around.send_again),
        ("sent_again", around.send_again),
        ("bursts", around.send_malformed),
        ("bursts", around.send_malformed),
    ]
    if scene.broker.keeps:
        steps.append(("broker_restarts", around.restart_broker))
    around.rng.shuffle(steps)
    return steps


def _operator_steps(scene: Stage, operators: Operators) -> list[Step]:
    """Return no operators where a setting pins the model, because their commands are rejected then."""
    if not scene.options.learning:
        return []
    steps: list[Step] = [
        ("named", operators.name),
        ("named", operators.name),
        ("pinned", operators.pin),
        ("pinned", operators.pin),
        ("rolled_back", operators.roll_back),
        ("commands_killed", operators.die),
        ("commands_killed", operators.die),
        ("commands_killed", operators.die),
        ("unnamed", operators.take_back),
    ]
    operators.rng.shuffle(steps)
    steps.sort(key=lambda step: step[0] == "unnamed")  # there must be a name by then
    return steps


def _paced(scene: Stage, steps: list[Step], rng: random.Random, begin: float = 0.0) -> None:
    """Run steps in order, each at a random moment of its share of the run after the fraction `begin`.

    Steps that need lag go first, because a plan that takes too long would run them after the end of the input.
    """
    begun = time.monotonic() + scene.options.duration_s * begin
    share_s = scene.options.duration_s * (0.95 - begin) / max(1, len(steps))
    left = list(steps)
    for number in range(len(steps)):
        ahead_s = begun + (number + rng.uniform(0.1, 0.6)) * share_s - time.monotonic()
        time.sleep(max(0.0, ahead_s))
        urgent = [step for step in left if step[0] in NEED_LAG] if ahead_s < -share_s else []
        step = (urgent or left)[0]
        left.remove(step)
        step[1]()


def _what_is_undone(scene: Stage, trouble: WorkerTrouble, around: Surroundings, operators: Operators) -> list[str]:
    """Return the disturbances that did not happen. Crash points get another chance."""
    options, visited = scene.options, scene.fleet.tally.visited
    for _ in range(TRIES - 1):
        for point in [each for each in options.points if each not in visited]:
            trouble.visit(point)
    undone = [f"crash point {point}" for point in options.points if point not in visited]
    wanted = {"kills": options.kills, "stops": 1, "joins": 1, "leaves": 1, "zombies": 1}
    undone += [
        f"{trouble.done[name]} {name} of {least}" for name, least in wanted.items() if trouble.done[name] < least
    ]
    undone += [name for name in dict(_surrounding_steps(scene, around)) if not around.done[name]]
    return undone + [name for name, _ in _operator_steps(scene, operators) if not operators.done[name]]


def _settle(scene: Stage) -> list[str]:
    """Wait until all is absorbed, plus ten seconds, and return the conditions that were not met."""
    scene.sender.finish(scene.options.duration_s + DRAINED_S)
    deadline = time.monotonic() + DRAINED_S
    while scene.lag() > 0:
        if time.monotonic() > deadline:
            for place in scene.fleet.places:
                scene.say(f"worker {place.number}: {place.worker.output() if place.worker else 'not there'}")
            return [f"lag is still {scene.lag()} after {DRAINED_S:.0f} s"]
        time.sleep(POLL_S)
    scene.say(f"all is absorbed; {SETTLED_S:.0f} s more")
    time.sleep(SETTLED_S)
    return []


def _judge(verdict: Verdict, scene: Stage, undone: list[str], tracebacks: list[str]) -> None:
    documents, sizes = read_redis(scene.deployed)
    ending = read_ending(scene.deployed)
    scene.changes = ending.changes
    sent = [*scene.simulated.sent, *scene.sender.extra]
    scene.say(f"{len(ending.changes):,} changes of {len(ending.customers):,} customers, {len(sent):,} records sent")
    expected = expect(sent)
    judge_customers(verdict, ending, expected, None if scene.options.learning else fixed_model())
    topic = judge_changes(verdict, ending)
    judge_redis(verdict, topic, documents, sizes)
    if scene.options.learning:
        judge_models(verdict, read_models(scene.deployed).latest, shown_model(scene.deployed), documents)
    judge_letters(verdict, ending.dead_letters, sent)
    tally = scene.fleet.tally
    verdict.row("restarts_by_hand", [f"worker of place {each}" for each in tally.by_hand])
    verdict.row(
        "tracebacks",
        tracebacks
        + [f"worker {each.place}: {each.output}" for each in tally.exits if "Traceback (most" in each.output],
    )
    verdict.row("undone", undone)
    for each in tally.exits:
        how = "was told to stop and" if each.armed == STOPPED else "by itself"
        scene.say(f"worker {each.place} {how} ended with {each.status}: {each.output.strip().splitlines()[-1:]}")
