"""The commands, as a user runs them: real services, real processes, their output and exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import pytest

from stream_seg.embedded.process import free_port
from tests.integration.support.command import command, run, run_in
from tests.integration.support.deployment import CALM, Deployment, Services, deployment
from tests.integration.support.polling import eventually
from tests.integration.support.worker import Worker

MODEL: dict[str, Any] = {
    "version": 3,
    "parent": 2,
    "created_at": "2017-01-01T00:00:00Z",
    "clock": 0.0,
    "features": ["spend_rate"],
    "log": [True],
    "center": [0.0],
    "scale": [1.0],
    "centroids": [[log(11)], [log(1001)]],
    "segments": [
        {"id": "b0", "name": "Small spenders", "share": 0.5, "customers": 1, "features": {"spend_rate": 10.0}},
        {"id": "b1", "name": "Big spenders", "share": 0.5, "customers": 1, "features": {"spend_rate": 1000.0}},
    ],
    "reason": "fixed for the tests",
}

EVENTS = """\
{"event_id": "e-1", "customer_id": "c-1", "order_id": "o-1", "amount": 9.5, "occurred_at": "2017-05-01T12:00:00Z"}
{"event_id": "e-2", "customer_id": "c-2", "order_id": "o-2", "amount": 20, "occurred_at": "2017-05-02T12:00:00Z"}
{"event_id": "e-3", "customer_id": "c-1", "order_id": "o-3", "amount": 4000, "occurred_at": "2017-05-09T18:00:31Z"}
{"event_id": "e-4", "customer_id": "c-3", "order_id": "o-4", "amount": "1,5", "occurred_at": "2017-05-09T18:00:31Z"}
"""


@pytest.fixture(scope="module")
def shop(on: Services) -> Iterator[Deployment]:
    """A worker that has read the events above, sent by `stream-seg replay`."""
    with deployment(on, "shop", model=MODEL, **CALM) as deployed:
        (deployed.directory / "orders.jsonl").write_text(EVENTS)
        sent = command(deployed, "replay", "orders.jsonl", "--topic", "purchases")
        assert sent.startswith("sent 4 events in "), sent
        before = json.loads(command(deployed, "lag", "--json"))
        assert before["lag_events"] == 4
        assert {each["committed"] for each in before["partitions"]} == {None}
        deployed.start_worker().wait_ready()
        deployed.wait_until_drained()
        yield deployed


def test_lag(shop: Deployment) -> None:
    facts = json.loads(command(shop, "lag", "--json").splitlines()[-1])

    assert (facts["group"], facts["lag_events"], facts["lag_seconds"]) == ("shop", 0, 0.0)
    purchases = [each for each in facts["partitions"] if each["topic"] == "shop.purchases"]
    assert sum(each["end"] for each in purchases) == sum(each["committed"] or 0 for each in purchases) == 4
    assert command(shop, "lag").splitlines()[-1] == "shop has read everything"


def test_segments(shop: Deployment) -> None:
    facts = json.loads(command(shop, "segments", "--json"))

    assert [(each["segment"], each["name"], each["size"]) for each in facts["segments"]] == [
        ("b0", "Small spenders", 1),
        ("b1", "Big spenders", 1),
    ]
    people = command(shop, "segments")
    assert "Small spenders" in people
    assert "$1,000" in people


def test_inspect(shop: Deployment) -> None:
    text = command(shop, "inspect", "c-1")

    assert "Big spenders" in text
    assert "2 on 2 days, 1 May 2017 to 9 May 2017" in text
    assert "$4,010" in text


def test_inspect_json(shop: Deployment) -> None:
    facts = json.loads(command(shop, "inspect", "c-1", "--json"))

    (last,) = (each for each in facts["changes"] if each["reason"].get("event_id") == "e-3")
    assert facts["changes"][0] == last  # the newest first
    assert facts["segments"] == {"behavior": {"segment": "b1", "name": "Big spenders", "since": "2017-05-09T18:00:31Z"}}
    assert (facts["customer_id"], facts["orders"], facts["spend"]) == ("c-1", 2, 4009.5)
    assert (facts["refunded"], facts["refunds"], facts["interactions"]) == (0.0, 0, 0)
    assert (facts["traits"], facts["facts"], facts["deadlines"]) == ({}, {}, {})
    assert all(isinstance(units, int) for units in facts["categories"].values())
    assert (facts["features"]["recency_days"], facts["as_of"]) == (0.0, "2017-05-09T18:00:31Z")
    assert json.loads(command(shop, "inspect", "c-1", "--json", "--changes", "1"))["changes"] == [last]


def test_inspect_why(shop: Deployment) -> None:
    lines = command(shop, "inspect", "c-1", "--why").splitlines()

    assert lines[0].startswith("On 9 May 2017 c-1 ")
    assert lines[1] == "The cause was an order (event e-3)."
    assert lines[2].startswith("What moved most: spend a month ")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_inspect_of_an_unknown_customer(shop: Deployment, options: list[str]) -> None:
    done = run_in(shop, "inspect", "nobody", *options)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "stream-seg: nothing is known of customer 'nobody'; ids are written as in the events\n"


def test_a_demo_does_not_mix_with_other_data(shop: Deployment) -> None:
    done = run_in(shop, "demo")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stream-seg: the demo wants topics of its own, but shop-customers-changelog, shop.")
    assert len(done.stderr.splitlines()) == 1


def test_topics(on: Services, tmp_path: Path) -> None:
    settings = {
        "BROKER": on.broker,
        "DATA_DIR": str(on.data_dir),
        "TOPIC_PREFIX": "fresh.",
        "APP_ID": "fresh",
        "PARTITIONS": "2",
    }

    missing = run(["topics", "check"], tmp_path, **settings)
    created = run(["topics", "create"], tmp_path, **settings)
    good = run(["topics", "check"], tmp_path, **settings)
    wrong = run(["topics", "check"], tmp_path, **{**settings, "PARTITIONS": "3"})

    assert missing.returncode == 1
    assert missing.stderr.startswith("stream-seg: 9 things are wrong with the topics: do what the table")
    assert len(missing.stderr.splitlines()) == 1
    assert "fresh.purchases" in missing.stdout
    assert created.returncode == 0
    assert "created fresh.segment-changes: 2 partitions, 1 replicas, cleanup.policy=delete" in created.stdout
    assert (good.returncode, good.stdout) == (0, "all 9 topics are as they should be\n")
    assert wrong.returncode == 1
    assert "has 2 partitions, not 3" in wrong.stdout


def test_a_worker_refuses_topics_with_other_partitions(on: Services, tmp_path: Path) -> None:
    settings = {
        "BROKER": on.broker,
        "DATA_DIR": str(on.data_dir),
        "TOPIC_PREFIX": "other.",
        "APP_ID": "other",
        "PARTITIONS": "2",
    }
    assert run(["topics", "create"], tmp_path, **settings).returncode == 0

    done = run(["worker"], tmp_path, **{**settings, "PARTITIONS": "3"})

    assert done.returncode == 1
    assert "do not have the 3 partitions of STREAM_SEG_PARTITIONS: other.purchases has 2" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_workers_share_embedded_services_that_end_with_their_starter(tmp_path: Path) -> None:
    environment = {"STREAM_SEG_DATA_DIR": str(tmp_path / "data"), "STREAM_SEG_PARTITIONS": "4"}
    record = tmp_path / "data" / "services.json"

    first = Worker(environment, tmp_path)
    try:
        eventually(record.exists, 30, "the first worker starts the services", first.output)
        recorded = record.read_bytes()
        second = Worker(environment, tmp_path)
        try:
            shared = lambda: first.metric("partitions_owned") == second.metric("partitions_owned") == 2.0  # noqa: E731
            eventually(shared, 60, "each owns half of the partitions", lambda: first.output() + second.output())
            assert record.read_bytes() == recorded
            assert second.terminate() == 0, second.output()
        finally:
            second.kill()
        assert first.terminate() == 0, first.output()
    finally:
        first.kill()
    assert not record.exists()
    assert all(not Path(f"/proc/{each['pid']}").exists() for each in json.loads(recorded).values())


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "says"),
    [
        (["lag"], {}, 1, "no embedded broker is running for .stream_seg: start `stream-seg demo`"),
        (["inspect", "c-1"], {"BROKER": "kafka://127.0.0.1:{port}"}, 1, "no embedded redis is running"),
        (["topics", "check"], {"BROKER": "kafka://127.0.0.1:{port}"}, 1, "no broker answers at 127.0.0.1:{port}"),
        (
            ["worker"],
            {"BROKER": "kafka://127.0.0.1:{port}", "REDIS_URL": "redis://127.0.0.1:{port}"},
            1,
            "no broker answers at 127.0.0.1:{port}",
        ),
        (["lag"], {"PARTITIONS": "many"}, 2, "STREAM_SEG_PARTITIONS is 'many': input should be a valid integer"),
        (["replay", "nosuch"], {}, 2, "there is no source 'nosuch'; give complete-journey, simulate, or a file"),
        (["replay", "nosuch.csv"], {}, 2, "nosuch.csv: there is no such file"),
        (["replay", "simulate", "--speed", "0"], {}, 2, "--speed is 0; give seconds of event time a second"),
    ],
)
def test_usage_and_network_errors_are_one_line(
    arguments: list[str], settings: dict[str, str], status: int, says: str, tmp_path: Path
) -> None:
    port = str(free_port())

    done = run(arguments, tmp_path, **{name: value.format(port=port) for name, value in settings.items()})

    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith(f"stream-seg: {says.format(port=port)}"), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_commands_cannot_change_models_that_a_setting_names(shop: Deployment) -> None:
    assert json.loads(command(shop, "models", "list", "--json"))["in_force"] == 3
    assert "The setting MODEL names " in command(shop, "models", "list")
    done = run_in(shop, "models", "pin", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "workers use that and nothing else; take it out first" in done.stderr
    assert command(shop, "models", "show").startswith(
        "Model 3 (active), created 2017-01-01 00:00 from model 2: fixed for"
    )
    assert "The number of customers that would move is unknown" in command(shop, "models", "diff", "3", "3")
