"""Expected errors as one line and an exit status. All other errors are bugs and keep their traceback."""

from __future__ import annotations

import sys

from stream_seg.cli.escapes import printable
from stream_seg.errors import Failure, StreamSegError, UsageError

__all__ = ["FAILED", "WRONG_USAGE", "Failure", "UsageError", "described"]

FAILED = 1
WRONG_USAGE = 2


def described(error: BaseException) -> tuple[str, int] | None:
    """Return the line to print and the exit status, or None for an error that only a bug can cause."""
    if isinstance(error, UsageError):
        return _one_line(error), WRONG_USAGE
    return (_one_line(error), FAILED) if isinstance(error, (StreamSegError, OSError, *_kafka_error())) else None


def _kafka_error() -> tuple[type[BaseException], ...]:
    """Return aiokafka's error root if a command has loaded aiokafka. Importing it only to ask would be slow."""
    errors = sys.modules.get("aiokafka.errors")
    return () if errors is None else (errors.KafkaError,)


def _one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split())) or type(error).__name__
