"""The commands `stream-seg models ...` and their help."""

from __future__ import annotations

from typing import Annotated

import typer

models = typer.Typer(
    help="List and compare published models, roll back to one, pin one, and name segments.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line instead of text.")]
Version = Annotated[int, typer.Argument(min=1, help="A version, as `stream-seg models list` shows it.", metavar="V")]
OrActive = Annotated[int | None, typer.Argument(min=1, help="A version. Default: the active one.", metavar="V")]
Segment = Annotated[str, typer.Argument(help="The id of a segment, such as b2, or its current name.")]


@models.command("list")
def models_list(json: Json = False) -> None:
    """Show every published model: parent, time, reason, number of segments, state, names (* by an operator).

    A `refused` model was published and never became active. Its parent was not active, or a pinned model was, or it is
    unusable. Models that the gate refuses are not published. Workers log and count them.

    - `stream-seg models list`
    """
    from stream_seg.cli.models.listing import list_models

    raise typer.Exit(list_models(as_json=json))


@models.command("show")
def models_show(version: OrActive = None, json: Json = False) -> None:
    """Show the origin of one model and the profiles of its segments.

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
    """Show how centers and names differ, and how many customers would move between which segments.

    The count is over the customers that workers sampled last (at most 5,000 from the topic segment-samples).

    - `stream-seg models diff 7 9`
    """
    from stream_seg.cli.models.diff import diff

    raise typer.Exit(diff(old, new, as_json=json))


@models.command("pin")
def models_pin(version: OrActive = None, json: Json = False) -> None:
    """Make the content of a model active and keep it active. No learned model replaces it until `unpin`.

    Publishes a new version with that content. Names given by operators stay. Learning continues in the background.

    - `stream-seg models pin`
    - `stream-seg models pin 7`
    """
    from stream_seg.cli.models.changes import pin

    raise typer.Exit(pin(version, as_json=json))


@models.command("unpin")
def models_unpin(json: Json = False) -> None:
    """Let learned models become active again."""
    from stream_seg.cli.models.changes import unpin

    raise typer.Exit(unpin(as_json=json))


@models.command("rollback")
def models_rollback(version: Version, json: Json = False) -> None:
    """Go back to the content of a model. Learning continues from there.

    Publishes a new version with that content, whose parent is the active model. Names given by operators stay. To keep
    it active, pin it instead.

    - `stream-seg models rollback 7`
    """
    from stream_seg.cli.models.changes import rollback

    raise typer.Exit(rollback(version, as_json=json))


@models.command("name")
def models_name(
    segment: Segment, name: Annotated[str, typer.Argument(help="The name, up to 60 characters.")], json: Json = False
) -> None:
    """Give a segment a name that learned models keep, and publish it for each customer in the segment.

    Each customer in the segment gets a change `renamed`, in slices. Documents in Redis follow within seconds.

    - `stream-seg models name b2 "Coffee lovers"`
    - `stream-seg models name "Regular big baskets" "Families"`
    """
    from stream_seg.cli.models.changes import name as give

    raise typer.Exit(give(segment, name, as_json=json))


@models.command("unname")
def models_unname(segment: Segment, json: Json = False) -> None:
    """Remove a name given by an operator. The next learned model names the segment by its differences.

    - `stream-seg models unname b2`
    """
    from stream_seg.cli.models.changes import unname

    raise typer.Exit(unname(segment, as_json=json))
