"""The commands and their help. Each command imports its code when it runs, so that help starts quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream_seg import __version__
from stream_seg.cli.models.app import models

HELP = """Real-time customer segmentation on Kafka: events in, explained segment changes and cached segments out.

Settings are environment variables STREAM_SEG_*, or a stream_seg.toml. Without any, broker and Redis are embedded ones:
`demo` and `worker` start them, and the other commands find them while those run.

Try it: `stream-seg demo`
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
topics = typer.Typer(help="Create the topics of a deployment, or check them.", no_args_is_help=True)
app.add_typer(topics, name="topics")
dead_letters = typer.Typer(help="List rejected records, and send them again after a fix.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(models, name="models")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line instead of text.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Send only the first N events.", metavar="N")]
Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help="Only this reason. May be repeated.", metavar="CODE")
]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Only records of an input or intake topic.")]
Since = Annotated[
    str | None, typer.Option(help="Only records rejected since a time, or within an age: 15m, 2h, 7d.", metavar="WHEN")
]
Customer = Annotated[str, typer.Argument(help="The customer's id, for example h-1871.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"stream-seg {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None: ...


@app.command()
def demo(
    limit: Limit = None,
    headless: Annotated[bool, typer.Option("--headless", help="Show no progress, only the summary.")] = False,
    json: Json = False,
) -> None:
    """Watch a year of shopping turn into segments, on this machine.

    Starts a broker and a Redis from wheels, creates the topics, starts a worker, replays Complete Journey (a year of
    grocery baskets of 2,469 households) and ends with a summary and a check. Ctrl-C stops everything.

    - `stream-seg demo`: the whole year, about a minute
    - `stream-seg demo --limit 50000`: the first four months
    - `stream-seg demo --json | tail -1`: the summary for a program
    """
    from stream_seg.cli.demo.run import run

    raise typer.Exit(run(limit=limit, headless=headless, as_json=json))


@app.command()
def worker() -> None:
    """Run one worker until Ctrl-C or SIGTERM. Start at most as many workers as there are partitions.

    Creates missing topics. With embedded services, the first worker starts them and the others attach. The services
    end with the worker that started them.

    - `stream-seg worker`
    - `STREAM_SEG_BROKER=kafka://kafka:9092 STREAM_SEG_REDIS_URL=redis://redis:6379/0 stream-seg worker`
    """
    from stream_seg.cli.worker import run

    raise typer.Exit(run())


@app.command()
def intake(
    once: Annotated[bool, typer.Option("--once", help="Stop after reading all records that exist now.")] = False,
    json: Json = False,
) -> None:
    """Read other programs' topics and write their records as events into the input topics, until Ctrl-C or SIGTERM.

    Source topics may have any keys and partitioners. Records that are not events become dead letters. Start several
    intakes to share the partitions.

    - `STREAM_SEG_INTAKE_TOPICS=segment.events,shop.orders stream-seg intake`
    - `stream-seg intake --once --json | tail -1`
    """
    from stream_seg.cli.intake import run

    raise typer.Exit(run(once=once, as_json=json))


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="complete-journey, simulate, or a CSV, JSON-lines or Parquet file.")],
    speed: Annotated[
        float | None, typer.Option(help="Seconds of event time per second. Default: as fast as possible.", metavar="X")
    ] = None,
    limit: Limit = None,
    seed: Annotated[
        int, typer.Option(min=0, help="For simulate: the same seed gives the same events.", metavar="S")
    ] = 0,
    topic: Annotated[
        str | None, typer.Option(help="For a file: purchases, interactions or profiles, for all its events.")
    ] = None,
    key_field: Annotated[
        str | None, typer.Option(help="For a file: the field with the customer's id, if not customer_id.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="For a file: a mapping of its rows to events, in TOML.", metavar="FILE")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a replay that ended early.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send everything, even if it was sent before.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="For a file: send nothing if a row is not an event.")
    ] = False,
    skipped: Annotated[
        Path | None, typer.Option(help="For a file: write the rows that are skipped to this file.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Send the events of a source to the input topics, each event once.

    Rows that are not events are skipped and counted. Fix them and replay the file again. Only the fixed rows are sent.

    - `stream-seg replay complete-journey`: as fast as the broker accepts them
    - `stream-seg replay simulate --seed 7 --speed 86400 --limit 100000`: a day per second
    - `stream-seg replay orders.csv --topic purchases --key-field customer`
    - `stream-seg replay export.csv --map orders.toml --strict`
    - `stream-seg replay orders.csv --resume`: after a replay that was interrupted
    """
    from stream_seg.cli.replay import Request, run
    from stream_seg.datasets import Reading

    reading = Reading(seed, topic, key_field, mapping)
    raise typer.Exit(run(Request(source, reading, speed, limit, resume, again, strict, skipped), as_json=json))


@topics.command("create")
def topics_create() -> None:
    """Create missing topics. Existing topics stay unchanged.

    - `STREAM_SEG_PARTITIONS=16 STREAM_SEG_REPLICATION_FACTOR=3 stream-seg topics create`
    """
    from stream_seg.cli.topics import create

    raise typer.Exit(create())


@topics.command("check")
def topics_check() -> None:
    """Report problems of the topics and how to fix them. The exit status is 1 if there are any."""
    from stream_seg.cli.topics import check

    raise typer.Exit(check())


@app.command()
def inspect(
    customer: Customer,
    why: Annotated[bool, typer.Option("--why", help="Explain the last change in sentences.")] = False,
    changes: Annotated[
        int | None,
        typer.Option(min=0, help="Show only the last N changes. Default: 10, with --json all.", metavar="N"),
    ] = None,
    json: Json = False,
) -> None:
    """Show the segments of a customer, the state behind them, and the changes that led there.

    - `stream-seg inspect h-1871 --why`
    - `stream-seg inspect h-1871 --json | tail -1`
    """
    from stream_seg.cli.inspect import run

    raise typer.Exit(run(customer, why=why, shown=changes, as_json=json))


@app.command()
def segments(
    profiles: Annotated[
        bool, typer.Option("--profiles", help="Show a profile of each segment and its differences from all others.")
    ] = False,
    json: Json = False,
) -> None:
    """Show sizes, names and profiles of the segments, and the flows between them.

    - `stream-seg segments`
    - `stream-seg segments --profiles`
    """
    from stream_seg.cli.segments import run

    raise typer.Exit(run(as_json=json, in_full=profiles))


@app.command()
def lag(json: Json = False) -> None:
    """Show the lag of the workers per partition, in events and in seconds. No worker needs to run.

    - `stream-seg lag --json | tail -1`
    """
    from stream_seg.cli.lag import run

    raise typer.Exit(run(as_json=json))


@dead_letters.command("list")
def dead_letters_list(
    reason: Reasons = None,
    topic: OfTopic = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=0, help="Show the latest N records.", metavar="N")] = 20,
    json: Json = False,
) -> None:
    """Show the latest rejected records with the reason of each, and the number of records by reason.

    - `stream-seg dead-letters list --since 1h`
    - `stream-seg dead-letters list --reason currency_without_rate --topic purchases --limit 5`
    """
    from stream_seg.cli.dead_letters import Wanted, list_letters

    raise typer.Exit(list_letters(Wanted(reason or (), topic, since, limit), as_json=json))


@dead_letters.command("redrive")
def dead_letters_redrive(
    reason: Reasons = None,
    topic: OfTopic = None,
    since: Since = None,
    limit: Limit = None,
    again: Annotated[bool, typer.Option("--again", help="Include records that an earlier redrive has sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report the records that would be sent, and send nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Send rejected records to their topics again, byte for byte, after the cause is fixed.

    Each record is sent once. Records that an earlier redrive passed are left out.

    - `stream-seg dead-letters redrive --dry-run`
    - `stream-seg dead-letters redrive --reason currency_without_rate --yes`
    """
    from stream_seg.cli.dead_letters import Wanted, redrive

    wanted = Wanted(reason or (), topic, since, limit)
    raise typer.Exit(redrive(wanted, again=again, yes=yes, dry_run=dry_run, as_json=json))
