"""The name book: what every model version called its segments, and whose name a person changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .behavior import segment_id

# More than a model has segments: a version and a segment are one number.
_SEGMENTS: Final = 256


class SegmentNames:
    """Names by version and segment number.

    A customer's segment keeps the name that it had when the customer entered it, unless a person has a say in it: a
    name that a person gave holds for everyone in the segment at once, and one that a person took back for nobody.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._given: dict[int, frozenset[int]] = {}
        self._in_force = 0
        self._outdated: npt.NDArray[np.int64] | None = None

    def learn(
        self, version: int, names: Sequence[str], given: frozenset[int] = frozenset(), *, in_force: bool = False
    ) -> None:
        """Note what a version calls its segments; `given` are those, by number, that a person named.

        Of two versions with one number the one that was ever in force is remembered, else the first.
        """
        if in_force or version not in self._names:
            self._names[version] = tuple(names)
            self._given[version] = given
            self._outdated = None
        if in_force:
            self._in_force = version

    def name(self, version: int, index: int) -> str:
        """What a version called a segment; the segment's id where that is not known any more."""
        names = self._names.get(version, ())
        return names[index] if index < len(names) else segment_id(index)

    def outdated(self, versions: npt.NDArray[Any], segments: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which of n customers, whose segments (n,) were named by `versions` (n,), must hear another name now."""
        if self._outdated is None:
            self._outdated = self._find_outdated()
        if not len(self._outdated):
            return np.zeros(len(versions), dtype=np.bool_)
        codes = versions.astype(np.int64) * _SEGMENTS + segments
        found: npt.NDArray[np.bool_] = np.isin(codes, self._outdated) & (segments >= 0)
        return found

    def _find_outdated(self) -> npt.NDArray[np.int64]:
        """Versions and segments, as one number each, whose name is not what the version in force says it must be.

        A segment that ended is called by its id; whoever is still in it leaves it soon, and hears the name of another.
        """
        now, given = self._names.get(self._in_force, ()), self._given.get(self._in_force, frozenset())
        codes = [
            version * _SEGMENTS + index
            for version, names in self._names.items()
            for index, (was, becomes) in enumerate(zip(names, now, strict=False))
            if was != becomes != segment_id(index) and (index in given or index in self._given[version])
        ]
        return np.array(codes, dtype=np.int64)
