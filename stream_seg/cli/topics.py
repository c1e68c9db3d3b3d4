"""`stream-seg topics create | check`."""

from __future__ import annotations

from collections.abc import Sequence

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.errors import Failure
from stream_seg.tools.topics import Problem, check_topics, create_topics, missing_topics, topic_specs


def create() -> int:
    """Create the missing topics and print each. Return the exit status."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    created = run_async(create_topics(attach_broker(settings), specs))
    new = [spec for spec in specs if spec.name in created]
    for spec in new:
        configured = "".join(f", {name}={value}" for name, value in spec.config.items())
        print(f"created {spec.name}: {spec.partitions} partitions, {spec.replication} replicas{configured}")
    if len(new) < len(specs):
        existing = len(specs) - len(new)
        print(f"{existing} of {len(specs)} topics were there already; `stream-seg topics check` checks them")
    return 0


def check() -> int:
    """Print the problems of the topics. Return the exit status. Raises Failure if there are any."""
    settings = load_settings()
    quiet_logging(settings)
    specs = topic_specs(settings)
    broker, intake_topics = attach_broker(settings), settings.intake_topics
    problems = run_async(check_topics(broker, specs)) + missing_sources(
        run_async(missing_topics(broker, intake_topics))
    )
    report(problems, len(specs) + len(intake_topics))
    return 0


def missing_sources(topics: Sequence[str]) -> list[Problem]:
    """Return a problem for each of these topics, which the intake should read and which do not exist."""
    remedy = "create it, or correct STREAM_SEG_INTAKE_TOPICS"
    return [Problem(topic, "does not exist, and the intake should read it", remedy) for topic in topics]


def report(problems: Sequence[Problem], checked: int) -> None:
    """Print the problems of `checked` topics with their remedies. Raises Failure if there are any."""
    if not problems:
        print(f"all {checked} topics are as they should be")
        return
    found = table("topic", "what is wrong", "what to do")
    for problem in problems:
        found.add_row(problem.topic, problem.problem, problem.remedy)
    stdout().print(found)
    count = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    raise Failure(f"{count} wrong with the topics: do what the table on standard output says, then check again")
