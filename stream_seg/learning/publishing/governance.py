"""Governance: the snapshots that a person publishes, to go back, to pin, or to name. Pure; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream_seg.contracts.model import PINNED, RENAMED, ROLLBACK, UNPINNED, ModelSnapshot, SegmentProfile
from stream_seg.errors import BadName

NAME_CHARACTERS: Final = 60


def rolled_back(to: ModelSnapshot, in_force: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """A version with the content of `to`, from which a learner goes on. It is not pinned."""
    return _chosen(to, in_force, version, created_at, reason=ROLLBACK, pinned=False)


def pinned(to: ModelSnapshot, in_force: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """A version with the content of `to`, which stays in force whatever a learner publishes."""
    return _chosen(to, in_force, version, created_at, reason=PINNED, pinned=True)


def unpinned(in_force: ModelSnapshot, version: int, created_at: str) -> ModelSnapshot:
    """The model in force, no longer pinned: what a learner publishes from now on counts."""
    return _next(in_force, version, created_at, reason=UNPINNED, pinned=False)


def renamed(in_force: ModelSnapshot, segment: str, name: str, version: int, created_at: str) -> ModelSnapshot:
    """The model in force with a name that a person gave to a segment (its id); raises BadName."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise BadName(f"a name has 1 to {NAME_CHARACTERS} printable characters; this one has {len(name)}: {name!r}")
    for profile in in_force.segments:
        if profile.id != segment and profile.name.casefold() == name.casefold():
            raise BadName(f"{profile.id} is called {profile.name!r} already; names of segments must differ")
    return _next(in_force, version, created_at, reason=RENAMED, segments=_with(in_force, segment, name, given=True))


def unnamed(in_force: ModelSnapshot, segment: str, version: int, created_at: str) -> ModelSnapshot:
    """The model in force without a person's name for a segment (its id): the next model that is learned names it."""
    (name,) = (profile.name for profile in in_force.segments if profile.id == segment)
    return _next(in_force, version, created_at, reason=RENAMED, segments=_with(in_force, segment, name, given=False))


def given_names(segments: Sequence[SegmentProfile]) -> dict[str, str]:
    """The names that persons gave, by id of the segment."""
    return {profile.id: profile.name for profile in segments if profile.name_pinned}


def _chosen(
    to: ModelSnapshot, in_force: ModelSnapshot, version: int, created_at: str, *, reason: str, pinned: bool
) -> ModelSnapshot:
    return _next(
        to,
        version,
        created_at,
        parent=in_force.version,
        reason=reason,
        pinned=pinned,
        content_of=to.content_of or to.version,
        segments=_named_as_now(to.segments, given_names(in_force.segments)),
        learner=_progress(to, in_force),
        born=[each.id for each in to.segments if each.id not in {other.id for other in in_force.segments}],
        ended=[each.id for each in in_force.segments if each.id not in {other.id for other in to.segments}],
    )


def _next(base: ModelSnapshot, version: int, created_at: str, **changed: Any) -> ModelSnapshot:
    """`base` as another version, its child unless `changed` says otherwise."""
    same = {"parent": base.version, "born": [], "ended": [], "evidence": {}}
    news = {"version": version, "created_at": created_at, **same, **changed}
    # Through JSON, so that what is published is checked as whoever reads it will.
    return ModelSnapshot.model_validate_json(base.model_copy(update=news).model_dump_json())


def _with(snapshot: ModelSnapshot, segment: str, name: str, *, given: bool) -> list[SegmentProfile]:
    return [
        profile.model_copy(update={"name": name, "name_pinned": given}) if profile.id == segment else profile
        for profile in snapshot.segments
    ]


def _named_as_now(segments: Sequence[SegmentProfile], given: Mapping[str, str]) -> list[SegmentProfile]:
    """Segments of an older version with the names that persons have given by now, and no others of theirs.

    A segment that had such a name by itself gets a number behind it.
    """
    taken = {given[profile.id].casefold() for profile in segments if profile.id in given}
    named = []
    for profile in segments:
        name = given.get(profile.id)
        if name is None:
            candidates = (profile.name, *(f"{profile.name} {number}" for number in range(2, len(segments) + 2)))
            name = next(each for each in candidates if each.casefold() not in taken)
        taken.add(name.casefold())
        named.append(profile.model_copy(update={"name": name, "name_pinned": profile.id in given}))
    return named


def _progress(to: ModelSnapshot, in_force: ModelSnapshot) -> dict[str, Any]:
    """What a learner needs to go on from the content of `to`: what it has been through stays so.

    With the progress of `to`, an early version, it would soon begin afresh again, and the choice be undone. So it
    would from where learning stands, in `centers`: from the centroids of `to` it must go on.
    """
    learner = {**to.learner, **in_force.learner}
    return {**learner, "counts": to.learner.get("counts", []), "centers": []} if learner else {}
