"""Help comes at once, and mistakes cost nothing: no command is loaded before it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("faust", "aiokafka", "river", "scipy", "numpy", "pyarrow", "pydantic", "redis")
COMMANDS = (
    ["demo"],
    ["worker"],
    ["replay"],
    ["topics", "create"],
    ["topics", "check"],
    ["inspect"],
    ["segments"],
    ["lag"],
    ["intake"],
    ["dead-letters", "list"],
    ["dead-letters", "redrive"],
)


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_help_loads_nothing_heavy() -> None:
    done = run(
        "import sys\n"
        "from stream_seg.cli import main\n"
        "assert main(['--help']) == 0\n"
        f"print('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))"
    )

    assert done.stdout.splitlines()[-1].strip() == "loaded:", done.stderr
    assert "demo" in done.stdout


def test_every_command_has_help_with_an_example() -> None:
    done = run(
        "from stream_seg.cli import main\n"
        f"for command in {COMMANDS!r}:\n"
        "    print('#', *command)\n"
        "    assert main([*command, '--help']) == 0\n"
    )

    assert done.returncode == 0, done.stderr
    for text in done.stdout.split("# ")[1:]:
        assert "stream-seg " in text.partition("Usage:")[2].partition("\n")[2] or "topics check" in text, text


def test_help_says_which_commands_start_services() -> None:
    done = run("from stream_seg.cli import main; main(['--help'])")

    assert "demo and worker start them" in " ".join(done.stdout.split())


WRONG = (["nosuch"], ["lag", "--nosuch"], ["replay"], ["demo", "--limit", "0"], ["replay", "simulate", "--seed", "-1"])


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    done = run(f"import sys; from stream_seg.cli import main; sys.exit(main({arguments!r}))")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: stream-seg" in done.stderr
