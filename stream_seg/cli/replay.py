"""`stream-seg replay`: send the events of a source to the input topics, and show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, shows_progress, stderr
from stream_seg.cli.file_hints import csv_hint
from stream_seg.cli.interrupt import insisting, run_async
from stream_seg.clock import SYSTEM_CLOCK
from stream_seg.datasets import NAMES, Reading, Source, open_source
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.skipped_file import SkippedFile
from stream_seg.datasets.skips import Skips
from stream_seg.errors import Failure, SourceError, UsageError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools.replay import send as replaying
from stream_seg.tools.replay.batching import Traced
from stream_seg.tools.replay.deduplicate import all_events, unsent_events
from stream_seg.tools.replay.history import read_replay_history
from stream_seg.tools.replay.validate import faults


@dataclass(frozen=True, slots=True)
class Request:
    """The options of one replay.

    `speed` is in seconds of event time per second, and None means as fast as possible. `resume` continues a replay of
    the source that ended early. `again` sends all events, including those that an earlier replay sent. `strict` refuses
    a file with rows that are not events. `skipped` is a file to write such rows to.
    """

    source: str
    reading: Reading
    speed: float | None = None
    limit: int | None = None
    resume: bool = False
    again: bool = False
    strict: bool = False
    skipped: Path | None = None


def run(request: Request, *, as_json: bool) -> int:
    """Run the replay and print its summary. Return the exit status. Raises Failure if no row is an event."""
    settings = load_settings()
    quiet_logging(settings)
    source = opened(request)
    broker = attach_broker(settings)
    with progress_bar(shown=shows_progress() and not as_json) as advance:
        with insisting():
            if request.strict:
                _refuse_faults(source, request, settings)
            already, events = _events(source, request, broker, settings)
        with _skipped_rows(source, request.skipped):
            summary = run_async(
                replaying.replay(
                    events,
                    broker=broker,
                    settings=settings,
                    speed=request.speed,
                    limit=request.limit,
                    on_progress=advance,
                )
            )
    skips = source.skips if isinstance(source, FileSource) else Skips()
    if len(skips) and not summary.records and not already:
        line, detail = skips.first()
        hint = file_hint(source, request)
        raise Failure(f"no {source.unit} of {source.name} is an event; {source.unit} {line:,}: {detail}{hint}")
    if isinstance(source, FileSource) and not (len(skips) or summary.records or already):
        print(f"{source.name} has no {source.unit} with an event, so nothing was sent", file=sys.stderr)
    if as_json:
        print_json(facts(summary, already, skips))
    else:
        print(sentence(summary))
        for remark in remarks(source, already, skips):
            print(remark)
    return 0


def opened(request: Request) -> Source:
    """Open the source of a replay. Raises UsageError if it cannot be opened, or if options contradict each other."""
    if request.speed is not None and not request.speed > 0:
        raise UsageError(f"--speed is {request.speed:g}; give seconds of event time a second, above 0")
    if request.resume and request.again:
        raise UsageError("--resume sends what is left and --again sends everything; give one of them")
    if request.source in NAMES and (request.strict or request.skipped or request.reading.mapping):
        raise UsageError(f"--strict, --skipped and --map are for files, and {request.source} is none")
    try:
        source = open_source(request.source, request.reading)
        _skipped_rows(source, request.skipped)
        return source
    except SourceError as error:
        raise UsageError(str(error)) from None


def file_hint(source: Source, request: Request) -> str:
    """Return a sentence about a CSV file that is written in another way than the replay expects, or nothing.

    A mapping names encoding and delimiter itself, so a file with a mapping has no hint.
    """
    if not isinstance(source, FileSource) or source.path.suffix.lower() != ".csv" or request.reading.mapping:
        return ""
    hint = csv_hint(source.path)
    return f" {hint}" if hint else ""


def _skipped_rows(source: Source, path: Path | None) -> AbstractContextManager[object]:
    """Return a context that writes the skipped rows of a file to `path`, or one that does nothing."""
    return SkippedFile(path, source) if path is not None and isinstance(source, FileSource) else nullcontext()


def _refuse_faults(source: Source, request: Request, settings: Settings) -> None:
    """Raise Failure if a file has rows that are not events."""
    assert isinstance(source, FileSource)
    found = faults(source, settings, SYSTEM_CLOCK.wall())
    if found.faults:
        line, detail = found.first()
        counts = ", ".join(f"{reason} {count:,}" for reason, count in found.faults.most_common())
        raise Failure(
            f"nothing was sent, because {_no_events(found.faults.total(), source.unit)} ({counts}); "
            f"the first is {source.unit} {line:,} of {source.name}: {detail}{file_hint(source, request)}"
        )


def _events(source: Source, request: Request, broker: Broker, settings: Settings) -> tuple[int, Traced]:
    """Return the number of events that were sent before, and the events to send."""
    identity = source.identity()
    if request.again:
        return 0, all_events(source, identity, SYSTEM_CLOCK.wall())
    earlier = run_async(read_replay_history(broker, settings, identity))
    left = unsent_events(source, identity, earlier, resume=request.resume)
    return left.already, left.traced()


def facts(summary: replaying.ReplaySummary, already: int, skips: Skips) -> dict[str, object]:
    """Return the summary as JSON."""
    return {
        "events": summary.records,
        "by_topic": summary.by_topic,
        "value_bytes": summary.value_bytes,
        "elapsed_s": round(summary.elapsed_s, 3),
        "events_per_s": round(summary.records_per_s, 1),
        "already": already,
        "skipped": len(skips),
        "by_reason": dict(skips.by_reason.most_common()),
        "first_lines": skips.first_lines,
    }


def sentence(summary: replaying.ReplaySummary) -> str:
    """Return the summary in one line."""
    topics = ", ".join(f"{name} {count:,}" for name, count in sorted(summary.by_topic.items()))
    speed = f"{summary.records_per_s:,.0f} a second, {summary.value_bytes / 1e6:,.1f} MB"
    return f"sent {summary.records:,} events in {summary.elapsed_s:.1f} s ({speed})" + (f": {topics}" if topics else "")


def remarks(source: Source, already: int, skips: Skips) -> Iterator[str]:
    """Yield a line for each reason why events were not sent."""
    if already:
        yield f"left out {already:,} events that earlier replays sent"
    if skips.not_mapped:
        units = source.unit if skips.not_mapped == 1 else f"{source.unit}s"
        yield f"left out {skips.not_mapped:,} {units} that no [[event]] of the mapping takes"
    if not skips.faults:
        return
    yield f"skipped, because {_no_events(skips.faults.total(), source.unit)}; mend and replay {source.name} again:"
    for reason, count in skips.faults.most_common():
        lines = skips.first_lines[reason]
        shown = ", ".join(f"{line:,}" for line in lines) + (", ..." if count > len(lines) else "")
        units = source.unit if count == 1 else f"{source.unit}s"
        yield f"  {reason} {count:,}, {units} {shown}: {skips.details[reason]}"


def _no_events(count: int, unit: str) -> str:
    return f"{count:,} {unit} is not an event" if count == 1 else f"{count:,} {unit}s are not events"


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[replaying.Progress], None]]:
    """Show a progress bar on standard error, and yield the function that advances it."""
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
    """Return the UTC day of epoch seconds, such as `09 May 2017`, or an empty string for times outside the calendar."""
    try:
        return datetime.fromtimestamp(t, UTC).strftime("%d %b %Y")
    except (OverflowError, ValueError, OSError):
        return ""
