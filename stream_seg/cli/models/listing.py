"""`stream-seg models list`: the published models and their states."""

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
class Deployment:
    """The broker and settings of a deployment."""

    settings: Settings
    broker: Broker

    @property
    def topic(self) -> str:
        """Full name of the topic of models."""
        return self.settings.topic("segment-models")

    def history(self) -> ModelHistory:
        """Return all published models. Raises BrokerError."""
        reading = read_history(self.broker, self.topic)
        return run_async(reading)

    def sample(self) -> Matrix:
        """Return the features of the customers sampled last. Raises BrokerError."""
        topic = self.settings.topic("segment-samples")
        reading = sampled_customers(self.broker, topic)
        return run_async(reading)


def deployment() -> Deployment:
    """Return the deployment that the settings name."""
    settings = load_settings()
    quiet_logging(settings)
    return Deployment(settings, attach_broker(settings))


def version_of(history: ModelHistory, version: int) -> ModelSnapshot:
    """Return a published version. Raises Failure if there is none."""
    found = history.get(version)
    if found is not None:
        return found
    numbers = sorted(history.chain.versions)
    known = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "none has been published yet"
    raise Failure(f"no model {version} was published: {known}; `stream-seg models list` shows them")


def list_models(*, as_json: bool) -> int:
    """Print every version and its state. Return the exit status."""
    where = deployment()
    history = where.history()
    if as_json:
        print_json(list_facts(history, where.settings))
    elif not history.chain.versions and not history.unusable:
        print("no models yet: the learner waits for enough customers, or no worker has run (see `stream-seg lag`)")
    else:
        stdout().print(list_table(list_facts(history, where.settings)))
        if where.settings.model is not None:
            print(f"The setting MODEL names {where.settings.model}: workers use that model instead of the active one.")
    return 0


def list_facts(history: ModelHistory, settings: Settings) -> dict[str, Any]:
    """Return all versions as JSON, the oldest first."""
    latest = history.latest
    found = [_version_facts(each, state_now(each, latest), "") for each in history.accepted.values()]
    found += [_version_facts(each, "refused", why) for each, why in history.superseded]
    return {
        "in_force": latest.version if latest else None,
        "pinned": bool(latest and latest.pinned),
        "model_setting": str(settings.model) if settings.model is not None else None,
        "models": sorted(found, key=lambda each: (each["version"], each["state"] == "refused")),
        "unusable": [each._asdict() for each in history.unusable],
    }


def state_now(snapshot: ModelSnapshot, latest: ModelSnapshot | None) -> str:
    """Return the state of a version that became active: `past`, `pinned`, or `in force` for the active one."""
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
    """Return all versions as a table, the newest last."""
    rows = table(">version", ">parent", "created", "reason", ">k", "", "names")
    for each in facts["models"]:
        reason = each["reason"] + (f" (of {each['content_of']})" if each["content_of"] else "")
        state = Text(shown_state(each["state"]) if each["state"] != "past" else "", "bold green")
        names = ", ".join(f"{name}*" if id_ in each["names_pinned"] else name for id_, name in each["names"].items())
        if each["state"] == "refused":
            state, names = Text("refused", "red"), each["refused_because"]
        rows.add_row(
            str(each["version"]), str(each["parent"]), moment(each["created_at"]), Text(reason), str(each["k"]), state,
            Text(names),
        )  # fmt: skip
    for each in facts["unusable"]:
        rows.add_row(Text(each["key"]), "", "", "", "", Text("refused", "red"), Text(each["why"]))
    return rows


def shown_state(state: str) -> str:
    """Return the word for a state on the terminal. In JSON the active model is `in force`."""
    return "active" if state == "in force" else state


def moment(text: str) -> str:
    """Return an RFC 3339 time to the minute, as `2026-11-21 22:40`."""
    return text[:16].replace("T", " ")
