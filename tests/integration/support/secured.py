"""An Apache Kafka with TLS, client certificates, logins and permissions, and certificates of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from apache_kafka.secured import ADMIN, Secured
from apache_kafka.server import ApacheKafka
from stream_seg.embedded.process import HOST
from stream_seg.kafka.broker import Broker, SaslMechanism, Security, SecurityProtocol

PASSWORDS = {ADMIN: "adm-1n-s3cret", "shop": "sh0p-s3cret", "newcomer": "n3w-s3cret"}
LISTENERS: dict[SecurityProtocol, str] = {"SSL": "TLS", "SASL_PLAINTEXT": "LOGIN", "SASL_SSL": "LOGIN_TLS"}


@dataclass(frozen=True)
class Certificates:
    """PEM files. `ca` signed all but `stranger`, which `strangers_ca` signed. `elsewhere` is for another host.

    Certificate files include the key. `client_key` and `encrypted_key` hold only the key of `client`.
    """

    ca: Path
    server: Path
    expired_server: Path
    elsewhere: Path
    client: Path
    client_key: Path
    encrypted_key: Path
    stranger: Path
    expired_client: Path
    strangers_ca: Path


def certificates(directory: Path) -> Certificates:
    """Make certificates in an empty folder."""
    ours, strangers = trustme.CA(), trustme.CA()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    made = Certificates(*(directory / f"{name}.pem" for name in Certificates.__dataclass_fields__))
    ours.cert_pem.write_to_path(made.ca)
    strangers.cert_pem.write_to_path(made.strangers_ca)
    client = ours.issue_cert("client")
    for path, certificate in {
        made.server: ours.issue_cert(HOST, "localhost"),
        made.expired_server: ours.issue_cert(HOST, "localhost", not_after=yesterday),
        made.client: client,
        made.elsewhere: ours.issue_cert("elsewhere.example"),
        made.stranger: strangers.issue_cert("client"),
        made.expired_client: ours.issue_cert("client", not_after=yesterday),
    }.items():
        path.write_bytes(_key(certificate) + b"".join(part.bytes() for part in certificate.cert_chain_pems))
    made.client_key.write_bytes(_key(client))
    made.encrypted_key.write_bytes(_key(client, b"passphrase"))
    return made


def _key(certificate: trustme.LeafCert, passphrase: bytes | None = None) -> bytes:
    """Return the private key in PKCS 8, the only form that Java reads."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@dataclass(frozen=True)
class SecuredKafka:
    """A running secured node and its certificates."""

    secured: Secured
    certificates: Certificates
    open: Broker  # the listener without security, for setup

    def broker(self, protocol: SecurityProtocol, mechanism: SaslMechanism = "PLAIN", user: str = ADMIN) -> Broker:
        """Return the broker as a client with the right settings sees it."""
        security = Security(
            protocol,
            mechanism,
            username=user if protocol.startswith("SASL") else None,
            password=PASSWORDS[user] if protocol.startswith("SASL") else None,
            cafile=self.certificates.ca if protocol.endswith("SSL") else None,
        )
        return Broker(self.secured.address(LISTENERS[protocol]), security=security)

    def mutual(self, certfile: Path, keyfile: Path | None = None) -> Broker:
        """Return the listener that asks for a client certificate, with this one."""
        security = Security("SSL", cafile=self.certificates.ca, certfile=certfile, keyfile=keyfile)
        return Broker(self.secured.address("MUTUAL"), security=security)


@contextmanager
def secured_kafka(directory: Path) -> Iterator[SecuredKafka]:
    """Run a secured node. Raises EmbeddedError when Java or Maven are missing."""
    made = certificates(directory)
    secured = Secured(made.server, made.ca, PASSWORDS)
    with ApacheKafka(secured) as kafka:
        yield SecuredKafka(secured, made, Broker(kafka.address))


def settings_of(broker: Broker) -> dict[str, str]:
    """Return the settings that describe a broker, names without prefix."""
    security = broker.security
    found = {
        "BROKER": f"kafka://{broker.address}",
        "KAFKA_SECURITY_PROTOCOL": security.protocol,
        "KAFKA_SASL_MECHANISM": security.mechanism,
        "KAFKA_SASL_USERNAME": security.username,
        "KAFKA_SASL_PASSWORD": security.password,
        "KAFKA_SSL_CAFILE": security.cafile,
        "KAFKA_SSL_CERTFILE": security.certfile,
        "KAFKA_SSL_KEYFILE": security.keyfile,
    }
    return {name: str(value) for name, value in found.items() if value is not None}
