"""`scripts/bench NAME [options]`, and `scripts/bench all --smoke`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks import smoke
from benchmarks.bench import NAMES, load


def main(arguments: Sequence[str]) -> int:
    """Run the named bench with the options that follow, and return the exit status."""
    name, options = (arguments[0], arguments[1:]) if arguments else ("", ())
    if name == "all":
        return smoke.main(options)
    if name not in NAMES:
        print(f"usage: scripts/bench {' | '.join(NAMES)} [options]", file=sys.stderr)
        print("       scripts/bench all --smoke [--jobs N]", file=sys.stderr)
        return 2
    return load(name).run(name, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
