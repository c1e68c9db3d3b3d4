"""The wheel, installed as a user installs it: it holds the whole package, and the demo runs from it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"
EXTRA = "demo"
EVENTS = 5_000
KEPT = 3  # folders of wheels, 180 MB each
PIP_S = 600.0
DEMO_S = 300.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, because setuptools would add files that an earlier build left in the folder."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "stream_seg", source / "stream_seg", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = tmp_path_factory.mktemp("built")
    pip("wheel", "--no-deps", "--wheel-dir", str(built), str(source))
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an environment with the wheel and the extra of the demo, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=PIP_S)
    pip(
        *("--python", str(environment / "bin" / "python"), "install"),
        # Most modules are never imported here. The interpreter compiles the others on import.
        "--no-compile",
        *("--no-index", "--find-links", str(dependencies(wheel))),
        *("--constraint", str(CONSTRAINTS), f"{wheel}[{EXTRA}]"),
    )
    return environment


def dependencies(wheel: Path) -> Path:
    """Return a folder with wheels of the wheel's dependencies, kept between runs outside the repository.

    pip spends three times as long on the pages of a package index as on the installation. The folder belongs to one
    list of dependencies and one Python, so it has no dependency that is no longer declared.
    """
    declared = tomllib.loads(PYPROJECT.read_text())["project"]
    wanted = [sys.version, declared["dependencies"], declared["optional-dependencies"][EXTRA], CONSTRAINTS.read_text()]
    digest = hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stream_seg"
    folder = cache / f"wheels-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "wheels.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache) as part:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until closed
        if not folder.is_dir():
            collected = Path(part, "wheels")
            requirement = f"{wheel}[{EXTRA}]"
            pip("wheel", "--wheel-dir", str(collected), "--constraint", str(CONSTRAINTS), requirement)
            (collected / wheel.name).unlink()
            collected.rename(folder)  # in one step, so that an interrupted run leaves no partial folder
            for old in sorted(cache.glob("wheels-*"), key=os.path.getmtime)[:-KEPT]:
                shutil.rmtree(old)
    return folder


def pip(*arguments: str) -> None:
    """Run pip. A failure shows its output."""
    command = [sys.executable, "-m", "pip", "--quiet", *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PIP_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def environment() -> dict[str, str]:
    """Return this process's environment without variables that lead to the repository or hide a missing dependency."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    return {
        name: value for name, value in os.environ.items() if name not in hidden and not name.startswith("STREAM_SEG_")
    }


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "stream_seg").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == source


def test_every_codec_of_kafka_is_installed(installed: Path) -> None:
    names = ("gzip", "snappy", "lz4", "zstd")
    program = f"from aiokafka import codec; print(*(name for name in {names} if getattr(codec, 'has_' + name)()))"
    command = [installed / "bin" / "python", "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PIP_S, check=True)

    assert done.stdout.split() == list(names)


def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "bin" / "stream-seg", "demo", "--limit", str(EVENTS), "--headless", "--json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEMO_S,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout.splitlines()[-1])
    assert (facts["events"], facts["rejected"]) == (EVENTS, 0)
    assert facts["events_per_s"] > 0
    assert facts["changes"] >= facts["customers"] > 1_000
    assert sum(each["size"] for each in facts["segments"] if each["dimension"] == "behavior") == facts["customers"]
    assert facts["people"]
    assert facts["check"]["customers"] == facts["customers"]
    assert (facts["redis_equals_topic"], facts["state_equals_redis"]) == (True, True)
    assert [path.name for path in tmp_path.iterdir()] == [".stream_seg"]  # DATA_DIR, and nothing beside it
