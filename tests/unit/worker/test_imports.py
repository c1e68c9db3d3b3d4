"""The imports of a worker that does not learn."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("river", "scipy", "pandas", "sklearn")


def test_a_worker_that_does_not_learn_imports_neither_river_nor_scipy() -> None:
    program = (
        "import sys; import stream_seg.worker.app;"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules));"
        "from stream_seg.learning import lazy_imports; lazy_imports.load();"
        "print('river' in sys.modules, 'scipy' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "\nTrue True\n"
