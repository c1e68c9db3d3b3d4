"""`stream-seg models pin | unpin | rollback | name | unname`: an operator's decisions about the active model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from time import sleep
from typing import Final

from stream_seg.cache import SegmentClient
from stream_seg.cli.console import print_json
from stream_seg.cli.interrupt import run_async
from stream_seg.cli.models.listing import Deployment, deployment, version_of
from stream_seg.clock import SYSTEM_CLOCK, Clock
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.embedded.services import attach_services
from stream_seg.errors import BadName, CacheError, ConcurrentUpdate, Failure, UsageError
from stream_seg.learning.publishing import governance
from stream_seg.tools.model_history import Make, publish_as_operator

# Workers write their model to Redis about a second after it became active.
SHOWN_WITHIN_S: Final = 10.0
LOOK_AGAIN_S: Final = 0.2


def pin(version: int | None, *, as_json: bool) -> int:
    """Make the content of a version active, by default of the active one, and keep it active."""
    where = deployment()
    chosen = None if version is None else version_of(where.history(), version)

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        return governance.pinned(chosen or latest, latest, number, now)

    return _publish(where, make, lambda made: f"the content of model {made.content_of} is pinned", as_json=as_json)


def unpin(*, as_json: bool) -> int:
    """Let learned models become active again. Raises Failure if no model is pinned."""
    where = deployment()
    latest = where.history().latest
    if latest is None or not latest.pinned:
        raise Failure("no model is pinned: nothing to do")
    return _publish(where, governance.unpinned, lambda _: "the pin is off: learned models count again", as_json=as_json)


def rollback(version: int, *, as_json: bool) -> int:
    """Go back to the content of a version. Learning continues from there."""
    where = deployment()
    history = where.history()
    chosen = version_of(history, version)
    if history.latest is not None and history.latest.pinned:
        print(f"the pin of model {history.latest.content_of} ends with this", file=sys.stderr)

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        return governance.rolled_back(chosen, latest, number, now)

    return _publish(where, make, lambda _: f"back to model {version}", as_json=as_json)


def name(segment: str, name_: str, *, as_json: bool) -> int:
    """Give a segment a name that learned models keep. Raises UsageError for an unusable name."""

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        try:
            return governance.renamed(latest, segment_of(latest, segment), name_, number, now)
        except BadName as why:
            raise UsageError(str(why)) from None

    shown = " ".join(name_.split())
    return _publish(deployment(), make, lambda _: f"{segment} is called {shown!r}", as_json=as_json)


def unname(segment: str, *, as_json: bool) -> int:
    """Let learned models name a segment again. Raises Failure if no operator named it."""

    def make(latest: ModelSnapshot, number: int, now: str) -> ModelSnapshot:
        id_ = segment_of(latest, segment)
        if id_ not in {each.id for each in latest.segments if each.name_pinned}:
            raise Failure(f"the name of {id_} was not given by an operator: nothing to do")
        return governance.unnamed(latest, id_, number, now)

    return _publish(
        deployment(), make, lambda _: f"{segment} keeps its name until the next model that is learned", as_json=as_json
    )


def segment_of(snapshot: ModelSnapshot, text: str) -> str:
    """Return the id of a segment by its id or name, without regard to case. Raises UsageError."""
    for profile in snapshot.segments:
        if text.casefold() in (profile.id.casefold(), profile.name.casefold()):
            return profile.id
    known = ", ".join(f"{each.id} ({each.name})" for each in snapshot.segments)
    raise UsageError(f"{text!r} is no segment of model {snapshot.version}, which is active; it has {known}")


def _publish(where: Deployment, make: Make, done: Callable[[ModelSnapshot], str], *, as_json: bool) -> int:
    if where.settings.model is not None:
        raise Failure(
            f"the setting MODEL names {where.settings.model}: workers use that and nothing else; take it out first"
        )
    settings = where.settings
    # Connect before publishing, so that a Redis failure cannot end a command after its model became active.
    with SegmentClient.from_url(attach_services(settings).redis_url, settings.redis_prefix) as client:
        made = _published(where, make)
        used = _wait_until_used(client, made.version)
    if as_json:
        facts = {"version": made.version, "parent": made.parent, "reason": made.reason, "content_of": made.content_of}
        print_json({**facts, "pinned": made.pinned, "in_force": True, "used_by_workers": used})
    else:
        print(f"{done(made)}: model {made.version} is active, after {made.parent}")
        if not used:
            print("no worker has written it to Redis yet: workers use it when they run (`stream-seg models list`)")
    return 0


def _published(where: Deployment, make: Make) -> ModelSnapshot:
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


def _wait_until_used(client: SegmentClient, version: int, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Return whether a worker writes this version, or a later one, to Redis within SHOWN_WITHIN_S."""
    until = clock.monotonic() + SHOWN_WITHIN_S
    while True:
        try:
            shown = client.model()
        except CacheError:
            shown = None  # Redis may answer again in a moment
        used = shown.get("version") if shown else None
        if isinstance(used, int) and used >= version:
            return True
        if clock.monotonic() > until:
            return False
        sleep(LOOK_AGAIN_S)
