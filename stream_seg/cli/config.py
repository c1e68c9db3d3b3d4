"""Settings for a command. They are read, explained if they are wrong, and applied to logging."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.services import attach_services
from stream_seg.errors import UsageError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import PREFIX, Settings

TOML: Final = "stream_seg.toml"
# The least likeness of a variable's name to that of a setting, of 1.0, for a warning.
_NEAR: Final = 0.7
# Settings of earlier versions, and the reason why each is gone.
REMOVED: Final = {"DEDUP_EVENTS": "a record remembers the last 128 events of a customer"}
# Values that may hold a password.
_SECRET: Final = ("redis_url", "kafka_sasl_password")


def load_settings(**overrides: Any) -> Settings:
    """Return the settings from the environment and `stream_seg.toml`. `overrides` win over both. Raises UsageError.

    Every command calls it once, so it also warns about misspelled variables.
    """
    for line in misspelled(os.environ):
        print(line, file=sys.stderr)
    refuse_removed(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise UsageError("; ".join(_fault(dict(fault)) for fault in error.errors(include_url=False))) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{TOML} is not TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{TOML} is not UTF-8, as TOML must be ({error.reason}); save it as UTF-8") from None


def misspelled(environment: Iterable[str]) -> list[str]:
    """Return a warning for each variable with our prefix whose name is nearly that of a setting.

    Only near names are reported, because other programs may use the prefix too. Values never appear, because one may be
    a password.
    """
    known = [name.upper() for name in Settings.model_fields]
    warnings = []
    for variable in sorted(environment):
        if not variable.upper().startswith(PREFIX):
            continue
        name = variable.upper().removeprefix(PREFIX)
        if name not in known and (near := get_close_matches(name, known, n=1, cutoff=_NEAR)):
            warnings.append(
                f"stream-seg: {variable} is not a setting, so it is ignored; did you mean {PREFIX}{near[0]}?"
            )
    return warnings


def refuse_removed(environment: Iterable[str]) -> None:
    """Raise UsageError for a variable of a setting that earlier versions had."""
    removed = {f"{PREFIX}{name}": reason for name, reason in REMOVED.items()}
    for variable in sorted(environment):
        if reason := removed.get(variable.upper()):
            raise UsageError(f"{variable} was removed, because {reason}. Unset it")


def attach_broker(settings: Settings) -> Broker:
    """Return the broker for a command that needs no Redis. Raises EmbeddedError when an embedded one is not running."""
    return attach_services(settings).broker if settings.broker == EMBEDDED else settings.cluster


def quiet_logging(settings: Settings) -> None:
    """Configure logging as the settings say, without the libraries.

    A command reports each failure itself, once.
    """
    import logging

    from stream_seg.ops.logging import configure_logging

    level = "warning" if settings.log_level == "info" else settings.log_level
    configure_logging(level, settings.log_format, libraries=logging.CRITICAL + 1)


def _fault(fault: dict[str, Any]) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return f"{PREFIX}{message}"  # the message of a check over several settings begins with a name
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        if reason := REMOVED.get(name.upper()):
            return f"{TOML} sets {name!r}, which was removed, because {reason}. Delete that line"
        return f"{TOML} sets {name!r}, which is not a setting"
    variable = f"{PREFIX}{name.upper()}"
    if message.startswith(name.upper()):
        return f"{PREFIX}{message}"
    value = "" if name in _SECRET else f" is {fault['input']!r}"
    about = Settings.model_fields[name].description
    return f"{variable}{value}: {message[:1].lower()}{message[1:]}" + (f" ({about})" if about else "")
