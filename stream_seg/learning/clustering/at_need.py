"""Import River and SciPy only in the worker that learns: they take a second and 100 MB that the others need not pay."""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = ("river.cluster", "river.drift", "scipy.optimize", "scipy.spatial.distance")


def load() -> None:
    """Import what learning will ask for. Call it in a thread, so that an event loop does not wait."""
    for module in MODULES:
        import_module(module)
