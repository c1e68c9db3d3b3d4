"""The audit never reports dependencies as safe when it reached no database."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FINE = {"name": "rich", "version": "15.0.0", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "Dependency not found"}
FLAWED = {"name": "old", "version": "1.0", "vulns": [{"id": "GHSA-1", "fix_versions": ["1.1"]}]}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("answer", [[], [UNKNOWN], [UNKNOWN, UNKNOWN]])
def test_an_audit_without_a_database_is_skipped_with_a_message(audit: ModuleType, answer: Any) -> None:
    why = "the advisory database could not be reached; no dependency was audited"
    assert audit.verdict(answer, required=False) == (0, [f"audit: SKIPPED, {why}"])
    assert audit.verdict(answer, required=True) == (1, [f"audit: FAILED, {why}"])


def test_findings_are_named(audit: ModuleType) -> None:
    assert audit.verdict([FINE], required=True) == (0, ["audit: 1 dependencies, no known vulnerabilities"])
    status, lines = audit.verdict([FINE, FLAWED, UNKNOWN], required=False)
    assert (status, lines[0]) == (1, "old 1.0: GHSA-1; fixed in 1.1")
    status, lines = audit.verdict([FINE, UNKNOWN], required=True)
    assert (status, lines[-1]) == (1, "audit: not known to the advisory database: own")


def test_a_failure_of_the_tool_is_told_from_a_database_that_is_away(audit: ModuleType) -> None:
    away = "Traceback ...\nrequests.exceptions.ConnectionError: HTTPSConnectionPool: Max retries exceeded\n"
    assert audit.judge("", away, required=False)[1][0].startswith("audit: SKIPPED, the advisory database could not")
    assert audit.judge("", away, required=True)[0] == 1
    assert audit.judge("", "No module named pip_audit\n", required=False) == (
        1, ["audit: pip-audit failed: No module named pip_audit"]
    )  # fmt: skip
    assert audit.judge("{}", "", required=False)[0] == 1
