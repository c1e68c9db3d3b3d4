"""`stream-seg intake`: write records of other topics as events to the input topics, until a signal or their end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json
from stream_seg.cli.interrupt import SIGNALS, run_async
from stream_seg.contracts.mapping import EventMapping, parse_mapping
from stream_seg.errors import MappingError, OwnTopic, UsageError
from stream_seg.intake.process import run_intake
from stream_seg.intake.run import Summary
from stream_seg.intake.topics import check_sources
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.topics import topic_specs


def run(*, once: bool, as_json: bool) -> int:
    """Run one intake and print its summary. Return the exit status."""
    settings = load_settings()
    quiet_logging(settings)
    if not settings.intake_topics:
        raise UsageError("there is nothing to read: set STREAM_SEG_INTAKE_TOPICS to topics, such as shop.orders,clicks")
    try:
        check_sources(settings, [spec.name for spec in topic_specs(settings)])
    except OwnTopic as error:
        raise UsageError(f"STREAM_SEG_INTAKE_TOPICS: {error}") from None
    mappings = {topic: read_mapping(path) for topic, path in settings.intake_map.items()}
    summary = run_async(_until_signal(attach_broker(settings), settings, mappings, once=once))
    if as_json:
        print_json(facts(summary))
    else:
        print(sentence(summary))
    return 0


def read_mapping(path: Path) -> EventMapping:
    """Return the mapping in a file. Raises UsageError."""
    try:
        return parse_mapping(path.read_text(encoding="utf-8"), str(path))
    except (MappingError, UnicodeDecodeError) as error:
        raise UsageError(f"STREAM_SEG_INTAKE_MAP: {error}") from None


def facts(summary: Summary) -> dict[str, Any]:
    """Return the summary as JSON."""
    return {
        "records": summary.records,
        "events": summary.by_topic.total(),
        "by_topic": dict(summary.by_topic.most_common()),
        "dead_letters": summary.by_reason.total(),
        "by_reason": dict(summary.by_reason.most_common()),
        "skipped": summary.skipped,
        "already": summary.already,
    }


def sentence(summary: Summary) -> str:
    """Return the summary in one line."""
    topics = ", ".join(f"{name} {count:,}" for name, count in sorted(summary.by_topic.items()))
    text = f"read {summary.records:,} records, wrote {summary.by_topic.total():,} events" + f" ({topics})" * bool(
        topics
    )
    if letters := summary.by_reason.total():
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary.by_reason.most_common())
        text += f" and {letters:,} dead letters ({reasons})"
    if summary.skipped:
        text += f"; {summary.skipped:,} records have no event by their mapping"
    if summary.already:
        text += f"; {summary.already:,} were written before"
    return text


async def _until_signal(
    broker: Broker, settings: Settings, mappings: Mapping[str, EventMapping], *, once: bool
) -> Summary:
    """Run until the end or a signal. The first signal lets the batch in flight finish. The second cancels it."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def on_signal(_number: signal.Signals) -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    return await run_intake(broker, settings, mappings, once=once, stop=stop)
