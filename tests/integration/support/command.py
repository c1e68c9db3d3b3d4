"""Commands as a user runs them: `stream-seg` as a process, with its output and exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration.support.deployment import Deployment
from tests.integration.support.worker import ROOT

TIMEOUT_S = 120.0


def start(arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start `stream-seg` in a directory, with this environment alone."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_SEG_")}
    return subprocess.Popen(
        [sys.executable, "-m", "stream_seg", *arguments],
        cwd=directory,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(arguments: Sequence[str], directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Return a function that runs `stream-seg` in an empty directory with these settings alone (names without
    prefix).
    """
    return _ended(start(arguments, directory, {f"STREAM_SEG_{name}": value for name, value in settings.items()}))


def run_in(deployed: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return a function that runs `stream-seg` with the settings of a deployment."""
    return _ended(start(arguments, deployed.directory, deployed.environment))


def command(deployed: Deployment, *arguments: str) -> str:
    """Return the standard output of a command that must succeed without warnings."""
    done = run_in(deployed, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def _ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    with process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
