"""Settings for a command: read, explained where they are wrong, and applied to logging."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from pydantic import ValidationError

from stream_seg.connection_settings import EMBEDDED
from stream_seg.embedded.services import attach_services
from stream_seg.errors import UsageError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import PREFIX, Settings

TOML: Final = "stream_seg.toml"
# Values that may hold a password.
_SECRET: Final = ("redis_url", "kafka_sasl_password")


def load_settings(**given: Any) -> Settings:
    """Settings from the environment and `stream_seg.toml`; `given` win over both. Raises UsageError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise UsageError("; ".join(_fault(dict(fault)) for fault in error.errors(include_url=False))) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{TOML} is not TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{TOML} is not UTF-8, as TOML must be ({error.reason}); save it as UTF-8") from None


def attach_broker(settings: Settings) -> Broker:
    """Return the broker for a command that needs no Redis. Raises EmbeddedError when an embedded one is not running."""
    return attach_services(settings).broker if settings.broker == EMBEDDED else settings.cluster


def quiet_logging(settings: Settings) -> None:
    """Log as the settings say, without the libraries: a command says itself what went wrong, once."""
    import logging

    from stream_seg.ops.logging import configure_logging

    level = "warning" if settings.log_level == "info" else settings.log_level
    configure_logging(level, settings.log_format, libraries=logging.CRITICAL + 1)


def _fault(fault: dict[str, Any]) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return f"{PREFIX}{message}"  # checks over several settings begin with a name themselves
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"{TOML} sets {name!r}, which is not a setting"
    variable = f"{PREFIX}{name.upper()}"
    if message.startswith(name.upper()):
        return f"{PREFIX}{message}"
    value = "" if name in _SECRET else f" is {fault['input']!r}"
    about = Settings.model_fields[name].description
    return f"{variable}{value}: {message[:1].lower()}{message[1:]}" + (f" ({about})" if about else "")
