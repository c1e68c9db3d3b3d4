"""Explains why a broker refuses a client (TLS, login, permissions), in one sentence that says what to do."""

from __future__ import annotations

import ssl
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream_seg.errors import BrokerError, BrokerRefused, BrokerUnavailable, causes
from stream_seg.kafka.broker import Broker, Security

PROBE_TIMEOUT_MS: Final = 5_000

# OpenSSL's codes X509_V_ERR_*, which Python does not name.
_NOT_YET_VALID, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64
# Alerts with which a broker rejects the client's certificate, or asks for one.
_CLIENT_REFUSED: Final = ("CERTIFICATE_REQUIRED", "ALERT_CERTIFICATE", "BAD_CERTIFICATE", "UNKNOWN_CA", "ALERT_ACCESS")
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF", "RECORD_LAYER", "INVALID_")

_LOGIN: Final = "check STREAM_SEG_KAFKA_SASL_USERNAME and STREAM_SEG_KAFKA_SASL_PASSWORD"
_PERMISSIONS: Final = "docs/guides/connections.md#permissions lists the permissions that each command needs"


async def refused(error: BaseException, broker: Broker) -> BrokerError:
    """Return the reason of a connection attempt that failed with `error`.

    aiokafka only logs the reason, so this connects to each broker once more. Raises BrokerError when a certificate file
    cannot be used.
    """
    if (sentence := explain(error, broker)) is not None:
        return BrokerRefused(sentence)
    options = broker.client_options()
    del options["bootstrap_servers"]
    for host, port, _ in collect_hosts(broker.address):
        try:
            connection = await create_conn(host, port, request_timeout_ms=PROBE_TIMEOUT_MS, **options)
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except (KafkaError, OSError, TimeoutError) as why:
            if (sentence := explain(why, broker) or _hung_up(why, broker)) is not None:
                return BrokerRefused(sentence)
    return BrokerUnavailable(broker.address)


def answered(error: BaseException, broker: Broker) -> BrokerError:
    """Return the BrokerError for an error in a broker's answer."""
    if (sentence := explain(error, broker)) is not None:
        return BrokerRefused(sentence)
    return BrokerError(f"the broker at {broker.address} answers with an error: {error}")


def explain(error: BaseException, broker: Broker) -> str | None:
    """Return why the broker refuses this client, in one sentence, or None for other errors."""
    for each in causes(error):
        sentence = _tls(each, broker) or _login(each, broker) or _permission(each, broker)
        if sentence is not None:
            return sentence
    return None


def _tls(error: BaseException, broker: Broker) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the broker at {broker.address} {_certificate(error)}"
    if not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or str(error)
    if any(part in reason for part in _CLIENT_REFUSED):
        return _client_certificate(broker)
    if any(part in reason for part in _NOT_TLS):
        return _no_tls(broker)
    return f"no TLS connection to the broker at {broker.address} ({reason}); check the STREAM_SEG_KAFKA_SSL_* settings"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "has expired; renew it on the broker"
        case code if code == _NOT_YET_VALID:
            return "is not valid yet; check the clocks of both machines"
        case code if code in (_WRONG_NAME, _WRONG_ADDRESS):
            return "is for another host name; write a name that it lists into STREAM_SEG_BROKER"
        case _:
            return (
                f"is not trusted ({error.verify_message}); set STREAM_SEG_KAFKA_SSL_CAFILE to the certificate"
                " of the authority that signed it"
            )


def _client_certificate(broker: Broker) -> str:
    if broker.security.certfile is None:
        return (
            f"the broker at {broker.address} asks for a client certificate; set STREAM_SEG_KAFKA_SSL_CERTFILE"
            " and STREAM_SEG_KAFKA_SSL_KEYFILE"
        )
    return (
        f"the broker at {broker.address} refuses the client certificate {broker.security.certfile}: it has expired,"
        " or the broker does not trust the authority that signed it"
    )


def _login(error: BaseException, broker: Broker) -> str | None:
    security = broker.security
    if isinstance(error, (SaslAuthenticationFailed, AuthenticationFailedError)):
        return f"the broker at {broker.address} refuses the login of {security.username!r}; {_LOGIN}"
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"the broker at {broker.address} does not offer {security.mechanism};"
            " set STREAM_SEG_KAFKA_SASL_MECHANISM to one that it offers"
        )
    if isinstance(error, IllegalSaslStateError):
        return (
            f"the broker at {broker.address} expects no login on this port;"
            f" STREAM_SEG_KAFKA_SECURITY_PROTOCOL is {security.protocol}"
        )
    return None


def _permission(error: BaseException, broker: Broker) -> str | None:
    if isinstance(error, TopicAuthorizationFailedError):
        return _denied(broker, "topics", error)
    if isinstance(error, GroupAuthorizationFailedError):
        return _denied(broker, "consumer group", error)
    if isinstance(error, ClusterAuthorizationFailedError):
        return (
            f"the broker does not let {_user(broker.security)} create topics, or write with an idempotent producer;"
            f" {_PERMISSIONS}"
        )
    return None


def _denied(broker: Broker, what: str, error: KafkaError) -> str:
    named = ", ".join(map(_name, error.args)) or "it asks for"
    return f"the broker does not let {_user(broker.security)} use the {what} {named}; {_PERMISSIONS}"


def _name(resource: Any) -> str:
    return ", ".join(sorted(map(str, resource))) if isinstance(resource, (set, frozenset, list)) else str(resource)


def _user(security: Security) -> str:
    if security.sasl:
        return f"user {security.username!r}"
    return "this client certificate" if security.certfile is not None else "clients without a login"


def _hung_up(error: BaseException, broker: Broker) -> str | None:
    """Return why a broker closes a new connection at once. Later, a closed connection has no such meaning."""
    found = list(causes(error))
    # A broker that expects no TLS takes the handshake for an absurdly long request and resets the connection.
    if broker.security.tls and any(isinstance(each, ConnectionResetError) for each in found):
        return _no_tls(broker)
    if isinstance(error, KafkaConnectionError) and any(isinstance(each, EOFError) for each in found):
        return (
            f"the broker at {broker.address} closes the connection: it may expect TLS or a login;"
            f" STREAM_SEG_KAFKA_SECURITY_PROTOCOL is {broker.security.protocol}"
        )
    return None


def _no_tls(broker: Broker) -> str:
    return (
        f"the broker at {broker.address} does not answer with TLS on this port;"
        f" STREAM_SEG_KAFKA_SECURITY_PROTOCOL is {broker.security.protocol}"
    )
