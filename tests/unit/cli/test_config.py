"""Settings that are wrong are named, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.cli.config import load_settings
from stream_seg.cli.errors import UsageError
from stream_seg.core.features import DEFAULT_FEATURES


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PARTITIONS", "many", "STREAM_SEG_PARTITIONS is 'many': input should be a valid integer"),
        ("CLOCK", "sun", "STREAM_SEG_CLOCK is 'sun': input should be 'wall' or 'stream'"),
        ("BROKER", "localhost:9092", "STREAM_SEG_BROKER is 'localhost:9092'; write kafka://host:port"),
        ("MODEL", "/no/such/model.json", "STREAM_SEG_MODEL names /no/such/model.json, which is not a file"),
        ("FEATURES", "order_rate,spent", "STREAM_SEG_FEATURES names 'spent', which is unknown or said twice; write"),
        ("FEATURES", "order_rate,order_rate", "STREAM_SEG_FEATURES names 'order_rate', which is unknown or said twice"),
        ("FEATURES", ",", "STREAM_SEG_FEATURES names nothing; write some of order_rate, "),
        ("RATES", "EUR=1.08", 'STREAM_SEG_RATES is not JSON; write for example {"EUR": 1.08}'),
    ],
)
def test_a_variable(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"STREAM_SEG_{name}", value)

    with pytest.raises(UsageError) as caught:
        load_settings()

    assert str(caught.value).startswith(says)


def test_features_are_names_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().features == DEFAULT_FEATURES
    monkeypatch.setenv("STREAM_SEG_FEATURES", "order_rate, browse_rate")
    assert load_settings().features == ("order_rate", "browse_rate")
    monkeypatch.delenv("STREAM_SEG_FEATURES")
    Path("stream_seg.toml").write_text('FEATURES = ["order_rate", "basket_value"]\n')
    assert load_settings().features == ("order_rate", "basket_value")


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_REDIS_URL", "http://user:s3cret@cache:6379")

    with pytest.raises(UsageError, match="REDIS_URL must begin with redis://") as caught:
        load_settings()

    assert "s3cret" not in str(caught.value)


def test_all_mistakes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_PARTITIONS", "0")
    monkeypatch.setenv("STREAM_SEG_LOG_LEVEL", "loud")

    with pytest.raises(UsageError, match=r"STREAM_SEG_PARTITIONS is '0'.*; STREAM_SEG_LOG_LEVEL is 'loud'"):
        load_settings()


def test_the_file() -> None:
    Path("stream_seg.toml").write_text("partitoins = 4\n")
    with pytest.raises(UsageError, match=r"stream_seg\.toml sets 'partitoins', which is not a setting"):
        load_settings()
    Path("stream_seg.toml").write_text("partitions: 4\n")
    with pytest.raises(UsageError, match=r"stream_seg\.toml is not TOML"):
        load_settings()


def test_what_a_command_gives_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_CLOCK", "wall")

    assert load_settings(clock="stream").clock == "stream"
