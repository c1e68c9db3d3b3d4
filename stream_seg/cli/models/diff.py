"""`stream-seg models diff`: the differences of two models, and the customers that would change segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.models.listing import deployment, version_of
from stream_seg.cli.words import QUANTITIES, quantity
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.learning.clustering.scaling import Scaling
from stream_seg.learning.publishing.moves import Moves, moves

FLOWS: Final = 10


def diff(old: int, new: int, *, as_json: bool) -> int:
    """Print how two versions differ, and which customers would change segment. Return the exit status."""
    where = deployment()
    history = where.history()
    one, two = version_of(history, old), version_of(history, new)
    rows = where.sample()
    found = moves(one, two, rows) if len(rows) else None
    if as_json:
        print_json(diff_facts(one, two, found))
    else:
        stdout().print(diff_shown(one, two, found, where.settings.currency))
    return 0


def diff_facts(one: ModelSnapshot, two: ModelSnapshot, found: Moves | None) -> dict[str, Any]:
    """Return the difference as JSON, with centers in human units. `moves` is null if there are no samples."""
    was, becomes = _centers(one), _centers(two)
    return {
        "from": one.version,
        "to": two.version,
        "segments": [
            {
                "segment": id_,
                "name": {"from": _name(one, id_), "to": _name(two, id_)},
                "centre": {"from": was.get(id_), "to": becomes.get(id_)},
            }
            for id_ in dict.fromkeys((*was, *becomes))
        ],
        "moves": found.to_json() if found else None,
    }


def diff_shown(one: ModelSnapshot, two: ModelSnapshot, found: Moves | None, currency: str) -> RenderableType:
    """Return the difference as tables and text."""
    parts: list[RenderableType] = [_segments_table(one, two, currency), Text()]
    parts += [Text(line) for line in _moving(one, two, found)]
    if found and found.flows:
        parts.append(_flows_table(one, two, found))
    return Group(*parts)


def _segments_table(one: ModelSnapshot, two: ModelSnapshot, currency: str) -> Table:
    was, becomes = _centers(one), _centers(two)
    features = [name for name in QUANTITIES if name in {*one.features, *two.features}]
    heads = [f">{QUANTITIES[name].column}" for name in features]
    rows = table("", f"model {one.version}", f"model {two.version}", *heads, title="Names and centers")
    for id_ in dict.fromkeys((*was, *becomes)):
        old, new = _name(one, id_), _name(two, id_)
        values = [_from_to(name, was.get(id_), becomes.get(id_), currency) for name in features]
        rows.add_row(Text(id_, "dim"), Text(old or "(none)"), Text("" if old == new else new or "(none)"), *values)
    return rows


def _from_to(name: str, was: dict[str, float] | None, becomes: dict[str, float] | None, currency: str) -> str:
    written = [quantity(name, each[name], currency) if each and name in each else "" for each in (was, becomes)]
    return written[0] if written[0] == written[1] else f"{written[0]} → {written[1]}"


def _moving(one: ModelSnapshot, two: ModelSnapshot, found: Moves | None) -> Iterator[str]:
    if found is None:
        yield "The number of customers that would move is unknown, because there are no samples from workers."
        return
    kept = " Margin and dwell keep some of them." if found.moved else ""
    yield (
        f"{found.moved:,} of {found.customers:,} customers sampled last ({found.share:.1%}) are nearer to another"
        f" segment by model {two.version} than by model {one.version}.{kept}"
    )


def _flows_table(one: ModelSnapshot, two: ModelSnapshot, found: Moves) -> Table:
    rows = table(">customers", "from", "", "to")
    for flow in found.flows[:FLOWS]:
        left, entered = _name(one, flow.from_), _name(two, flow.to)
        rows.add_row(f"{flow.customers:,}", Text(f"{left} ({flow.from_})"), "→", Text(f"{entered} ({flow.to})"))
    return rows


def _centers(snapshot: ModelSnapshot) -> dict[str, dict[str, float]]:
    """Return centers in human units, by segment and feature."""
    human = Scaling.of(snapshot).human(snapshot.to_model().centroids).round(4).tolist()
    return {
        each.id: dict(zip(snapshot.features, row, strict=True))
        for each, row in zip(snapshot.segments, human, strict=True)
    }


def _name(snapshot: ModelSnapshot, id_: str) -> str | None:
    return next((each.name for each in snapshot.segments if each.id == id_), None)
