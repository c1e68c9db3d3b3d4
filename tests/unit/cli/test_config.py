"""Settings that are wrong are named, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.cli.config import load_settings, misspelled
from stream_seg.core.feature_names import DEFAULT_FEATURES
from stream_seg.errors import UsageError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PARTITIONS", "many", "STREAM_SEG_PARTITIONS is 'many': input should be a valid integer"),
        ("CLOCK", "sun", "STREAM_SEG_CLOCK is 'sun': input should be 'wall' or 'stream'"),
        ("BROKER", "localhost:9092", "STREAM_SEG_BROKER is 'localhost:9092'. Write kafka://host:port"),
        ("MODEL", "/no/such/model.json", "STREAM_SEG_MODEL names /no/such/model.json, which is not a file"),
        ("FEATURES", "order_rate,spent", "STREAM_SEG_FEATURES names 'spent', which is unknown or repeated. Write"),
        ("FEATURES", "order_rate,order_rate", "STREAM_SEG_FEATURES names 'order_rate', which is unknown or repeated"),
        ("FEATURES", ",", "STREAM_SEG_FEATURES is empty. Write some of order_rate, "),
        ("RATES", "EUR=1.08", 'STREAM_SEG_RATES is not JSON. Write for example {"EUR": 1.08}'),
        ("RATES", "[" * 100_000, "STREAM_SEG_RATES is not JSON. Write"),
        ("RATES", '{"EUR": NaN}', "STREAM_SEG_RATES is not JSON. Write"),
        ("RATES", '{"EURO": 1.08}', "STREAM_SEG_RATES names 'EURO', which is not an ISO 4217 currency. Write"),
        ("RATES", '{"XAU": 4000}', "STREAM_SEG_RATES names 'XAU', which is not an ISO 4217 currency. Write"),
        ("RATES", '{"EUR": 0}', "STREAM_SEG_RATES says 0 for EUR. Write the value of one EUR in the base currency"),
        ("RATES", '{"eur": -1.08}', "STREAM_SEG_RATES says -1.08 for EUR. Write the value of one EUR"),
        ("RATES", '{"EUR": 1e308}', "STREAM_SEG_RATES says 1e+308 for EUR. Write the value of one EUR"),
        ("RATES", '{"EUR": 1.08, "eur": 1.09}', "STREAM_SEG_RATES names a currency twice, in upper and lower"),
        ("RATES", "[1.08]", "STREAM_SEG_RATES is [1.08]: input should be a valid dictionary"),
        ("CURRENCY", "XXX", "STREAM_SEG_CURRENCY is 'XXX', which is not an ISO 4217 currency. Write one such as USD"),
        ("CURRENCY", "dollar", "STREAM_SEG_CURRENCY is 'DOLLAR', which is not an ISO 4217 currency. Write one"),
        ("HALF_LIFE_DAYS", "inf", "STREAM_SEG_HALF_LIFE_DAYS is 'inf': input should be a finite number"),
        ("HALF_LIFE_DAYS", "1e300", "STREAM_SEG_HALF_LIFE_DAYS is '1e300': input should be less than or equal to"),
        ("HALF_LIFE_DAYS", "1e-300", "STREAM_SEG_HALF_LIFE_DAYS is '1e-300': input should be greater than or equal"),
        ("DWELL", "inf", "STREAM_SEG_DWELL is 'inf': input should be a finite number"),
        ("DWELL", "nan", "STREAM_SEG_DWELL is 'nan': input should be a finite number"),
        ("MARGIN", "nan", "STREAM_SEG_MARGIN is 'nan': input should be a finite number"),
        ("SESSION_TIMEOUT_S", "inf", "STREAM_SEG_SESSION_TIMEOUT_S is 'inf': input should be a finite number"),
        ("INTAKE_TOPICS", "a b", "STREAM_SEG_INTAKE_TOPICS names 'a b', which is not a valid topic name. Write"),
        ("INTAKE_TOPICS", "a,b,a", "STREAM_SEG_INTAKE_TOPICS names 'a' twice. Remove one"),
        ("INTAKE_MAP", "m.toml", "STREAM_SEG_INTAKE_MAP names m.toml, which is not a file. Give the path"),
        ("INTAKE_MAP", "a=b.toml,a=c.toml", "STREAM_SEG_INTAKE_MAP has two files for the topic 'a'. Write one, or"),
        ("REDIS_URL", "redis://a..b:6379", "STREAM_SEG_REDIS_URL has an invalid host name. Write redis://"),
    ],
)
def test_a_variable(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"STREAM_SEG_{name}", value)

    with pytest.raises(UsageError) as caught:
        load_settings()

    assert str(caught.value).startswith(says)


NO_HOST = "names no host"
BAD_HOST = "has an invalid host name"
BAD_PORT = "has a port that is not a number from 1 to 65535"


@pytest.mark.parametrize(
    ("broker", "says"),
    [
        ("kafka://", NO_HOST),
        ("kafka://,,", NO_HOST),
        ("kafka://a:1,", NO_HOST),
        ("kafka://:9092", NO_HOST),
        ("kafka://localhost:abc", BAD_PORT),
        ("kafka://host:", BAD_PORT),
        ("kafka://h:-1", BAD_PORT),
        ("kafka://h:0", BAD_PORT),
        ("kafka://h:٣", BAD_PORT),
        ("kafka://h:9092/", BAD_PORT),
        ("kafka://localhost:99999", BAD_PORT),
        ("kafka://a:1,b:" + "9" * 5_000, BAD_PORT),
        ("kafka://hidden:s3cret", BAD_PORT),
        ("kafka://a:b:c", BAD_HOST),
        ("kafka://[::1", BAD_HOST),
        ("kafka://::1", BAD_HOST),
        ("kafka://[localhost]:1", BAD_HOST),
        ("kafka://a:1;b:2", BAD_HOST),
        ("kafka://a:1,kafka://b:2", BAD_HOST),
        ("kafka://a b:1", BAD_HOST),
        ("kafka://a..b:1", BAD_HOST),
        ("kafka://" + "a" * 64 + ":1", BAD_HOST),
        ("kafka://a\x1b:1", BAD_HOST),
    ],
)
def test_a_broker_where_none_can_be(broker: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_BROKER", broker)

    with pytest.raises(UsageError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"STREAM_SEG_BROKER {says}. Write kafka://host:port[,host:port], or embedded")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("broker", "bootstrap"),
    [
        ("kafka://localhost:9092", "localhost:9092"),
        ("kafka://a.example.org:1,b_2:65535", "a.example.org:1,b_2:65535"),
        ("kafka://127.0.0.1:9092, [::1]:9093 ,[fe80::1%eth0]:1", "127.0.0.1:9092,[::1]:9093,[fe80::1%eth0]:1"),
        ("kafka://kafka", "kafka"),
        ("kafka://[::1]", "[::1]"),
    ],
)
def test_brokers(broker: str, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_BROKER", broker)

    assert load_settings().cluster.address == bootstrap


def test_rates_are_json_or_a_table_and_codes_of_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_RATES", '{"eur": 1.08, "GBP": 1.25}')
    assert load_settings().rates == {"EUR": 1.08, "GBP": 1.25}
    monkeypatch.setenv("STREAM_SEG_RATES", "")
    assert load_settings().rates == {}
    Path("stream_seg.toml").write_text("rates = '{\"EUR\": 1.08}'\n")
    assert load_settings().rates == {"EUR": 1.08}
    Path("stream_seg.toml").write_text("[rates]\neur = 1.08\n")
    assert load_settings().rates == {"EUR": 1.08}
    Path("stream_seg.toml").write_text("[rates]\neur = inf\n")
    with pytest.raises(UsageError, match="STREAM_SEG_RATES is inf: input should be a finite number"):
        load_settings()


def test_what_is_empty_in_the_file_is_not_set() -> None:
    Path("stream_seg.toml").write_text('model = ""\nRATES = ""\nredis_prefix = ""\n')

    settings = load_settings()

    assert (settings.model, settings.rates, settings.redis_prefix) == (None, {}, "seg")


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
    Path("stream_seg.toml").write_bytes('app_id = "Köln"\n'.encode("latin-1"))
    with pytest.raises(UsageError, match=r"stream_seg\.toml is not UTF-8, as TOML must be .*; save it as UTF-8"):
        load_settings()


def test_what_a_command_gives_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_SEG_CLOCK", "wall")

    assert load_settings(clock="stream").clock == "stream"


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("STREAM_SEG_PARTITION", "STREAM_SEG_PARTITIONS"),
        ("stream_seg_redisurl", "STREAM_SEG_REDIS_URL"),
        ("STREAM_SEG_KAFKA_PASSWORD", "STREAM_SEG_KAFKA_SASL_PASSWORD"),
    ],
)
def test_a_misspelled_variable_is_reported_with_the_nearest_name(variable: str, nearest: str) -> None:
    assert misspelled([variable]) == [
        f"stream-seg: {variable} is not a setting, so it is ignored; did you mean {nearest}?"
    ]


def test_known_and_unrelated_variables_are_not_reported() -> None:
    assert misspelled(["STREAM_SEG_PARTITIONS", "stream_seg_broker", "STREAM_SEG_CRASH_AT", "PARTITION"]) == []


def test_the_warning_appears_once_and_without_the_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAM_SEG_KAFKA_PASSWORD", "hunter2")

    load_settings()

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("STREAM_SEG_KAFKA_PASSWORD") == 1
    assert "hunter2" not in shown.err
