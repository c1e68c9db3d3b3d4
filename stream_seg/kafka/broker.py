"""The `Broker` value: the address of Kafka and how to connect to it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from stream_seg.errors import BrokerError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]

# Kafka answers a fetch as soon as there is data. The embedded broker looks for new records at half of the wait.
FETCH_WAIT_MS: Final = 500
EMBEDDED_FETCH_WAIT_MS: Final = 20
EMBEDDED_FOLLOW_WAIT_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Security:
    """How a client authenticates, and how it verifies the broker. By default it does neither.

    `cafile` has the certificates to trust, in PEM. Without it the system's are trusted. `certfile` and `keyfile` (PEM,
    with an unencrypted key) are this client's own, for mutual TLS.
    """

    protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: SaslMechanism = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def sasl(self) -> bool:
        """Whether the client logs in with user name and password."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None without TLS. Raises BrokerError when a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.cafile is None else str(self.cafile))
        except OSError as error:
            raise BrokerError(f"STREAM_SEG_KAFKA_SSL_CAFILE {self.cafile} cannot be used: {_why(error)}") from None
        if self.certfile is not None:
            try:
                context.load_cert_chain(self.certfile, self.keyfile, password=_no_password)
            except OSError as error:
                files = f"STREAM_SEG_KAFKA_SSL_CERTFILE {self.certfile}"
                files += f" with STREAM_SEG_KAFKA_SSL_KEYFILE {self.keyfile}" if self.keyfile is not None else ""
                raise BrokerError(f"{files} cannot be used: {_why(error)}") from None
        return context


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka cluster, or the embedded broker, as clients see it.

    `address` is `host:port[,host:port]`. `embedded` is true for the broker from a wheel, which has quirks.
    `compression` applies to produced records. All codecs can be read.
    """

    address: str
    embedded: bool = False
    security: Security = Security()
    compression: Compression = "none"

    @property
    def fetch_wait_ms(self) -> int:
        """Longest wait of a worker's fetch of inputs, in milliseconds, unless the settings have another."""
        return EMBEDDED_FETCH_WAIT_MS if self.embedded else FETCH_WAIT_MS

    @property
    def follow_wait_ms(self) -> int:
        """The same for topics that rarely get records, such as models."""
        return EMBEDDED_FOLLOW_WAIT_MS if self.embedded else FETCH_WAIT_MS

    @property
    def codec(self) -> str | None:
        """The compression of producers in the form of aiokafka and Faust."""
        return None if self.compression == "none" else self.compression

    def client_options(self) -> dict[str, Any]:
        """Return the arguments that every aiokafka client, consumer, producer and admin client needs.

        Raises BrokerError when a certificate file cannot be used.
        """
        security = self.security
        options: dict[str, Any] = {"bootstrap_servers": self.address, "security_protocol": security.protocol}
        if security.tls:
            options["ssl_context"] = security.context()
        if security.sasl:
            options |= {
                "sasl_mechanism": security.mechanism,
                "sasl_plain_username": security.username,
                "sasl_plain_password": security.password,
            }
        return options


def _no_password() -> str:
    """Reject an encrypted key. Otherwise OpenSSL would ask for the password on the terminal of a worker."""
    raise OSError("the key is encrypted; write it unencrypted: openssl pkey -in KEY -out PLAIN_KEY")


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it is not PEM, or its parts do not belong together ({error.reason or error})"
    return error.strerror or str(error)
