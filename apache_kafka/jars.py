"""The jars of Apache Kafka, fetched once with Maven and kept in a cache folder outside the repository."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from stream_seg.errors import EmbeddedError

POM = Path(__file__).with_name("pom.xml")
FETCHED_WITHIN_S = 600
LINES_SHOWN = 8


def version() -> str:
    """Return the Kafka version that `pom.xml` names."""
    found = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert found is not None
    return found[1]


def java() -> str:
    """Return the path of a Java executable. Raises EmbeddedError when there is none."""
    return _program("java", "Java 17 or newer")


def jars() -> Path:
    """Return the folder with Kafka and its dependencies, and fetch them first if they are missing.

    Raises EmbeddedError when Maven is missing or cannot fetch them.
    """
    wanted = _cache() / f"kafka-{version()}"
    if not wanted.is_dir():
        _fetch(_program("mvn", "Maven"), wanted)
    return wanted


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stream_seg"


def _program(name: str, what: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise EmbeddedError(f"no Apache Kafka here: it needs {what}, and there is no `{name}` on the PATH")
    return path


def _fetch(maven: str, wanted: Path) -> None:
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with (wanted.parent / "fetching.lock").open("w") as lock:
        # held until closed, because Maven does not lock its own folder against a second process
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_dir():
            _fetch_alone(maven, wanted)


def _fetch_alone(maven: str, wanted: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wanted.parent, prefix="fetching-") as directory:
        place = Path(directory, "jars")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={place}"]
        try:
            subprocess.run(
                [maven, "--quiet", "--batch-mode", "--file", str(POM), *goal],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=FETCHED_WITHIN_S,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            tail = "\n".join((error.stdout or b"").decode(errors="replace").strip().splitlines()[-LINES_SHOWN:])
            raise EmbeddedError(f"Maven could not fetch Apache Kafka {version()}; its last lines:\n{tail}") from None
        place.rename(wanted)  # in one step, so that no process finds half of it
