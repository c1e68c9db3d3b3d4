"""Which failures are one line, and with which exit status."""

from __future__ import annotations

import pytest

from stream_seg.cli.errors import described
from stream_seg.errors import BrokerError, CacheUnavailable, Failure, SourceError, UsageError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UsageError("--speed is 0"), ("--speed is 0", 2)),
        (Failure("no such customer"), ("no such customer", 1)),
        (BrokerError("no broker answers"), ("no broker answers", 1)),
        (CacheUnavailable("Redis is away"), ("Redis is away", 1)),
        (SourceError("orders.csv, line 3: no time"), ("orders.csv, line 3: no time", 1)),
        (PermissionError(13, "Permission denied", ".stream_seg"), ("[Errno 13] Permission denied: '.stream_seg'", 1)),
        (Failure("two\n   lines"), ("two lines", 1)),
        (SourceError("a\x1b[2J.csv"), (r"a\x1b[2J.csv", 1)),
        (ConnectionResetError(), ("ConnectionResetError", 1)),
    ],
)
def test_what_users_and_networks_cause(error: Exception, says: tuple[str, int]) -> None:
    assert described(error) == says


@pytest.mark.parametrize("error", [ValueError("bug"), KeyError("bug"), AssertionError()])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    assert described(error) is None
