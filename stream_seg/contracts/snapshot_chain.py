"""The chain of snapshots: the rule by which all readers choose the active version of a model or of definitions.

The rule depends on the topic alone, so every worker and every command arrives at the same version:

- The first snapshot read becomes active. Later ones become active if their parent is the active snapshot.
- While a pinned snapshot is active, only snapshots published by an operator can replace it.
- A snapshot whose parent has not been read yet waits for it, because compaction may place a parent after its child.
- Every other snapshot is superseded for good, such as one by a learner that lost its partition or a race.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Snapshot(Protocol):
    """A published version of a dimension's model or definition."""

    @property
    def dimension(self) -> str:
        """The key of the dimension. Each has a chain of its own."""

    @property
    def version(self) -> int:
        """The number of the version."""

    @property
    def parent(self) -> int:
        """The version that this one was made from, 0 for none."""

    @property
    def pinned(self) -> bool:
        """Whether only operators may replace this version."""

    @property
    def by_operator(self) -> bool:
        """Whether an operator published this version."""


S = TypeVar("S", bound=Snapshot)


@dataclass(frozen=True, slots=True)
class Ruling(Generic[S]):
    """The outcome for one snapshot. `superseded` is the reason why it is ignored, None if it became active."""

    snapshot: S
    superseded: str | None = None

    @property
    def active(self) -> bool:
        """Whether the snapshot became active."""
        return self.superseded is None


@dataclass(slots=True)
class SnapshotChain(Generic[S]):
    """The snapshots of one dimension read so far, in the order of the topic. `latest` is the active one."""

    latest: S | None = None
    versions: set[int] = field(default_factory=set)
    _waiting: dict[int, S] = field(default_factory=dict)  # by parent, the first of each

    def take(self, snapshot: S) -> list[Ruling[S]]:
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

    def _superseded(self, snapshot: S) -> str | None:
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


class SnapshotChains(Generic[S]):
    """The chains of all dimensions on one topic, by the key of the dimension."""

    def __init__(self) -> None:
        self._chains: dict[str, SnapshotChain[S]] = {}

    def __getitem__(self, dimension: str) -> SnapshotChain[S]:
        return self._chains.setdefault(dimension, SnapshotChain())

    def take(self, snapshot: S) -> list[Ruling[S]]:
        """Take the next snapshot of any dimension. See `SnapshotChain.take`."""
        return self[snapshot.dimension].take(snapshot)
