"""Logging: one line per record, as text or JSON, with quiet libraries and without passwords."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

# Libraries whose info messages are of use to their authors only. They get a level of their own, because Faust sets the
# root logger to DEBUG for its start-up spinner.
LIBRARIES = ("aiohttp", "aiokafka", "asyncio", "faust", "kafka", "mode", "redis")

_URL_PASSWORD = re.compile(r"(\w[\w+.-]*://[^\s:@/]*):\S*@")
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&\s]*", re.IGNORECASE)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(
    level: str,
    format: Literal["console", "json"] = "console",
    *,
    libraries: int = logging.WARNING,
    stream: TextIO | None = None,
) -> None:
    """Write log records of at least `level` (debug, info, warning, error) to `stream`, by default standard error.

    Records of libraries must be at least `libraries`. A command that reports errors itself may raise that level. Fields
    from `extra={...}` follow the message. Each call replaces the configuration before it.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if format == "json" else _ConsoleFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(threshold)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(threshold, libraries))
    # Cheaper than a level, and not affected by later changes of the root logger's level.
    logging.disable(threshold - 1)


def redact(text: str) -> str:
    """Return the text with the passwords of its URLs replaced by `***`.

    >>> redact("rediss://app:s3cret@cache:6380/0")
    'rediss://app:***@cache:6380/0'
    """
    return _QUERY_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields from `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():<8}{record.getMessage()}{fields}"
        if record.exc_info and record.exc_info[0] is not None:
            line += f"\n{self.formatException(record.exc_info)}"
        return redact(line)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        entry |= {name: _clean(value) for name, value in _fields(record).items() if name not in entry}
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def _clean(value: object) -> object:
    """Return the value as a JSON scalar without passwords."""
    return value if value is None or isinstance(value, bool | int | float) else redact(str(value))
