"""Memory that recovery needed for a while is given back to the machine."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Return freed heap to the operating system, where the C library can (glibc); elsewhere nothing happens.

    Recovery allocates changelog records by the hundred thousand, and frees them from between what stays; glibc keeps
    such memory, and much of what a worker then occupies would hold nothing.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
