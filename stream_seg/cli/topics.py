"""`stream-seg topics create | check`."""

from __future__ import annotations

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import stdout, table
from stream_seg.cli.errors import FAILED
from stream_seg.cli.interrupt import run_async
from stream_seg.tools.topics import check_topics, create_topics, topic_specs


def create() -> int:
    """Create what is missing, and say so."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    created = run_async(create_topics(attach_broker(settings).bootstrap, specs))
    made = [spec for spec in specs if spec.name in created]
    for spec in made:
        configured = "".join(f", {name}={value}" for name, value in spec.config.items())
        print(f"created {spec.name}: {spec.partitions} partitions, {spec.replication} replicas{configured}")
    if len(made) < len(specs):
        there = len(specs) - len(made)
        print(f"{there} of {len(specs)} topics were there already; `stream-seg topics check` looks at them")
    return 0


def check() -> int:
    """Say what is wrong; exit status 1 if anything is."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    problems = run_async(check_topics(attach_broker(settings).bootstrap, specs))
    if not problems:
        print(f"all {len(specs)} topics are as they should be")
        return 0
    found = table("topic", "what is wrong", "what to do")
    for problem in problems:
        found.add_row(problem.topic, problem.problem, problem.remedy)
    stdout().print(found)
    return FAILED
