"""`stream-seg models show`: the origin of one model and the profiles of its segments."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from stream_seg.cli.console import print_json, stdout
from stream_seg.cli.models.listing import deployment, moment, shown_state, state_now, version_of
from stream_seg.cli.segments import SegmentFacts, SegmentTable
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.errors import Failure
from stream_seg.tools.model_history import ModelHistory


def show(version: int | None, *, as_json: bool) -> int:
    """Print the origin and segments of one version, by default the active one. Return the exit status."""
    where = deployment()
    history = where.history()
    snapshot = chosen(history, version)
    if as_json:
        print_json({**snapshot.model_dump(exclude={"learner"}), "state": state_of(history, snapshot)})
    else:
        stdout().print(shown(snapshot, state_of(history, snapshot), where.settings.currency))
    return 0


def chosen(history: ModelHistory, version: int | None) -> ModelSnapshot:
    """Return a version, by default the active one. Raises Failure if there is none."""
    if version is not None:
        return version_of(history, version)
    if history.latest is None:
        raise Failure("no model has been published yet: the learner waits for enough customers")
    return history.latest


def state_of(history: ModelHistory, snapshot: ModelSnapshot) -> str:
    """Return the state of a version."""
    return "refused" if snapshot.version not in history.accepted else state_now(snapshot, history.latest)


def shown(snapshot: ModelSnapshot, state: str, currency: str) -> RenderableType:
    """Return one version as text and a table."""
    origin = f", the content of model {snapshot.content_of}" if snapshot.content_of else ""
    lines = (
        f"Model {snapshot.version} ({shown_state(state)}), created {moment(snapshot.created_at)}"
        f" from model {snapshot.parent}: {snapshot.reason}{origin}",
        f"Learned from {', '.join(snapshot.features)}. Shares are of the customers sampled then.",
    )
    profiles = [
        SegmentFacts(
            BEHAVIOR,
            each.id,
            f"{each.name}*" if each.name_pinned else each.name,
            each.customers,
            each.share,
            dict(each.features),
        )
        for each in snapshot.segments
    ]
    star = [Text("* named by an operator", "dim")] if any(each.name_pinned for each in snapshot.segments) else []
    return Group(*map(Text, lines), Text(), SegmentTable(profiles, currency), *star)
