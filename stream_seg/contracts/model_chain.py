"""The chain of models: the rule by which all readers choose the active snapshot of `segment-models`.

The rule depends on the topic alone, so every worker and every command arrives at the same model:

- The first snapshot read becomes active. Later ones become active if their parent is the active snapshot.
- While a pinned snapshot is active, only snapshots published by an operator can replace it.
- A snapshot whose parent has not been read yet waits for it, because compaction may place a parent after its child.
- Every other snapshot is superseded for good, such as one by a learner that lost its partition or a race.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import ModelSnapshot


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome for one snapshot. `superseded` is the reason why it is ignored, None if it became active."""

    snapshot: ModelSnapshot
    superseded: str | None = None

    @property
    def active(self) -> bool:
        """Whether the snapshot became active."""
        return self.superseded is None


@dataclass(slots=True)
class ModelChain:
    """The snapshots read so far, in the order of the topic. `latest` is the active one."""

    latest: ModelSnapshot | None = None
    versions: set[int] = field(default_factory=set)
    _waiting: dict[int, ModelSnapshot] = field(default_factory=dict)  # by parent, the first of each

    def take(self, snapshot: ModelSnapshot) -> list[Ruling]:
        """Take the next snapshot. Return its ruling, then those of waiting snapshots that became active with it."""
        superseded = self._superseded(snapshot)
        self.versions.add(snapshot.version)
        rulings = [Ruling(snapshot, superseded)]
        while superseded is None:
            self.latest = snapshot
            child = self._waiting.pop(snapshot.version, None)
            if child is None:
                break
            snapshot, superseded = child, self._superseded(child)
            if superseded is None:
                rulings.append(Ruling(snapshot))
        return rulings

    def _superseded(self, snapshot: ModelSnapshot) -> str | None:
        """Return why a snapshot does not become active now, None if it does."""
        latest = self.latest
        if latest is None:
            return None
        if snapshot.parent == latest.version:
            if latest.pinned and not snapshot.by_operator:
                return f"model {latest.version} is pinned"
            return None
        if snapshot.parent > latest.version:
            self._waiting.setdefault(snapshot.parent, snapshot)
            return f"its parent {snapshot.parent} is not known"
        if snapshot.version in self.versions:
            return f"another model {snapshot.version} came first"
        return f"its parent is {snapshot.parent}, but {latest.version} was active"
