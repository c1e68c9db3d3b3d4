"""Snapshots that an operator publishes to roll back, pin or rename. The functions are pure and send nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream_seg.contracts.model import PINNED, RENAMED, ROLLBACK, UNPINNED, ModelSnapshot, SegmentProfile
from stream_seg.errors import BadName

NAME_CHARACTERS: Final = 60


def rolled_back(to: ModelSnapshot, active: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """Return a version with the content of `to`, from which the learner continues. It is not pinned."""
    return _chosen(to, active, version, created_at, reason=ROLLBACK, pinned=False)


def pinned(to: ModelSnapshot, active: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """Return a version with the content of `to`, which stays active until it is unpinned."""
    return _chosen(to, active, version, created_at, reason=PINNED, pinned=True)


def unpinned(active: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """Return the active model without its pin, so that the learner's next snapshot replaces it."""
    return _next(active, version, created_at, reason=UNPINNED, pinned=False)


def renamed(active: ModelSnapshot, segment: str, name: str, version: int, created_at: str) -> ModelSnapshot:
    """Return the active model with a custom name for a segment, which is given by its id.

    Raises BadName when the name is not printable, too long, or taken by another segment.
    """
    name = " ".join(name.split())
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise BadName(f"a name has 1 to {NAME_CHARACTERS} printable characters, this one has {len(name)}: {name!r}")
    for profile in active.segments:
        if profile.id != segment and profile.name.casefold() == name.casefold():
            raise BadName(f"{profile.id} is already called {profile.name!r}: names of segments must differ")
    return _next(active, version, created_at, reason=RENAMED, segments=_with(active, segment, name, custom=True))


def unnamed(active: ModelSnapshot, segment: str, version: int, created_at: str) -> ModelSnapshot:
    """Return the active model without the custom name of a segment, so that the next learned model names it."""
    (name,) = (profile.name for profile in active.segments if profile.id == segment)
    return _next(active, version, created_at, reason=RENAMED, segments=_with(active, segment, name, custom=False))


def custom_names(segments: Sequence[SegmentProfile]) -> dict[str, str]:
    """Return the custom names by id of the segment."""
    return {profile.id: profile.name for profile in segments if profile.name_pinned}


def _chosen(
    to: ModelSnapshot, active: ModelSnapshot, version: int, created_at: str, *, reason: str, pinned: bool
) -> ModelSnapshot:
    return _next(
        to,
        version,
        created_at,
        parent=active.version,
        reason=reason,
        pinned=pinned,
        content_of=to.content_of or to.version,
        segments=_named_as_now(to.segments, custom_names(active.segments)),
        learner=_progress(to, active),
        born=[each.id for each in to.segments if each.id not in {other.id for other in active.segments}],
        ended=[each.id for each in active.segments if each.id not in {other.id for other in to.segments}],
    )


def _next(base: ModelSnapshot, version: int, created_at: str, **changed: Any) -> ModelSnapshot:
    """Return `base` as another version, with `base` as the parent unless `changed` has another."""
    same = {"parent": base.version, "born": [], "ended": [], "evidence": {}}
    update = {"version": version, "created_at": created_at, **same, **changed}
    # Through JSON, so that the snapshot is validated as its readers will validate it.
    return ModelSnapshot.model_validate_json(base.model_copy(update=update).model_dump_json())


def _with(snapshot: ModelSnapshot, segment: str, name: str, *, custom: bool) -> list[SegmentProfile]:
    return [
        profile.model_copy(update={"name": name, "name_pinned": custom}) if profile.id == segment else profile
        for profile in snapshot.segments
    ]


def _named_as_now(segments: Sequence[SegmentProfile], custom: Mapping[str, str]) -> list[SegmentProfile]:
    """Return segments of an older version with today's custom names and no earlier ones.

    A segment whose learned name equals a custom name gets a number after it.
    """
    taken = {custom[profile.id].casefold() for profile in segments if profile.id in custom}
    named = []
    for profile in segments:
        name = custom.get(profile.id)
        if name is None:
            candidates = (profile.name, *(f"{profile.name} {number}" for number in range(2, len(segments) + 2)))
            name = next(each for each in candidates if each.casefold() not in taken)
        taken.add(name.casefold())
        named.append(profile.model_copy(update={"name": name, "name_pinned": profile.id in custom}))
    return named


def _progress(to: ModelSnapshot, active: ModelSnapshot) -> dict[str, Any]:
    """Return the learner state for continuing from the content of `to`, with the progress made since.

    With the progress of `to`, an early version, the learner would soon start afresh and undo the operator's choice.
    `centers` are emptied for the same reason, so that learning continues from the centroids of `to`.
    """
    learner = {**to.learner, **active.learner}
    return {**learner, "counts": to.learner.get("counts", []), "centers": []} if learner else {}
