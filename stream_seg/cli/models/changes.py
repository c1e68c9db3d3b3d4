"""`stream-seg models pin | unpin | rollback | name | unname`: what a person decides about the model in force."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import Final

from stream_seg.cache import SegmentClient
from stream_seg.cli.console import print_json
from stream_seg.cli.interrupt import run_async
from stream_seg.cli.models.listing import Place, place, version_of
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.embedded.services import attach_services
from stream_seg.errors import BadName, CacheError, ConcurrentUpdate, Failure, UsageError
from stream_seg.learning.publishing import governance
from stream_seg.tools.model_history import Make, publish_as_operator

# Workers show the model they use in Redis about a second after it took force.
SHOWN_WITHIN_S: Final = 10.0
LOOK_AGAIN_S: Final = 0.2


def pin(version: int | None, *, as_json: bool) -> int:
    """Put the content of a version in force, by default of the one that is, and keep it there."""
    where = place()
    chosen = None if version is None else version_of(where.history(), version)

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        return governance.pinned(chosen or latest, latest, number, now)

    return _publish(where, make, lambda made: f"the content of model {made.content_of} is pinned", as_json=as_json)


def unpin(*, as_json: bool) -> int:
    """Let what is learned take force again."""
    where = place()
    latest = where.history().latest
    if latest is None or not latest.pinned:
        raise Failure("no model is pinned: nothing to do")
    return _publish(where, governance.unpinned, lambda _: "the pin is off: what is learned counts", as_json=as_json)


def rollback(version: int, *, as_json: bool) -> int:
    """Go back to the content of a version; learning goes on from there."""
    where = place()
    history = where.history()
    chosen = version_of(history, version)
    if history.latest is not None and history.latest.pinned:
        print(f"the pin of model {history.latest.content_of} ends with this", file=sys.stderr)

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        return governance.rolled_back(chosen, latest, number, now)

    return _publish(where, make, lambda _: f"back to model {version}", as_json=as_json)


def name(segment: str, given: str, *, as_json: bool) -> int:
    """Give a segment a name that stays."""

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        try:
            return governance.renamed(latest, segment_of(latest, segment), given, number, now)
        except BadName as why:
            raise UsageError(str(why)) from None

    said = " ".join(given.split())
    return _publish(place(), make, lambda _: f"{segment} is called {said!r}", as_json=as_json)


def unname(segment: str, *, as_json: bool) -> int:
    """Let a segment be named by what sets it apart again."""

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        id_ = segment_of(latest, segment)
        if id_ not in {each.id for each in latest.segments if each.name_pinned}:
            raise Failure(f"the name of {id_} was not given by a person: nothing to do")
        return governance.unnamed(latest, id_, number, now)

    return _publish(
        place(), make, lambda _: f"{segment} keeps its name until the next model that is learned", as_json=as_json
    )


def segment_of(snapshot: ModelSnapshot, said: str) -> str:
    """The id of a segment that is said by id or by name, in any case; raises UsageError."""
    for profile in snapshot.segments:
        if said.casefold() in (profile.id.casefold(), profile.name.casefold()):
            return profile.id
    known = ", ".join(f"{each.id} ({each.name})" for each in snapshot.segments)
    raise UsageError(f"{said!r} is no segment of model {snapshot.version}, which is in force; it has {known}")


def _publish(where: Place, make: Make, done: Callable[[ModelSnapshot], str], *, as_json: bool) -> int:
    if where.settings.model is not None:
        raise Failure(
            f"the setting MODEL names {where.settings.model}: workers use that and nothing else; take it out first"
        )
    settings = where.settings
    # Before anything is published: what is wrong with Redis must not end a command whose model took force.
    with SegmentClient.from_url(attach_services(settings).redis_url, settings.redis_prefix) as client:
        made = _published(where, make)
        used = _wait_until_used(client, made.version)
    if as_json:
        facts = {"version": made.version, "parent": made.parent, "reason": made.reason, "content_of": made.content_of}
        print_json({**facts, "pinned": made.pinned, "in_force": True, "used_by_workers": used})
    else:
        print(f"{done(made)}: model {made.version} is in force, after {made.parent}")
        if not used:
            print("no worker has shown it in Redis yet: it is used when one runs (`stream-seg models list`)")
    return 0


def _published(where: Place, make: Make) -> ModelSnapshot:
    lost = partial(print, "another model was published at the same moment, as version", file=sys.stderr)
    publishing = publish_as_operator(
        where.broker,
        where.topic,
        make,
        lambda version: lost(f"{version}; trying again on top of it"),
    )
    try:
        return run_async(publishing)
    except ConcurrentUpdate as why:
        raise Failure(str(why)) from None


def _wait_until_used(client: SegmentClient, version: int) -> bool:
    """Whether a worker shows this version, or one after it, in Redis soon."""
    until = monotonic() + SHOWN_WITHIN_S
    while True:
        try:
            shown = client.model()
        except CacheError:
            shown = None  # it may be there again in a moment
        used = shown.get("version") if shown else None
        if isinstance(used, int) and used >= version:
            return True
        if monotonic() > until:
            return False
        sleep(LOOK_AGAIN_S)
