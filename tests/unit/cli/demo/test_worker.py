"""The demo's worker: its environment and its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_seg.cli.demo.worker import WorkerProcess, environment, last_line
from stream_seg.settings import Settings


def test_the_environment_makes_it_serve_the_same_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert environment(Settings(clock="stream"), "http://127.0.0.1:1234") == {
        "STREAM_SEG_CLOCK": "stream",
        "STREAM_SEG_DATA_DIR": str(tmp_path / ".stream_seg"),
        "STREAM_SEG_WORKER_HTTP_HOST": "127.0.0.1",
        "STREAM_SEG_WORKER_HTTP_PORT": "1234",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_last_line_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("first\nTraceback\n  last\n\n")
    assert last_line(log) == "last"
    log.write_text("")
    assert last_line(log) == "it wrote nothing"


def test_one_that_never_started_needs_no_stopping(tmp_path: Path) -> None:
    worker = WorkerProcess(Settings(data_dir=tmp_path), 1234)

    worker.check()
    worker.stop()

    assert list(tmp_path.iterdir()) == []
