"""Settings and records before any service is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_seg.addresses import Addresses
from stream_seg.embedded.services import attach_services, open_services
from stream_seg.errors import EmbeddedError
from stream_seg.kafka.broker import Broker
from stream_seg.settings import Settings

OWN = {"broker": "kafka://kafka-1:9092,kafka-2:9092", "redis_url": "rediss://cache:6380/2"}
OWN_ADDRESSES = Addresses(Broker("kafka-1:9092,kafka-2:9092"), "rediss://cache:6380/2")


def test_services_of_the_settings_are_used_and_not_recorded(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", **OWN)

    with open_services(settings) as addresses:
        assert addresses == OWN_ADDRESSES

    assert attach_services(settings) == OWN_ADDRESSES
    assert not (tmp_path / "data").exists()


def test_attaching_without_a_service_explains_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"no embedded broker is running for .* set STREAM_SEG_BROKER"):
        attach_services(Settings(data_dir=tmp_path))


def test_attaching_names_the_variable_of_the_service_that_is_missing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, broker=OWN["broker"])

    with pytest.raises(EmbeddedError, match=r"no embedded redis is running for .* set STREAM_SEG_REDIS_URL"):
        attach_services(settings)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"not json",
        b"[1, 2]",
        b'{"broker": "127.0.0.1:9092"}',
        b'{"broker": {"host": "other fields"}}',
        b'{"broker": {"address": "127.0.0.1:1", "identity": "gone", "pid": 1}}',
        b'{"broker": {"address": "no port", "identity": "gone", "pid": 1}}',
    ],
)
def test_a_broken_or_stale_record_counts_as_none(tmp_path: Path, record: bytes) -> None:
    (tmp_path / "services.json").write_bytes(record)

    with pytest.raises(EmbeddedError, match="no embedded broker is running"):
        attach_services(Settings(data_dir=tmp_path))


def test_a_record_of_an_unknown_kind_is_ignored(tmp_path: Path) -> None:
    entry = {"address": "127.0.0.1:1", "identity": "x", "pid": 1}
    (tmp_path / "services.json").write_text(json.dumps({"schema_registry": entry}))

    with pytest.raises(EmbeddedError, match="no embedded broker is running"):
        attach_services(Settings(data_dir=tmp_path))
