"""The chain of models: which of the published snapshots takes force, by one rule that all readers share.

The rule is a function of the topic alone, so every worker and every command comes to the same model:

- A snapshot takes force when it names the one in force as its parent; the first that is read does in any case.
- While a pinned one is in force, only what a person published counts.
- One that names a parent not read yet waits for it: compaction may leave a parent behind its child.
- Everything else is left aside for good, such as one by a learner that lost its partition, or a race.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import ModelSnapshot


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of a snapshot that was read: `aside` says why it does not count, None where it took force."""

    snapshot: ModelSnapshot
    aside: str | None = None

    @property
    def in_force(self) -> bool:
        """Whether it took force."""
        return self.aside is None


@dataclass(slots=True)
class ModelChain:
    """Snapshots that were read in the order of the topic. `latest` is the one in force."""

    latest: ModelSnapshot | None = None
    versions: set[int] = field(default_factory=set)
    _waiting: dict[int, ModelSnapshot] = field(default_factory=dict)  # by parent; the first of each counts

    def take(self, snapshot: ModelSnapshot) -> list[Ruling]:
        """What becomes of the next snapshot, and of those that waited for it."""
        aside = self._aside(snapshot)
        self.versions.add(snapshot.version)
        rulings = [Ruling(snapshot, aside)]
        while aside is None:
            self.latest = snapshot
            child = self._waiting.pop(snapshot.version, None)
            if child is None:
                break
            snapshot, aside = child, self._aside(child)
            if aside is None:
                rulings.append(Ruling(snapshot))
        return rulings

    def _aside(self, snapshot: ModelSnapshot) -> str | None:
        """Why a snapshot does not take force now."""
        latest = self.latest
        if latest is None:
            return None
        if snapshot.parent == latest.version:
            if latest.pinned and not snapshot.by_person:
                return f"model {latest.version} is pinned"
            return None
        if snapshot.parent > latest.version:
            self._waiting.setdefault(snapshot.parent, snapshot)
            return f"its parent {snapshot.parent} is not known"
        if snapshot.version in self.versions:
            return f"another model {snapshot.version} came first"
        return f"its parent is {snapshot.parent}, but {latest.version} was in force"
