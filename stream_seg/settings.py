"""All settings of a deployment, from `STREAM_SEG_*` variables or a `stream_seg.toml`."""

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
from stream_seg.core.features import DEFAULT_FEATURES, FEATURES
from stream_seg.intake_settings import IntakeSettings

PREFIX = "STREAM_SEG_"
MEMORY, ROCKSDB = "memory://", "rocksdb://"
RATES_EXAMPLE: Final = '{"EUR": 1.08}'
# Of any two currencies there are; what is larger was mistyped, and would overflow sums of money.
HIGHEST_RATE: Final = 1e9

Names = BeforeValidator(lambda value: _names(value) if isinstance(value, str) else value)
Rates = BeforeValidator(lambda value: _rates(value))


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _rates(value: object) -> object:
    """Rates as JSON or as a table, with codes in capitals."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError(f"RATES is not JSON; write for example {RATES_EXAMPLE}") from None
    if not isinstance(value, dict):
        return value
    rates = {str(code).upper(): rate for code, rate in value.items()}
    if len(rates) < len(value):
        raise ValueError("RATES names a currency twice, in capitals and in small letters; leave one out")
    return rates


class _TomlSource(TomlConfigSettingsSource):
    """The same names as the environment, with or without the prefix, in any case; empty is not set there too."""

    def _read_file(self, file_path: Any) -> dict[str, object]:
        raw = super()._read_file(file_path)
        return {key.lower().removeprefix(PREFIX.lower()): value for key, value in raw.items() if value != ""}


class Settings(ConnectionSettings, IntakeSettings):
    """Settings by name; the defaults run everything on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file="stream_seg.toml", extra="forbid", env_ignore_empty=True, allow_inf_nan=False
    )

    app_id: str = Field(
        "stream-seg", pattern=r"^[A-Za-z0-9._-]+$", description="consumer group, prefix of internal topics"
    )
    partitions: int = Field(8, ge=1, le=4096, description="partitions of topics when they are created")
    replication_factor: int = Field(1, ge=1, description="replicas of topics when they are created")
    store: str = Field(MEMORY, description="where customer records live in a worker; rocksdb:// is in DATA_DIR")
    data_dir: Path = Field(Path(".stream_seg"), description="addresses of embedded services, files of stores")
    clock: Annotated[Literal["wall", "stream"], Lower] = Field("wall", description="stream: time is what events say")
    segments: int = Field(6, ge=2, le=64, description="clusters of the behavior dimension")
    model: Path | None = Field(None, description="a model snapshot file: used as it is, nothing is learned")
    features: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_FEATURES, description="what the behavior dimension is learned from: names, with commas between"
    )
    margin: float = Field(
        0.05, ge=0, lt=1, description="how far past a border a customer must be to move; 0 turns hysteresis off"
    )
    dwell: float = Field(86_400.0, ge=0, description="seconds a customer stays in a segment at least")
    half_life_days: float = Field(30.0, ge=0.001, le=36_500, description="of decayed counts and sums")
    dedup_events: int = Field(8, ge=1, le=255, description="recent event ids kept a customer")
    currency: Annotated[str, Upper] = Field("USD", description="base currency, ISO 4217")
    rates: Annotated[dict[str, float], NoDecode, Rates] = Field(
        default_factory=dict,
        description=f"value of one unit of a currency in the base currency, JSON: {RATES_EXAMPLE}",
    )
    placeholder_ids: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_PLACEHOLDERS, description="ids that belong to no customer or order, with commas between"
    )
    context_traits: Annotated[tuple[str, ...], NoDecode, Names] = Field(
        DEFAULT_CONTEXT_TRAITS, description="traits taken from where and on what device events happen"
    )
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="in front of every topic")
    redis_prefix: str = Field("seg", description="in front of every Redis key")
    worker_http_host: str = Field("127.0.0.1", description="where a worker's /metrics, /live, /ready listen")
    worker_http_port: int = Field(6066, ge=0, le=65535, description="0 turns them off")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = "info"
    log_format: Annotated[Literal["console", "json"], Lower] = "console"
    fetch_wait_ms: int | None = Field(
        None, ge=1, le=5000, description="longest a broker holds a fetch open; 500, on the embedded one 20"
    )
    session_timeout_s: float = Field(
        30.0, ge=1, le=86_400, description="a silent worker loses its partitions after this"
    )

    instance_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="static membership: this worker's own name in the group; its restart moves no partition",
    )

    @field_validator("store")
    @classmethod
    def _store_known(cls, value: str) -> str:
        if value not in (MEMORY, ROCKSDB):
            raise ValueError(f"STORE is {value!r}; write {MEMORY} or {ROCKSDB}")
        return value

    @field_validator("currency")
    @classmethod
    def _currency_known(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise ValueError(f"CURRENCY is {value!r}, which is not a currency of ISO 4217; write one such as USD")
        return value

    @field_validator("rates")
    @classmethod
    def _rates_usable(cls, value: dict[str, float]) -> dict[str, float]:
        for code, rate in value.items():
            if code not in EXPONENTS:
                raise ValueError(
                    f"RATES names {code!r}, which is not a currency of ISO 4217; write for example {RATES_EXAMPLE}"
                )
            if not 0 < rate <= HIGHEST_RATE:
                raise ValueError(
                    f"RATES says {rate:g} for {code}; write what one {code} is worth in the base currency, above 0"
                    f" and up to {HIGHEST_RATE:g}"
                )
        return value

    @field_validator("features")
    @classmethod
    def _features_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if name not in FEATURES or value.count(name) > 1]
        if wrong or not value:
            said = f"names {wrong[0]!r}, which is unknown or said twice" if wrong else "names nothing"
            raise ValueError(f"FEATURES {said}; write some of {', '.join(FEATURES)}, with commas between")
        return value

    @field_validator("context_traits")
    @classmethod
    def _context_traits_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if name not in CONTEXT_TRAITS]
        if wrong:
            known = ", ".join(CONTEXT_TRAITS)
            raise ValueError(f"CONTEXT_TRAITS names {wrong[0]!r}; write some of {known}, with commas between")
        return value

    @model_validator(mode="after")
    def _model_exists(self) -> Self:
        if self.model is not None and not self.model.is_file():
            raise ValueError(f"MODEL names {self.model}, which is not a file; give the path of a model snapshot")
        return self

    @property
    def half_life_s(self) -> float:
        """Half-life of decayed counts and sums, seconds."""
        return self.half_life_days * 86_400.0

    @property
    def changelog(self) -> str:
        """Name of the topic that holds the workers' state."""
        return f"{self.app_id}-customers-changelog"

    @property
    def intake_group(self) -> str:
        """Consumer group of the intake."""
        return f"{self.app_id}-intake"

    def topic(self, name: str) -> str:
        """Full name of one of the project's topics."""
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
        """Arguments first, then the environment, then `stream_seg.toml`."""
        return init_settings, env_settings, _TomlSource(settings_cls)
