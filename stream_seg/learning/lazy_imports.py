"""Deferred imports of River and SciPy, so that only the worker that learns loads them.

Together they take a second and 100 MB.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = ("river.cluster", "river.drift", "scipy.optimize", "scipy.spatial.distance")


def load() -> None:
    """Import the modules that learning uses.

    Call it in a thread before the first sample is learned, so that it does not block the event loop.
    """
    for module in MODULES:
        import_module(module)
