"""Tests of connection settings: valid combinations, and the errors for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.cli.config import load_settings
from stream_seg.errors import UsageError
from stream_seg.kafka.broker import Broker, Security
from stream_seg.settings import Settings

KAFKA = {"broker": "kafka://k-1:9093,k-2:9093"}
LOGIN = {"kafka_sasl_username": "shop", "kafka_sasl_password": "s3cret"}


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """Return the path of a file that exists."""
    path = tmp_path / "file.pem"
    path.write_text("-")
    return path


def test_everything_reaches_the_broker(pem: Path) -> None:
    settings = Settings(
        **KAFKA,
        **LOGIN,
        kafka_security_protocol="sasl_ssl",
        kafka_sasl_mechanism="scram-sha-256",
        kafka_ssl_cafile=pem,
        kafka_ssl_certfile=pem,
        kafka_ssl_keyfile=pem,
        compression="LZ4",
    )
    security = Security("SASL_SSL", "SCRAM-SHA-256", "shop", "s3cret", pem, pem, pem)
    assert settings.cluster == Broker("k-1:9093,k-2:9093", security=security, compression="lz4")


def test_a_client_without_security_gets_only_an_address() -> None:
    assert Settings(**KAFKA).cluster.client_options() == {
        "bootstrap_servers": "k-1:9093,k-2:9093",
        "security_protocol": "PLAINTEXT",
    }


def test_a_login_reaches_every_client() -> None:
    options = Broker("k:9092", security=Security("SASL_PLAINTEXT", "PLAIN", "shop", "s3cret")).client_options()
    assert options == {
        "bootstrap_servers": "k:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "shop",
        "sasl_plain_password": "s3cret",
    }


def test_no_representation_shows_passwords() -> None:
    settings = Settings(**KAFKA, **LOGIN, kafka_security_protocol="SASL_SSL", redis_url="redis://u:pa55@h:1/0")
    shown = repr(settings) + str(settings) + repr(settings.cluster)
    assert "s3cret" not in shown
    assert "pa55" not in shown


def test_the_url_of_redis_includes_its_authority(tmp_path: Path) -> None:
    odd = tmp_path / "a b&c.pem"
    odd.write_text("-")
    quoted = str(odd).replace(" ", "%20").replace("&", "%26")
    url = "rediss://u:p@h:1/0"
    assert Settings(redis_url=url, redis_ssl_cafile=odd).redis_address == f"{url}?ssl_ca_certs={quoted}"
    more = f"{url}?protocol=3"
    assert Settings(redis_url=more, redis_ssl_cafile=odd).redis_address == f"{more}&ssl_ca_certs={quoted}"
    assert Settings(redis_url=url).redis_address == url


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "KAFKA_SASL_MECHANISM 'OAUTHBEARER' is not supported. Use PLAIN, SCRAM",
        ),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM 'GSSAPI' is not supported. Use PLAIN, SCRAM"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is 'TLS': input should be 'PLAINTEXT', 'SSL'"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME is needed for KAFKA_SECURITY_PROTOCOL SASL_SSL"),
        ({"KAFKA_SASL_USERNAME": "shop"}, "KAFKA_SASL_USERNAME has no effect with KAFKA_SECURITY_PROTOCOL PLAINTEXT"),
        ({"KAFKA_SASL_PASSWORD": "s3cret"}, "KAFKA_SASL_PASSWORD has no effect with KAFKA_SECURITY_PROTOCOL PLAINTEXT"),
        ({"KAFKA_SSL_CAFILE": "{pem}"}, "KAFKA_SSL_CAFILE has no effect with KAFKA_SECURITY_PROTOCOL PLAINTEXT"),
        ({"KAFKA_SSL_CAFILE": "/no/where"}, "KAFKA_SSL_CAFILE names /no/where, which is not a file. Give a PEM file"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "{pem}"},
            "KAFKA_SSL_KEYFILE has no effect without KAFKA_SSL_CERTFILE. Set both",
        ),
        (
            {"BROKER": "embedded", "KAFKA_SECURITY_PROTOCOL": "SSL"},
            "KAFKA_SECURITY_PROTOCOL has no effect on the embedded broker",
        ),
        ({"REDIS_SSL_CAFILE": "{pem}"}, "REDIS_SSL_CAFILE needs a REDIS_URL that begins with rediss://"),
        (
            {"COMPRESSION": "brotli"},
            "COMPRESSION is 'brotli': input should be 'none', 'gzip', 'snappy', 'lz4' or 'zstd'",
        ),
    ],
)
def test_an_invalid_combination_is_refused(
    variables: dict[str, str], says: str, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"BROKER": KAFKA["broker"], **variables}.items():
        monkeypatch.setenv(f"STREAM_SEG_{name}", value.format(pem=pem))
    with pytest.raises(UsageError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"STREAM_SEG_{says}")
    assert "s3cret" not in str(refused.value)
