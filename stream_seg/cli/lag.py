"""`stream-seg lag`: how far the workers are behind, per partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from time import time
from typing import Any

from rich.table import Table

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.core.vocabulary import TOPICS
from stream_seg.kafka.lag import PartitionLag, measure_lag


def run(*, as_json: bool) -> int:
    """Measure and print."""
    settings = load_settings()
    quiet_logging(settings)
    broker = attach_broker(settings)
    topics = [settings.topic(name) for name in TOPICS]
    lags = run_async(measure_lag(broker, settings.app_id, topics, now_s=time()))
    if as_json:
        print_json(facts(settings.app_id, lags))
    else:
        stdout().print(rendered(lags))
        print(sentence(settings.app_id, lags))
    return 0


def facts(group: str, lags: Sequence[PartitionLag]) -> dict[str, Any]:
    """Lag for programs: totals, then every partition."""
    return {
        "group": group,
        "lag_events": sum(lag.lag_events for lag in lags),
        "lag_seconds": round(max((lag.lag_seconds for lag in lags), default=0.0), 3),
        "partitions": [{**asdict(lag), "lag_seconds": round(lag.lag_seconds, 3)} for lag in lags],
    }


def rendered(lags: Sequence[PartitionLag]) -> Table:
    """Lag for people."""
    made = table("topic", ">partition", ">end", ">committed", ">lag (events)", ">lag (seconds)")
    for lag in lags:
        committed = "never" if lag.committed is None else f"{lag.committed:,}"
        made.add_row(
            lag.topic, str(lag.partition), f"{lag.end:,}", committed, f"{lag.lag_events:,}", f"{lag.lag_seconds:,.1f}"
        )
    return made


def sentence(group: str, lags: Sequence[PartitionLag]) -> str:
    """The verdict in one line."""
    events = sum(lag.lag_events for lag in lags)
    if not events:
        return f"{group} has read everything"
    longest = max(lag.lag_seconds for lag in lags)
    return f"{group} is {events:,} events behind; the oldest has been waiting for {longest:,.1f} s"
