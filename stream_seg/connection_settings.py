"""Settings of the connections to Kafka and Redis, validated before the first connection."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Final, Self, get_args
from urllib.parse import quote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings

from stream_seg.kafka.broker import Broker, Compression, SaslMechanism, Security, SecurityProtocol

EMBEDDED: Final = "embedded"
KAFKA: Final = "kafka://"
_KAFKA_SECURITY: Final = (
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_sasl_username",
    "kafka_sasl_password",
    "kafka_ssl_cafile",
    "kafka_ssl_certfile",
    "kafka_ssl_keyfile",
)
_PROTOCOLS: Final = "SASL_SSL logs in over TLS, SASL_PLAINTEXT logs in without TLS, SSL is TLS without login"
_USAGE: Final = "Write kafka://host:port[,host:port], or embedded"

Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Upper = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)


class ConnectionSettings(BaseSettings):
    """Addresses of Kafka and Redis, and options for connecting to them."""

    broker: str = Field(EMBEDDED, description="kafka://host:port[,host:port], or embedded")
    kafka_security_protocol: Annotated[SecurityProtocol, Upper] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the brokers' listener expects"
    )
    kafka_sasl_mechanism: Annotated[SaslMechanism, Upper] = Field(
        "PLAIN", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = Field(None, description="login name of a SASL protocol")
    kafka_sasl_password: SecretStr | None = Field(None, description="password of a SASL protocol")
    kafka_ssl_cafile: Path | None = Field(
        None,
        description="PEM file of the authorities that may sign the brokers' certificates, the system's by default",
    )
    kafka_ssl_certfile: Path | None = Field(None, description="PEM file of the client certificate, for mutual TLS")
    kafka_ssl_keyfile: Path | None = Field(
        None, description="PEM file of its unencrypted key, by default in the file of the certificate"
    )
    compression: Annotated[Compression, Lower] = Field(
        "none", description="compression of produced records: none, gzip, snappy, lz4 or zstd"
    )
    redis_url: str = Field(EMBEDDED, description="redis://..., rediss://..., or embedded", repr=False)
    redis_ssl_cafile: Path | None = Field(
        None,
        description="PEM file of the authorities that may sign Redis's certificate, the system's by default",
    )

    @field_validator("broker")
    @classmethod
    def _broker_reachable(cls, value: str) -> str:
        # The value may hold a password, so the error must not quote it.
        if "@" in value or "?" in value:
            raise ValueError("BROKER must not hold user, password or options. Write kafka://host:port[,host:port]")
        if value == EMBEDDED:
            return value
        if not value.startswith(KAFKA):
            raise ValueError(f"BROKER is {value!r}. {_USAGE}")
        return KAFKA + ",".join(map(_address, value.removeprefix(KAFKA).split(",")))

    @field_validator("kafka_sasl_mechanism", mode="before")
    @classmethod
    def _mechanism_supported(cls, value: object) -> object:
        if isinstance(value, str) and value.upper() not in get_args(SaslMechanism):
            raise ValueError(
                f"KAFKA_SASL_MECHANISM {value!r} is not supported. Use {', '.join(get_args(SaslMechanism))},"
                " with credentials that the broker's operator gives you"
            )
        return value

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile", "redis_ssl_cafile")
    @classmethod
    def _file_exists(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"{str(info.field_name).upper()} names {value}, which is not a file. Give a PEM file")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        if value != EMBEDDED and not value.startswith(("redis://", "rediss://")):
            raise ValueError("REDIS_URL must begin with redis:// or rediss://, or be embedded")
        if not _can_be_looked_up(_redis_host(value)):
            raise ValueError("REDIS_URL has an invalid host name. Write redis://[user:password@]host:port")
        return value

    @model_validator(mode="after")
    def _security_consistent(self) -> Self:
        """Reject credentials that the protocol would silently ignore, and protocols without their credentials."""
        named = [name for name in _KAFKA_SECURITY if name in self.model_fields_set]
        if self.broker == EMBEDDED and named:
            raise ValueError(f"{named[0].upper()} has no effect on the embedded broker. Set BROKER=kafka://host:port")
        protocol = self.kafka_security_protocol
        for name in ("kafka_sasl_username", "kafka_sasl_password"):
            present = getattr(self, name) is not None
            if present != protocol.startswith("SASL"):
                fault = "has no effect with" if present else "is needed for"
                raise ValueError(f"{name.upper()} {fault} KAFKA_SECURITY_PROTOCOL {protocol}. {_PROTOCOLS}")
        for name in ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
            if getattr(self, name) is not None and not protocol.endswith("SSL"):
                raise ValueError(f"{name.upper()} has no effect with KAFKA_SECURITY_PROTOCOL {protocol}. {_PROTOCOLS}")
        if self.kafka_ssl_keyfile is not None and self.kafka_ssl_certfile is None:
            raise ValueError("KAFKA_SSL_KEYFILE has no effect without KAFKA_SSL_CERTFILE. Set both")
        if self.redis_ssl_cafile is not None and not self.redis_url.startswith("rediss://"):
            raise ValueError("REDIS_SSL_CAFILE needs a REDIS_URL that begins with rediss://")
        return self

    @property
    def cluster(self) -> Broker:
        """The Kafka cluster in BROKER. Not defined for the embedded broker."""
        security = Security(
            protocol=self.kafka_security_protocol,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_sasl_username,
            password=None if self.kafka_sasl_password is None else self.kafka_sasl_password.get_secret_value(),
            cafile=self.kafka_ssl_cafile,
            certfile=self.kafka_ssl_certfile,
            keyfile=self.kafka_ssl_keyfile,
        )
        return Broker(self.broker.removeprefix(KAFKA), security=security, compression=self.compression)

    def embedded_broker(self, address: str) -> Broker:
        """Return the embedded broker at `host:port`."""
        return Broker(address, embedded=True, compression=self.compression)

    @property
    def redis_address(self) -> str:
        """REDIS_URL with REDIS_SSL_CAFILE as a query parameter, as redis-py expects it."""
        if self.redis_ssl_cafile is None:
            return self.redis_url
        separator = "&" if urlsplit(self.redis_url).query else "?"
        return f"{self.redis_url}{separator}ssl_ca_certs={quote(str(self.redis_ssl_cafile), safe='/')}"


def _address(text: str) -> str:
    """Return `host` or `host:port` of a broker without surrounding blanks. Raises ValueError for an invalid address.

    Error messages never quote the address, because the part in the port position may be a password.
    """
    address = text.strip()
    host, colon, port = address, "", ""
    if ":" in address and not address.endswith("]"):
        host, colon, port = address.rpartition(":")
    if not host:
        raise ValueError(f"BROKER names no host. {_USAGE}")
    if not _host(host):
        raise ValueError(f"BROKER has an invalid host name. {_USAGE} (commas between brokers, IPv6 in brackets)")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535):
        raise ValueError(f"BROKER has a port that is not a number from 1 to 65535. {_USAGE}")
    return address


def _host(text: str) -> bool:
    """Return whether a text can be a host: a name, an IPv4 address, or an IPv6 address in brackets."""
    try:
        if text.startswith("[") and text.endswith("]"):
            IPv6Address(text[1:-1])
            return True
    except ValueError:
        return False
    return _can_be_looked_up(text) and text.isprintable() and not set(text) & set(" :/\\[]")


def _can_be_looked_up(host: str) -> bool:
    """Return whether a host name can be encoded. For any other name, a lookup would raise this same error."""
    try:
        host.encode("idna")
    except ValueError:
        return False
    return True


def _redis_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # not a URL, which the client reports with the remedy
