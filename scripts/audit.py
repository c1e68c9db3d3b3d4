"""Run pip-audit and report its findings, or that no advisory database was reachable (pip-audit itself exits 0 then)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

COMMAND = [
    "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip", "--progress-spinner", "off",
    "--format", "json", "--timeout", "10", "--vulnerability-service", "osv",
]  # fmt: skip
LONGEST_S = 300


def verdict(dependencies: Sequence[dict[str, Any]], *, required: bool) -> tuple[int, list[str]]:
    """Return the exit status and a message about the dependencies that pip-audit lists. `required`: all must be
    audited.
    """
    known = [each for each in dependencies if "skip_reason" not in each]
    unknown = [each["name"] for each in dependencies if "skip_reason" in each]
    if not known:
        return not_reached(required=required)
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}; fixed in {', '.join(flaw['fix_versions']) or 'none yet'}"
        for each in known
        for flaw in each["vulns"]
    ]
    lines = [*found, f"audit: {len(known)} dependencies, {len(found) or 'no'} known vulnerabilities"]
    if unknown:
        lines.append(f"audit: not known to the advisory database: {', '.join(unknown)}")
    return int(bool(found) or (bool(unknown) and required)), lines


def not_reached(*, required: bool) -> tuple[int, list[str]]:
    """Return the exit status and a message for an unreachable advisory database."""
    message = "the advisory database could not be reached; no dependency was audited"
    return (1, [f"audit: FAILED, {message}"]) if required else (0, [f"audit: SKIPPED, {message}"])


def judge(out: str, err: str, *, required: bool) -> tuple[int, list[str]]:
    """Return the verdict on pip-audit's output. A failure is not a finding unless the output contains one."""
    try:
        return verdict(json.loads(out)["dependencies"], required=required)
    except (ValueError, KeyError):
        last = (err.strip().splitlines() or ["it said nothing"])[-1]
        if any(sign in last for sign in ("ConnectionError", "Timeout", "ServiceError")):
            return not_reached(required=required)
        return 1, [f"audit: pip-audit failed: {last[:200]}"]


def main() -> int:
    """Run the audit and print the verdict."""
    required = os.environ.get("STREAM_SEG_REQUIRE_AUDIT") == "1"
    try:
        done = subprocess.run(
            [sys.executable, *COMMAND], capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        status, lines = not_reached(required=required)
    else:
        status, lines = judge(done.stdout, done.stderr, required=required)
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
