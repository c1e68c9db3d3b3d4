from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "core_in_ten_lines.py"


def test_the_core_in_ten_lines_prints_two_changes(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE))
    assert capsys.readouterr().out.splitlines() == [
        "h-1871 entered 'Small spenders' by e-0: {'spend_rate': (0.0, 8.3178)}",  # 12.00 times ln 2
        "h-1871 moved 'Big spenders' by e-1: {'spend_rate': (8.3178, 595.9312)}",
    ]
