"""Log records take one line, libraries are quiet, and passwords are hidden."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from stream_seg.ops.logging import LIBRARIES, configure_logging, redact

log = logging.getLogger("stream_seg.worker.test")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Restore the logging configuration, which the whole process shares."""
    root, handlers, level = logging.root, logging.root.handlers[:], logging.root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    disabled = logging.root.manager.disable
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)
    logging.disable(disabled)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_a_line_of_text(out: io.StringIO) -> None:
    configure_logging("info", "console", stream=out)

    log.info("took %d partitions", 4, extra={"epoch": 17})

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    took 4 partitions epoch=17\n", out.getvalue())


def test_a_line_of_json(out: io.StringIO) -> None:
    configure_logging("info", "json", stream=out)

    log.warning("took %d partitions", 4, extra={"epoch": 17, "topic": "käufe", "none": None, "path": io})

    entry = json.loads(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry.pop("path").startswith("<module 'io'")
    assert entry == {
        "level": "warning",
        "logger": "stream_seg.worker.test",
        "message": "took 4 partitions",
        "epoch": 17,
        "topic": "käufe",
        "none": None,
    }


@pytest.mark.parametrize("style", ["console", "json"])
def test_an_exception_comes_with_its_traceback(out: io.StringIO, style: str) -> None:
    configure_logging("info", style, stream=out)  # type: ignore[arg-type]

    try:
        raise ConnectionError("redis://:s3cret@cache:6379/0 does not answer")
    except ConnectionError:
        log.exception("Redis is away")

    assert "Redis is away" in out.getvalue()
    assert "ConnectionError: redis://:***@cache:6379/0 does not answer" in out.getvalue()
    assert "s3cret" not in out.getvalue()


def test_libraries_are_silent_below_warning(out: io.StringIO) -> None:
    configure_logging("debug", "console", stream=out)

    for name in ("faust.app", "mode.services", "aiokafka.consumer.fetcher", "aiokafka"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("of note")
    log.debug("ours")

    assert "chatter" not in out.getvalue()
    assert out.getvalue().count("of note") == 4
    assert "ours" in out.getvalue()


def test_a_command_may_silence_libraries_completely(out: io.StringIO) -> None:
    configure_logging("info", "console", libraries=logging.CRITICAL, stream=out)

    logging.getLogger("aiokafka").error("Unable connect to node")

    assert out.getvalue() == ""


def test_a_root_logger_set_to_debug_costs_and_prints_nothing(out: io.StringIO) -> None:
    configure_logging("warning", "console", stream=out)

    # Faust does this at log level warning.
    logging.root.setLevel(logging.DEBUG)
    logging.root.handlers[0].setLevel(logging.DEBUG)
    logging.getLogger("some.library").debug("chatter")
    log.info("ours")

    assert not logging.getLogger("some.library").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("mode.services").isEnabledFor(logging.INFO)
    assert out.getvalue() == ""


def test_configuring_again_replaces_the_configuration(out: io.StringIO) -> None:
    configure_logging("error", "json", stream=io.StringIO())
    configure_logging("info", "console", stream=out)

    log.info("once")

    assert out.getvalue().count("once") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("rediss://app:s3:cr@et@cache:6380/0", "rediss://app:***@cache:6380/0"),
        ("redis://cache:6379/0?password=s3cret&db=1", "redis://cache:6379/0?password=***&db=1"),
        ("kafka://app:s3cret@k-1:9092,k-2:9092 is away", "kafka://app:***@k-1:9092,k-2:9092 is away"),
        ("no URL at all: a@b", "no URL at all: a@b"),
    ],
)
def test_passwords_of_urls_are_never_shown(text: str, shown: str) -> None:
    assert redact(text) == shown
