"""`stream-seg dead-letters list | redrive`: list rejected records, and send them again after a fix."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, shows_progress, stderr, stdout, table
from stream_seg.cli.escapes import printable
from stream_seg.cli.interrupt import run_async
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.reasons import SENTENCES
from stream_seg.contracts.times import MissingOffset, parse_rfc3339, rfc3339
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import Failure, UsageError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings
from stream_seg.tools import redrive as redriving
from stream_seg.tools.dead_letters import Letter, Selection, read_letters
from stream_seg.tools.redrive import Redrive, Tally

PREVIEW: Final = 60
JSON_PREVIEW: Final = 400
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a command, before validation."""

    reasons: Sequence[str] = ()
    topic: str | None = None
    since: str | None = None
    limit: int | None = None


@dataclass(slots=True)
class Found:
    """The number of letters by reason, and the latest letters."""

    by_reason: Counter[str] = field(default_factory=Counter)
    latest: list[Letter] = field(default_factory=list)


def list_letters(wanted: Wanted, *, as_json: bool, clock: Clock = SYSTEM_CLOCK) -> int:
    """Print the latest letters and the number of letters by reason. Return the exit status."""
    settings, broker = _start()
    selection = selection_of(wanted, settings, clock.wall())
    found = run_async(find(broker, settings, selection, wanted.limit or 0))
    if as_json:
        print_json(facts(found))
    else:
        _print_found(found)
    return 0


def redrive(wanted: Wanted, *, again: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Report the letters to send, ask for confirmation, and send them. Return the exit status."""
    settings, broker = _start()
    selection = selection_of(wanted, settings, SYSTEM_CLOCK.wall())
    request = redriving.Request(selection, wanted.limit, again)
    job = Redrive(broker, settings, request)
    tally = run_async(job.plan())
    count = tally.sent.total()
    if count and not dry_run:
        if not yes:
            _ask(tally)
        with _progress_bar(count, shown=shows_progress() and not as_json) as advance:
            tally = run_async(job.send(advance))
    if as_json:
        print_json({**tally_facts(tally), "dry_run": dry_run})
    else:
        print("\n".join(sentences(tally, dry_run=dry_run)))
    return 0


def selection_of(wanted: Wanted, settings: Settings, now_s: float) -> Selection:
    """Return the filter that the options describe. `now_s` is epoch seconds. Raises UsageError."""
    if unknown := [code for code in wanted.reasons if code not in SENTENCES]:
        raise UsageError(f"--reason {unknown[0]} is no reason code; those are {', '.join(SENTENCES)}")
    names = {**{topic: topic for topic in settings.intake_topics}, **{name: settings.topic(name) for name in TOPICS}}
    if wanted.topic is not None and wanted.topic not in names:
        known = ", ".join((*TOPICS, *settings.intake_topics))
        raise UsageError(f"--topic {wanted.topic} is no input topic; take one of {known}")
    topics = frozenset() if wanted.topic is None else frozenset({names[wanted.topic]})
    since_s = float("-inf") if wanted.since is None else since(wanted.since, now_s)
    return Selection(frozenset(wanted.reasons), topics, since_s)


def since(text: str, now_s: float) -> float:
    """Return the time of `--since` in epoch seconds, from an age (`90s`, `15m`, `2h`, `7d`) or an RFC 3339 time."""
    if age := re.fullmatch(r"(\d{1,9})([smhd])", text):
        return now_s - int(age[1]) * _SECONDS[age[2]]
    try:
        return parse_rfc3339(text)
    except MissingOffset as fault:
        raise UsageError(f"--since {fault}") from None
    except ValueError:
        example = "give an age such as 15m, 2h or 7d, or a time such as 2026-11-21T22:40:00Z"
        raise UsageError(f"--since {text!r} is no time: {example}") from None


async def find(broker: Broker, settings: Settings, selection: Selection, shown: int) -> Found:
    """Count the letters by reason, and keep the latest `shown`. Raises BrokerError."""
    found = Found()
    topic = settings.topic("dead-letters")
    async for _, _, letters in read_letters(broker, topic, selection):
        found.by_reason.update(letter.reason for letter in letters)
        found.latest = nlargest(shown, [*found.latest, *letters], key=lambda letter: letter.rejected_at_s)
    return found


def facts(found: Found) -> dict[str, Any]:
    """Return the letters as JSON: counts, then the latest."""
    return {
        "letters": found.by_reason.total(),
        "by_reason": dict(found.by_reason.most_common()),
        "latest": [
            {
                "reason": letter.reason,
                "detail": letter.detail,
                "source_topic": letter.source_topic,
                "source_partition": letter.source_partition,
                "source_offset": letter.source_offset,
                "rejected_at": rfc3339(letter.rejected_at_s),
                "key": None if letter.key is None else preview(letter.key, JSON_PREVIEW),
                "value": None if letter.value is None else preview(letter.value, JSON_PREVIEW),
                "value_bytes": len(letter.value or b""),
                "truncated": letter.truncated,
            }
            for letter in found.latest
        ],
    }


def rendered(letters: Sequence[Letter]) -> Table:
    """Return a table of letters, the latest first."""
    rows = table("rejected at", "reason", "source", "key", "value", "detail")
    for letter in letters:
        source = f"{letter.source_topic} {letter.source_partition}/{letter.source_offset}"
        texts = (
            rfc3339(letter.rejected_at_s),
            letter.reason,
            source,
            "(none)" if letter.key is None else preview(letter.key, 24),
            "(none)" if letter.value is None else preview(letter.value, PREVIEW),
            preview(letter.detail.encode(), 400),
        )
        rows.add_row(*map(Text, texts))  # plain text, because records may contain markup
    return rows


def preview(value: bytes, characters: int) -> str:
    """Return the start of bytes as text that is safe to print, with escapes for control characters."""
    text = value[: 4 * characters].decode("utf-8", "backslashreplace")
    safe = printable(text)
    is_complete = len(safe) <= characters and len(value) <= 4 * characters
    return safe if is_complete else safe[: characters - 1] + "…"


def tally_facts(tally: Tally) -> dict[str, Any]:
    """Return the result of a redrive, or of its plan, as JSON."""
    by_reason, by_topic = Counter[str](), Counter[str]()
    for kind, count in tally.sent.items():
        by_reason[kind.reason] += count
        by_topic[kind.topic] += count
    return {
        "redriven": tally.sent.total(),
        "by_reason": dict(by_reason.most_common()),
        "by_topic": dict(by_topic.most_common()),
        "already": tally.already,
        "repeated": tally.repeated,
        "truncated": tally.truncated,
        "foreign": tally.foreign,
    }


def sentences(tally: Tally, *, dry_run: bool) -> Iterator[str]:
    """Yield the result of a redrive, or of its plan, as lines of text."""
    yield f"{'would send' if dry_run else 'sent'} {described(tally)}"
    if tally.already:
        yield f"left out {tally.already:,}: an earlier redrive went past them; --again takes them too"
    if tally.repeated:
        yield f"left out {tally.repeated:,}: letters about the same record, written again after a crash"
    if tally.truncated:
        yield f"left out {tally.truncated:,}: the letter holds only the start of its record; send it from where it came"
    if tally.foreign:
        yield f"left out {tally.foreign:,}: not written by a worker of this deployment"


def described(tally: Tally) -> str:
    """Return the number of records by reason and topic as text."""
    count = tally.sent.total()
    if not count:
        return "nothing"
    each = ", ".join(f"{count:,} {printable(kind.reason)} to {kind.topic}" for kind, count in tally.sent.most_common())
    return f"{count:,} record{'s' if count > 1 else ''} again: {each}"


def _start() -> tuple[Settings, Broker]:
    settings = load_settings()
    quiet_logging(settings)
    return settings, attach_broker(settings)


def _print_found(found: Found) -> None:
    if found.latest:
        stdout().print(rendered(found.latest))
        print()
    counts = table("reason", ">letters", "the record")
    for reason, count in found.by_reason.most_common():
        counts.add_row(Text(preview(reason.encode(), 40) or "(none)"), f"{count:,}", Text(SENTENCES.get(reason, "")))
    if found.by_reason:
        stdout().print(counts)
    total = found.by_reason.total()
    shown = f", the latest {len(found.latest)} shown" if 0 < len(found.latest) < total else ""
    print(f"{total:,} dead letter{'' if total == 1 else 's'}{shown}")


def _ask(tally: Tally) -> None:
    """Ask for confirmation. Raises Failure if the answer is not yes, UsageError without a terminal."""
    if not sys.stdin.isatty():
        raise UsageError(f"would send {described(tally)}; give --yes, because standard input is not a terminal")
    print(f"Send {described(tally)}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure("nothing was sent")


@contextmanager
def _progress_bar(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=total)
        yield lambda sent: progress.update(task, completed=sent)
