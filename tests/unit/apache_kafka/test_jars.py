"""Fetching Apache Kafka: once, completely or not at all, and with a message about a missing tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from apache_kafka.jars import jars, java, version
from stream_seg.errors import EmbeddedError

COPIES = 'for last; do :; done; mkdir "${last#-DoutputDirectory=}"; touch "${last#-DoutputDirectory=}/kafka.jar"'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder at the start of PATH. Downloads go to another."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_missing_tool_is_named(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(EmbeddedError, match=r"it needs Java 17 or newer, and there is no `java` on the PATH"):
        java()
    with pytest.raises(EmbeddedError, match=r"it needs Maven, and there is no `mvn` on the PATH"):
        jars()


def test_jars_are_fetched_only_once(programs: Path) -> None:
    program(programs, "mvn", COPIES)
    found = jars()
    program(programs, "mvn", "exit 1")

    assert found == jars() == programs / "cache" / "stream_seg" / f"kafka-{version()}"
    assert [path.name for path in found.iterdir()] == ["kafka.jar"]


def test_a_failure_says_why_and_leaves_nothing(programs: Path) -> None:
    program(programs, "mvn", f"{COPIES}\necho no such artifact\nexit 1")

    with pytest.raises(EmbeddedError, match=r"Maven could not fetch Apache Kafka(.|\n)*no such artifact"):
        jars()

    assert [path.name for path in (programs / "cache" / "stream_seg").iterdir()] == ["fetching.lock"]
