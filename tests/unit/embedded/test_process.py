"""Finding executables, and the errors of services that do not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stream_seg.embedded.process import Recipe, find_binary, start
from stream_seg.errors import EmbeddedError

REPOSITORY = Path(__file__).parents[3]


def python(code: str) -> Recipe:
    """Return a service that runs Python code and never answers."""
    return Recipe("the parrot", lambda *_: [sys.executable, "-c", code], lambda *_: False, os.environ)


def test_a_binary_inside_a_package_comes_before_one_on_the_path() -> None:
    assert find_binary("no_such_package", "bin/x", ["no-such-command", "sh"]) is not None
    assert find_binary("no_such_package", "bin/x", ["no-such-command"]) is None


@pytest.mark.parametrize(
    ("module", "function", "variable"),
    [("broker", "start_broker", "STREAM_SEG_BROKER"), ("redis", "start_redis", "STREAM_SEG_REDIS_URL")],
)
def test_a_missing_wheel_says_what_to_install(module: str, function: str, variable: str) -> None:
    # With -S there are no site-packages and no wheels. With an empty PATH there is no redis-server.
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import stream_seg.embedded.{module} as m; m.{function}()"

    run = subprocess.run(
        [sys.executable, "-S", "-c", code, str(REPOSITORY)],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": ""},
        check=False,
    )

    assert "pip install 'stream-seg[demo]'" in run.stderr
    assert variable in run.stderr


def test_a_service_that_ends_shows_its_last_lines() -> None:
    with pytest.raises(EmbeddedError, match=r"the parrot ended at its start(.|\n)*no such bird"):
        start(python("print('line 1\\n' * 50, flush=True); raise SystemExit('no such bird')"))


def test_a_service_that_ends_silently_says_so() -> None:
    with pytest.raises(EmbeddedError, match="ended at its start; it printed nothing"):
        start(python("pass"))


def test_a_service_that_never_answers_is_stopped() -> None:
    code = "import os; print('pid', os.getpid(), flush=True); import time; time.sleep(60)"

    with pytest.raises(EmbeddedError, match="did not answer in time") as caught:
        start(python(code), timeout_s=3.0)

    pid = int(str(caught.value).rpartition(" ")[2])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
