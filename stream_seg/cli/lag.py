"""`stream-seg lag`: the lag of the workers and of the intake, per partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import Failure
from stream_seg.kafka.lag import PartitionLag, measure_lag
from stream_seg.settings import Settings
from stream_seg.tools.topics import missing_topics


def run(*, as_json: bool, clock: Clock = SYSTEM_CLOCK) -> int:
    """Measure and print the lag of each group. Raises Failure if an intake topic is missing."""
    settings = load_settings()
    quiet_logging(settings)
    broker = attach_broker(settings)
    if missing := run_async(missing_topics(broker, settings.intake_topics)):
        raise Failure(
            f"no such topic: {', '.join(missing)}, which STREAM_SEG_INTAKE_TOPICS names;"
            " create it, or correct the setting"
        )
    lags = {
        group: run_async(measure_lag(broker, group, topics, now_s=clock.wall()))
        for group, topics in groups(settings).items()
    }
    if as_json:
        workers, *intake = [facts(group, each) for group, each in lags.items()]
        print_json({**workers, "intake": intake[0]} if intake else workers)
    else:
        for group, each in lags.items():
            stdout().print(rendered(each))
            print(sentence(group, each))
    return 0


def groups(settings: Settings) -> dict[str, list[str]]:
    """Return the topics by consumer group, first the workers' group, then the intake's if it has topics."""
    found = {settings.app_id: [settings.topic(name) for name in TOPICS]}
    if settings.intake_topics:
        found[settings.intake_group] = list(settings.intake_topics)
    return found


def facts(group: str, lags: Sequence[PartitionLag]) -> dict[str, Any]:
    """Return the lag of a group as JSON, with totals and every partition."""
    return {
        "group": group,
        "lag_events": sum(lag.lag_events for lag in lags),
        "lag_seconds": round(max((lag.lag_seconds for lag in lags), default=0.0), 3),
        "partitions": [{**asdict(lag), "lag_seconds": round(lag.lag_seconds, 3)} for lag in lags],
    }


def rendered(lags: Sequence[PartitionLag]) -> Table:
    """Return the lag of a group as a table for the terminal."""
    rows = table("topic", ">partition", ">end", ">committed", ">lag (events)", ">lag (seconds)")
    for lag in lags:
        committed = "never" if lag.committed is None else f"{lag.committed:,}"
        rows.add_row(
            lag.topic, str(lag.partition), f"{lag.end:,}", committed, f"{lag.lag_events:,}", f"{lag.lag_seconds:,.1f}"
        )
    return rows


def sentence(group: str, lags: Sequence[PartitionLag]) -> str:
    """Return the total lag of a group in one line."""
    events = sum(lag.lag_events for lag in lags)
    if not events:
        return f"{group} has read everything"
    longest = max(lag.lag_seconds for lag in lags)
    return f"{group} is {events:,} events behind; the oldest has been waiting for {longest:,.1f} s"
