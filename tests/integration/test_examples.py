"""The examples run as their pages say, against a real worker, broker and Redis."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

from benchmarks.workload import fixed_model
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.polling import eventually
from tests.integration.support.worker import ROOT

CUSTOMER = "h-1871"
WRITTEN_S = 30.0
EXAMPLE_S = 60.0


def example(name: str, *arguments: str) -> str:
    """Run an example and return its output."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=EXAMPLE_S,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def in_redis(deployed: Deployment) -> bool:
    """Return whether the customer of the examples has a document."""
    with deployed.redis() as client:
        return client.get(CUSTOMER) is not None


def test_the_examples_work_together(on: Services) -> None:
    with deployment(on, "examples", model=fixed_model(), **CALM) as deployed:
        deployed.start_worker().wait_ready()
        broker, prefix = deployed.broker.address, deployed.settings.topic_prefix
        idempotence = ["--no-idempotence"] if deployed.embedded else []
        sent = example("produce_events.py", broker, CUSTOMER, "--prefix", prefix, *idempotence)
        assert [line.rpartition(": ")[2] for line in sent.splitlines()] == [
            "identify",
            "product_viewed",
            "order_completed",
        ]
        eventually(lambda: in_redis(deployed), WRITTEN_S, "the customer is in Redis", deployed.output)

        reader = [deployed.addresses.redis_url, CUSTOMER, "unknown", "--prefix", deployed.settings.redis_prefix]
        known, unknown = example("read_segments.py", *reader).splitlines()
        assert known.startswith(f"{CUSTOMER}: behavior b")
        assert unknown == "unknown: in no segment yet"
        known, unknown = example("read_segments_async.py", *reader).splitlines()
        assert known.startswith(f"{CUSTOMER}: {{'behavior': 'b")
        assert unknown == "unknown: in no segment yet"

        deployed.wait_until_drained()
        folding = [broker, str(deployed.directory / "segments.db"), "--prefix", prefix, "--once"]
        assert " new" in example("fold_changes.py", *folding)
        with deployed.redis() as client:
            document = client.get(CUSTOMER)
        assert document is not None
        rows = table(folding[1])
        assert [row[0] for row in rows] == [CUSTOMER]
        assert json.loads(rows[0][3])["behavior"]["segment"] == document.segments["behavior"].segment

        # Nothing is new the second time, and a fold that forgot its offsets alters nothing.
        assert example("fold_changes.py", *folding) == ""
        with sqlite3.connect(folding[1]) as database:
            database.execute("DELETE FROM offsets")
        assert example("fold_changes.py", *folding).strip().endswith(" 0 new")
        assert table(folding[1]) == rows


def table(file: str) -> list[tuple[str, int, int, str]]:
    """Return the rows of the table that the fold writes."""
    database = sqlite3.connect(file)
    try:
        return database.execute("SELECT * FROM segments ORDER BY customer").fetchall()
    finally:
        database.close()
