"""Polling for conditions that other processes bring about, always with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.05


def until(ask: Callable[[], object], timeout_s: float, every_s: float = POLL_S) -> bool:
    """Return whether a truthy answer came within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not ask():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def eventually(
    ask: Callable[[], T | None], timeout_s: float, what: str, why: Callable[[], str] = str, every_s: float = POLL_S
) -> T:
    """Return the first truthy answer. Fails after `timeout_s` seconds with `what` and the explanation of `why()`."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s:.0f} s still not: {what}; {why()}")
        time.sleep(every_s)
