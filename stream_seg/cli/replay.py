"""`stream-seg replay`: a source's events into the input topics, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, shows_progress, stderr
from stream_seg.cli.errors import UsageError
from stream_seg.cli.interrupt import run_async
from stream_seg.datasets import SourceError, open_source
from stream_seg.tools import replay as replaying


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay: `speed` in seconds of event time a second, None for as fast as possible."""

    source: str
    speed: float | None = None
    limit: int | None = None
    seed: int = 0
    topic: str | None = None
    key_field: str | None = None


def run(request: Request, *, as_json: bool) -> int:
    """Replay, and say what was sent."""
    settings = load_settings()
    quiet_logging(settings)
    if request.speed is not None and not request.speed > 0:
        raise UsageError(f"--speed is {request.speed:g}; give seconds of event time a second, above 0")
    try:
        source = open_source(request.source, seed=request.seed, topic=request.topic, key_field=request.key_field)
    except SourceError as error:
        raise UsageError(str(error)) from None
    broker = attach_broker(settings)
    with progress_bar(shown=shows_progress() and not as_json) as advance:
        summary = run_async(
            replaying.replay(
                source,
                broker=broker,
                settings=settings,
                speed=request.speed,
                limit=request.limit,
                on_progress=advance,
            )
        )
    if as_json:
        print_json(facts(summary))
    else:
        print(sentence(summary))
    return 0


def facts(summary: replaying.ReplaySummary) -> dict[str, object]:
    """The summary for programs."""
    return {
        "events": summary.records,
        "by_topic": summary.by_topic,
        "value_bytes": summary.value_bytes,
        "elapsed_s": round(summary.elapsed_s, 3),
        "events_per_s": round(summary.records_per_s, 1),
    }


def sentence(summary: replaying.ReplaySummary) -> str:
    """The summary for people."""
    topics = ", ".join(f"{name} {count:,}" for name, count in sorted(summary.by_topic.items()))
    speed = f"{summary.records_per_s:,.0f} a second, {summary.value_bytes / 1e6:,.1f} MB"
    return f"sent {summary.records:,} events in {summary.elapsed_s:.1f} s ({speed})" + (f": {topics}" if topics else "")


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[replaying.Progress], None]]:
    """A bar on standard error that follows a replay."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[until]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr(), transient=True, disable=not shown) as progress:
        task = progress.add_task("reading the source", total=None, until="")

        def advance(now: replaying.Progress) -> None:
            progress.update(
                task, description="sending", completed=now.records, total=now.total, until=day(now.occurred_at_s)
            )

        yield advance


def day(t: float) -> str:
    """The UTC day of epoch seconds, for people; empty where there is none."""
    try:
        return datetime.fromtimestamp(t, UTC).strftime("%d %b %Y")
    except (OverflowError, ValueError, OSError):
        return ""
