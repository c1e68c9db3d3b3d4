"""Returning the memory that recovery needed for a while to the operating system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Return freed heap to the operating system. Does nothing unless the C library is glibc.

    Recovery allocates changelog records by the hundred thousand, and frees them from between records that stay. glibc
    keeps such memory, so a worker would occupy far more than it uses.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
