"""What users and networks cause, as one line and an exit status; everything else is a bug and keeps its traceback."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from stream_seg.cli.escapes import printable

FAILED = 1
WRONG_USAGE = 2

# What means a broker, a Redis, or somebody's data. Only a room that the command has loaded can have raised one, so
# none is imported for the sake of asking.
_DEFINED = {
    "stream_seg.kafka.errors": ("BrokerError",),
    "stream_seg.cache.errors": ("CacheError",),
    "stream_seg.embedded.process": ("EmbeddedError",),
    "stream_seg.datasets.record": ("SourceError",),
    "stream_seg.streaming.state.changelog": ("BadChangelog",),
    "stream_seg.tools.fold": ("BadChange",),
    "stream_seg.tools.once": ("AlreadySent",),
    "stream_seg.core.customer": ("BadRecord",),
    "aiokafka.errors": ("KafkaError",),
}
# What a wrong setting causes that no check of settings can tell.
_WRONG = {"stream_seg.cache.errors": ("BadUrl",)}


class Failure(Exception):
    """The command could not do what was asked; the message is for people and says what to do."""


class UsageError(Exception):
    """An argument or a setting is wrong; the message names it and says what to write."""


def described(error: BaseException) -> tuple[str, int] | None:
    """The line to print and the exit status; None for what only a bug can cause."""
    if isinstance(error, (UsageError, *_loaded(_WRONG))):
        return _one_line(error), WRONG_USAGE
    return (_one_line(error), FAILED) if isinstance(error, (Failure, OSError, *_loaded(_DEFINED))) else None


def _loaded(defined: Mapping[str, Sequence[str]]) -> list[type[BaseException]]:
    return [
        getattr(sys.modules[module], name)
        for module, names in defined.items()
        if module in sys.modules
        for name in names
    ]


def _one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split())) or type(error).__name__
