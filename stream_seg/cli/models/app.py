"""The commands `stream-seg models ...` and their help."""

from __future__ import annotations

from typing import Annotated

import typer

models = typer.Typer(
    help="See which models were published, compare them, go back to one, pin one, and name segments.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line, and nothing for people.")]
Version = Annotated[int, typer.Argument(min=1, help="A version, as `stream-seg models list` shows it.", metavar="V")]
OrInForce = Annotated[int | None, typer.Argument(min=1, help="A version; without it the one in force.", metavar="V")]
Segment = Annotated[str, typer.Argument(help="A segment's id, such as b2, or its name now.")]


@models.command("list")
def models_list(json: Json = False) -> None:
    """Show every published model: parent, when, why, how many segments, what became of it, names (* by a person).

    `refused` was published and never took force: it names a parent that was not in force, or one was pinned, or it
    cannot be used. What the gate refuses is not published at all: workers log it, and count it.

    - `stream-seg models list`
    """
    from stream_seg.cli.models.listing import list_models

    raise typer.Exit(list_models(as_json=json))


@models.command("show")
def models_show(version: OrInForce = None, json: Json = False) -> None:
    """Show one model: how it came about, and the profiles of its segments.

    - `stream-seg models show`
    - `stream-seg models show 7 --json | tail -1`
    """
    from stream_seg.cli.models.show import show

    raise typer.Exit(show(version, as_json=json))


@models.command("diff")
def models_diff(
    old: Annotated[int, typer.Argument(min=1, help="A version.", metavar="A")],
    new: Annotated[int, typer.Argument(min=1, help="Another version.", metavar="B")],
    json: Json = False,
) -> None:
    """Show how centres and names differ, and how many customers would move, from where to where.

    Counted on the customers that workers sampled last (the topic segment-samples, 5,000 of them at most).

    - `stream-seg models diff 7 9`
    """
    from stream_seg.cli.models.diff import diff

    raise typer.Exit(diff(old, new, as_json=json))


@models.command("pin")
def models_pin(version: OrInForce = None, json: Json = False) -> None:
    """Put a model's content in force and keep it there: nothing that is learned takes force until `unpin`.

    Publishes a new version with that content. Names that persons gave stay. Learning goes on meanwhile, unseen.

    - `stream-seg models pin`
    - `stream-seg models pin 7`
    """
    from stream_seg.cli.models.changes import pin

    raise typer.Exit(pin(version, as_json=json))


@models.command("unpin")
def models_unpin(json: Json = False) -> None:
    """Let what is learned take force again."""
    from stream_seg.cli.models.changes import unpin

    raise typer.Exit(unpin(as_json=json))


@models.command("rollback")
def models_rollback(version: Version, json: Json = False) -> None:
    """Go back to a model's content; learning goes on from there.

    Publishes a new version with that content, whose parent is the one in force. Names that persons gave stay. To keep
    it in force, pin it instead.

    - `stream-seg models rollback 7`
    """
    from stream_seg.cli.models.changes import rollback

    raise typer.Exit(rollback(version, as_json=json))


@models.command("name")
def models_name(
    segment: Segment, name: Annotated[str, typer.Argument(help="The name, up to 60 characters.")], json: Json = False
) -> None:
    """Give a segment a name that stays, whatever is learned, and tell everyone in it.

    Each customer in the segment gets a change `renamed`, in slices, so documents in Redis follow within seconds.

    - `stream-seg models name b2 "Coffee lovers"`
    - `stream-seg models name "Regular big baskets" "Families"`
    """
    from stream_seg.cli.models.changes import name as give

    raise typer.Exit(give(segment, name, as_json=json))


@models.command("unname")
def models_unname(segment: Segment, json: Json = False) -> None:
    """Take a person's name back: the next model that is learned names the segment by what sets it apart.

    - `stream-seg models unname b2`
    """
    from stream_seg.cli.models.changes import unname

    raise typer.Exit(unname(segment, as_json=json))
