"""River is imported when somebody learns: it brings pandas, a second and 100 MB that other workers need not pay."""

from __future__ import annotations


def load() -> None:
    """Import what learning will ask for; in a thread, where an event loop must not wait."""
    import river.cluster
    import river.drift  # noqa: F401
