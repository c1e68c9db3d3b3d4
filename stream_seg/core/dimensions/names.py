"""Segment names of every model version, and the names that marketers have changed since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .segment_model import segment_id

# More than the segments of a model. A version and a segment are encoded as one number.
_SEGMENTS: Final = 256


class SegmentNames:
    """Names by model version and segment number.

    A customer's segment keeps the name that it had when the customer entered it. Names from marketers are the
    exception: giving a name, or taking it back, renames the segment for all customers in it at once.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._user_named: dict[int, frozenset[int]] = {}
        self._active = 0
        self._outdated: npt.NDArray[np.int64] | None = None

    def learn(
        self, version: int, names: Sequence[str], user_named: frozenset[int] = frozenset(), *, active: bool = False
    ) -> None:
        """Remember the segment names of a version. `user_named` are the numbers of segments that a marketer named.

        If two models share a version, the one that was ever active is remembered, otherwise the first.
        """
        if active or version not in self._names:
            self._names[version] = tuple(names)
            self._user_named[version] = user_named
            self._outdated = None
        if active:
            self._active = version

    def name(self, version: int, index: int) -> str:
        """Return the name of a segment in a version, or the segment's id if the version is not known."""
        names = self._names.get(version, ())
        return names[index] if index < len(names) else segment_id(index)

    def outdated(self, versions: npt.NDArray[Any], segments: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return which of n customers need another name for their segments (n,), named by `versions` (n,)."""
        if self._outdated is None:
            self._outdated = self._find_outdated()
        if not len(self._outdated):
            return np.zeros(len(versions), dtype=np.bool_)
        codes = versions.astype(np.int64) * _SEGMENTS + segments
        found: npt.NDArray[np.bool_] = np.isin(codes, self._outdated) & (segments >= 0)
        return found

    def _find_outdated(self) -> npt.NDArray[np.int64]:
        """Return the codes of versions and segments whose name differs from the one that the active model requires.

        An ended segment is named by its id. Customers who are still in it leave it soon, so they get no new name.
        """
        now, user_named = self._names.get(self._active, ()), self._user_named.get(self._active, frozenset())
        codes = [
            version * _SEGMENTS + index
            for version, names in self._names.items()
            for index, (was, becomes) in enumerate(zip(names, now, strict=False))
            if was != becomes != segment_id(index) and (index in user_named or index in self._user_named[version])
        ]
        return np.array(codes, dtype=np.int64)
