"""`stream-seg models list`: which models were published, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from stream_seg.cli.config import attach_broker, load_settings, quiet_logging
from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.contracts.model import ModelSnapshot
from stream_seg.errors import Failure
from stream_seg.kafka.broker import Broker
from stream_seg.learning.clustering.scaling import Matrix
from stream_seg.settings import Settings
from stream_seg.tools.model_history import ModelHistory, read_history
from stream_seg.tools.model_sample import sampled_customers


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment's broker and settings."""

    settings: Settings
    broker: Broker

    @property
    def topic(self) -> str:
        """The topic of models."""
        return self.settings.topic("segment-models")

    def history(self) -> ModelHistory:
        """All that was published."""
        reading = read_history(self.broker, self.topic)
        return run_async(reading)

    def sample(self) -> Matrix:
        """The customers sampled last."""
        topic = self.settings.topic("segment-samples")
        reading = sampled_customers(self.broker, topic)
        return run_async(reading)


def place() -> Place:
    """The deployment that the settings name."""
    settings = load_settings()
    quiet_logging(settings)
    return Place(settings, attach_broker(settings))


def version_of(history: ModelHistory, version: int) -> ModelSnapshot:
    """A published version; raises Failure where there is none."""
    found = history.get(version)
    if found is not None:
        return found
    numbers = sorted(history.chain.versions)
    known = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "none has been published yet"
    raise Failure(f"no model {version} was published: {known}; `stream-seg models list` shows them")


def list_models(*, as_json: bool) -> int:
    """Print every version and what became of it."""
    where = place()
    history = where.history()
    if as_json:
        print_json(list_facts(history, where.settings))
    elif not history.chain.versions and not history.unusable:
        print("no models yet: the learner waits for enough customers, or no worker has run (see `stream-seg lag`)")
    else:
        stdout().print(list_table(list_facts(history, where.settings)))
        if where.settings.model is not None:
            print(f"The setting MODEL names {where.settings.model}: workers use that, whatever is in force here.")
    return 0


def list_facts(history: ModelHistory, settings: Settings) -> dict[str, Any]:
    """All versions for programs, the oldest first."""
    latest = history.latest
    found = [_version_facts(each, standing(each, latest), "") for each in history.in_force.values()]
    found += [_version_facts(each, "refused", why) for each, why in history.aside]
    return {
        "in_force": latest.version if latest else None,
        "pinned": bool(latest and latest.pinned),
        "model_setting": str(settings.model) if settings.model is not None else None,
        "models": sorted(found, key=lambda each: (each["version"], each["state"] == "refused")),
        "unusable": [each._asdict() for each in history.unusable],
    }


def standing(snapshot: ModelSnapshot, latest: ModelSnapshot | None) -> str:
    """How a version that was in force stands now."""
    if latest is None or snapshot.version != latest.version:
        return "past"
    return "pinned" if snapshot.pinned else "in force"


def _version_facts(snapshot: ModelSnapshot, state: str, why: str) -> dict[str, Any]:
    return {
        "version": snapshot.version,
        "parent": snapshot.parent,
        "created_at": snapshot.created_at,
        "reason": snapshot.reason,
        "content_of": snapshot.content_of,
        "k": len(snapshot.centroids),
        "state": state,
        "refused_because": why,
        "names": {each.id: each.name for each in snapshot.segments},
        "names_pinned": [each.id for each in snapshot.segments if each.name_pinned],
    }


def list_table(facts: dict[str, Any]) -> Table:
    """All versions for people, the newest last."""
    made = table(">version", ">parent", "made", "reason", ">k", "", "names")
    for each in facts["models"]:
        reason = each["reason"] + (f" (of {each['content_of']})" if each["content_of"] else "")
        state = Text(each["state"] if each["state"] != "past" else "", "bold green")
        names = ", ".join(f"{name}*" if id_ in each["names_pinned"] else name for id_, name in each["names"].items())
        if each["state"] == "refused":
            state, names = Text("refused", "red"), each["refused_because"]
        made.add_row(
            str(each["version"]), str(each["parent"]), moment(each["created_at"]), Text(reason), str(each["k"]), state,
            Text(names),
        )  # fmt: skip
    for each in facts["unusable"]:
        made.add_row(Text(each["key"]), "", "", "", "", Text("refused", "red"), Text(each["why"]))
    return made


def moment(text: str) -> str:
    """An RFC 3339 time to the minute, for people."""
    return text[:16].replace("T", " ")
