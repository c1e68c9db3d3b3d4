"""`stream-seg topics create | check`."""

from __future__ import annotations

from collections.abc import Sequence

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.errors import Failure
from stream_seg.tools.topics import Problem, check_topics, create_topics, topic_specs


def create() -> int:
    """Create what is missing, and say so."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    created = run_async(create_topics(attach_broker(settings), specs))
    made = [spec for spec in specs if spec.name in created]
    for spec in made:
        configured = "".join(f", {name}={value}" for name, value in spec.config.items())
        print(f"created {spec.name}: {spec.partitions} partitions, {spec.replication} replicas{configured}")
    if len(made) < len(specs):
        there = len(specs) - len(made)
        print(f"{there} of {len(specs)} topics were there already; `stream-seg topics check` looks at them")
    return 0


def check() -> int:
    """Say what is wrong; raises Failure if anything is."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    report(run_async(check_topics(attach_broker(settings), specs)), len(specs))
    return 0


def report(problems: Sequence[Problem], checked: int) -> None:
    """Print what is wrong with so many topics; raises Failure if anything is."""
    if not problems:
        print(f"all {checked} topics are as they should be")
        return
    found = table("topic", "what is wrong", "what to do")
    for problem in problems:
        found.add_row(problem.topic, problem.problem, problem.remedy)
    stdout().print(found)
    count = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    raise Failure(f"{count} wrong with the topics: do what the table on standard output says, then check again")
