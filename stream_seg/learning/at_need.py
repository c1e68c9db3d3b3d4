"""River is imported when somebody learns: it brings pandas, a second and 100 MB that other workers need not pay."""

from __future__ import annotations

from typing import Any


def load() -> None:
    """Import what learning will ask for; in a thread, where an event loop must not wait."""
    kmeans()
    adwin()


def kmeans() -> Any:
    """River's class of that name."""
    from river.cluster import KMeans

    return KMeans


def adwin() -> Any:
    """River's class of that name."""
    from river.drift import ADWIN

    return ADWIN
