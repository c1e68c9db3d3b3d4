"""All settings of a deployment, read from `STREAM_SEG_*` variables or `stream_seg.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stream_seg.connection_settings import ConnectionSettings, Lower, Upper
from stream_seg.contracts.context import CONTEXT_TRAITS, DEFAULT_CONTEXT_TRAITS
from stream_seg.contracts.currencies import EXPONENTS
from stream_seg.contracts.placeholders import DEFAULT_PLACEHOLDERS
from stream_seg.core.feature_names import DEFAULT_FEATURES, FEATURES
from stream_seg.intake_settings import IntakeSettings

PREFIX = "STREAM_SEG_"
MEMORY, ROCKSDB = "memory://", "rocksdb://"
RATES_EXAMPLE: Final = '{"EUR": 1.08}'
# No real exchange rate is higher. A higher one is a typo, and would overflow sums of money.
HIGHEST_RATE: Final = 1e9

Names = BeforeValidator(lambda value: _names(value) if isinstance(value, str) else value)
Rates = BeforeValidator(lambda value: _rates(value))


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _rates(value: object) -> object:
    """Return rates, given as JSON or as a table, with codes in upper case."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError(f"RATES is not JSON. Write for example {RATES_EXAMPLE}") from None
    if not isinstance(value, dict):
        return value
    rates = {str(code).upper(): rate for code, rate in value.items()}
    if len(rates) < len(value):
        raise ValueError("RATES names a currency twice, in upper and lower case. Remove one")
    return rates


class _TomlSource(TomlConfigSettingsSource):
    """The settings in `stream_seg.toml`.

    Names are those of the environment, in any case, with or without the prefix. As in the environment, an empty value
    means that the setting is not set.
    """

    def _read_file(self, file_path: Any) -> dict[str, object]:
        raw = super()._read_file(file_path)
        return {key.lower().removeprefix(PREFIX.lower()): value for key, value in raw.items() if value != ""}


class Settings(ConnectionSettings, IntakeSettings):
    """All settings by name. The defaults run everything on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file="stream_seg.toml", extra="forbid", env_ignore_empty=True, allow_inf_nan=False
    )

    app_id: str = Field(
        "stream-seg", pattern=r"^[A-Za-z0-9._-]+$", description="consumer group, prefix of internal topics"
    )
    partitions: int = Field(8, ge=1, le=4096, description="partitions of topics when they are created")
    replication_factor: int = Field(1, ge=1, description="replicas of topics when they are created")
    store: str = Field(
        MEMORY, description="where a worker keeps customer records: memory://, or rocksdb:// in DATA_DIR"
    )
    data_dir: Path = Field(
        Path(".stream_seg"), description="folder for addresses of embedded services and files of stores"
    )
    clock: Annotated[Literal["wall", "stream"], Lower] = Field(
        "wall", description="source of time. stream: the times of events"
    )
    segments: int = Field(6, ge=2, le=64, description="clusters of the behavior dimension")
    model: Path | None = Field(None, description="a model snapshot file, used unchanged. Nothing is learned")
    features: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_FEATURES, description="features for learning the behavior dimension, separated by commas"
    )
    margin: float = Field(
        0.05, ge=0, lt=1, description="how far past a border a customer must be to move. 0 turns hysteresis off"
    )
    dwell: float = Field(86_400.0, ge=0, description="minimum time of a customer in a segment, seconds")
    half_life_days: float = Field(30.0, ge=0.001, le=36_500, description="half-life of decayed counts and sums, days")
    currency: Annotated[str, Upper] = Field("USD", description="base currency, ISO 4217")
    rates: Annotated[dict[str, float], NoDecode, Rates] = Field(
        default_factory=dict,
        description=f"value of one unit of a currency in the base currency, as JSON: {RATES_EXAMPLE}",
    )
    placeholder_ids: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_PLACEHOLDERS, description="ids that belong to no customer or order, separated by commas"
    )
    context_traits: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_CONTEXT_TRAITS, description="traits taken from the location and device of events"
    )
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="prefix of every topic")
    redis_prefix: str = Field("seg", description="prefix of every Redis key")
    worker_http_host: str = Field("127.0.0.1", description="address of a worker's /metrics, /live and /ready")
    worker_http_port: int = Field(6066, ge=0, le=65535, description="port of these endpoints, 0 turns them off")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = "info"
    log_format: Annotated[Literal["console", "json"], Lower] = "console"
    fetch_wait_ms: int | None = Field(
        None,
        ge=1,
        le=5000,
        description="maximum time a broker holds a fetch open, by default 500, and 20 for the embedded broker",
    )
    session_timeout_s: float = Field(
        30.0, ge=1, le=86_400, description="time after which a silent worker loses its partitions"
    )

    instance_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="static membership: unique name of this worker in its group, so that a restart moves no partition",
    )

    @field_validator("store")
    @classmethod
    def _store_known(cls, value: str) -> str:
        if value not in (MEMORY, ROCKSDB):
            raise ValueError(f"STORE is {value!r}. Write {MEMORY} or {ROCKSDB}")
        return value

    @field_validator("currency")
    @classmethod
    def _currency_known(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise ValueError(f"CURRENCY is {value!r}, which is not an ISO 4217 currency. Write one such as USD")
        return value

    @field_validator("rates")
    @classmethod
    def _rates_usable(cls, value: dict[str, float]) -> dict[str, float]:
        for code, rate in value.items():
            if code not in EXPONENTS:
                raise ValueError(
                    f"RATES names {code!r}, which is not an ISO 4217 currency. Write for example {RATES_EXAMPLE}"
                )
            if not 0 < rate <= HIGHEST_RATE:
                raise ValueError(
                    f"RATES says {rate:g} for {code}. Write the value of one {code} in the base currency, above 0"
                    f" and up to {HIGHEST_RATE:g}"
                )
        return value

    @field_validator("features")
    @classmethod
    def _features_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if name not in FEATURES or value.count(name) > 1]
        if wrong or not value:
            fault = f"names {wrong[0]!r}, which is unknown or repeated" if wrong else "is empty"
            raise ValueError(f"FEATURES {fault}. Write some of {', '.join(FEATURES)}, separated by commas")
        return value

    @field_validator("context_traits")
    @classmethod
    def _context_traits_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if name not in CONTEXT_TRAITS]
        if wrong:
            known = ", ".join(CONTEXT_TRAITS)
            raise ValueError(
                f"CONTEXT_TRAITS names {wrong[0]!r}, which is unknown. Write some of {known}, separated by commas"
            )
        return value

    @model_validator(mode="after")
    def _model_exists(self) -> Self:
        if self.model is not None and not self.model.is_file():
            raise ValueError(f"MODEL names {self.model}, which is not a file. Give the path of a model snapshot")
        return self

    @property
    def half_life_s(self) -> float:
        """The half-life of decayed counts and sums, seconds."""
        return self.half_life_days * 86_400.0

    @property
    def changelog(self) -> str:
        """The name of the topic that holds the workers' state."""
        return f"{self.app_id}-customers-changelog"

    @property
    def intake_group(self) -> str:
        """The consumer group of the intake."""
        return f"{self.app_id}-intake"

    def topic(self, name: str) -> str:
        """Return the full name of one of the project's topics."""
        return self.topic_prefix + name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources by precedence: arguments, then the environment, then `stream_seg.toml`."""
        return init_settings, env_settings, _TomlSource(settings_cls)
