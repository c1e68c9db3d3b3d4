"""Governance with a real worker: pin, roll back, name, and what is published by hand, seen from topics and Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from stream_seg.streaming.samples import Sample
from tests.integration.support.deployment import Deployment, Services, deployment, services
from tests.integration.support.ending import assert_all_agree, assert_changes_chain, read_ending
from tests.integration.support.events import Sent, order
from tests.integration.support.polling import eventually
from tests.integration.test_cli import run
from tests.integration.test_forged import forge

DAY_S = 86_400.0
WHEN = "2017-05-09T18:00:31Z"
CLOCK = 1_494_352_831.0
SMALL = {f"s-{number}": 5.0 + number / 10 for number in range(20)}
BIG = {f"b-{number}": 400.0 + number for number in range(20)}
LEARNS = {"CLOCK": "stream", "MARGIN": "0", "DWELL": "0", "SEGMENTS": "2"}


def orders(amounts: dict[str, float], first: int) -> list[Sent]:
    """An order a customer, of these amounts."""
    return [order(customer, first + index, WHEN, amount) for index, (customer, amount) in enumerate(amounts.items())]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory, broker_setting: str) -> Iterator[Services]:
    with services(tmp_path_factory.mktemp("models"), broker_setting) as started:
        yield started


@pytest.fixture
def shop(on: Services) -> Iterator[Deployment]:
    """A worker that has learned two segments, of small spenders and of big ones, as model 1."""
    with deployment(on, f"models-{uuid4().hex[:6]}", **LEARNS) as deployed:
        deployed.send(orders(SMALL, 0) + orders(BIG, 100))
        deployed.start_worker().wait_ready()
        eventually(lambda: version(deployed) == 1, 30, "there is a model", deployed.said)
        yield deployed


def version(deployed: Deployment) -> int:
    """Of the model that the worker shows in Redis; 0 where there is none."""
    with deployed.redis() as client:
        return int((client.model() or {"version": 0})["version"])


def models(deployed: Deployment, *arguments: str) -> dict[str, Any]:
    """What `stream-seg models ... --json` says when it succeeds."""
    settings = {name.removeprefix("STREAM_SEG_"): value for name, value in deployed.environment.items()}
    done = run(["models", *arguments, "--json"], deployed.directory, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def refused(deployed: Deployment, *arguments: str) -> tuple[int, str]:
    """Exit status and the one line of a command that fails."""
    settings = {name.removeprefix("STREAM_SEG_"): value for name, value in deployed.environment.items()}
    done = run(["models", *arguments], deployed.directory, **settings)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done
    return done.returncode, done.stderr


def names(deployed: Deployment) -> dict[str, set[str]]:
    """What the documents in Redis call the segment of the small spenders, and that of the big ones."""
    with deployed.redis() as client:
        found = {kind: client.get_many(list(people)).values() for kind, people in (("small", SMALL), ("big", BIG))}
    return {kind: {each.segments["behavior"].name for each in people if each} for kind, people in found.items()}


def learn(deployed: Deployment, days: int) -> None:
    """Give the learner a sample, so many days after the events: enough time to publish again."""
    rows = [(customer, [1.0, amount, amount, float(days), 0.0, 0.0, 0.0, 0.0]) for customer, amount in BIG.items()]
    sample = Sample(0, CLOCK + days * DAY_S, False, rows)
    forge(deployed, deployed.settings.topic("segment-samples"), b"0", sample.dumps())


def agree(deployed: Deployment) -> None:
    """Topic, Redis and state say the same, once all is written."""
    problem = ""

    def whole() -> bool:
        nonlocal problem
        try:
            ending = read_ending(deployed)
            assert_changes_chain(ending.changes)
            assert_all_agree(deployed, ending)
        except AssertionError as found:
            problem = str(found)[:2000]
            return False
        return True

    eventually(whole, 15, "topic, Redis and state agree", lambda: problem + deployed.said())


def test_a_person_s_name_reaches_everyone_and_stays(shop: Deployment) -> None:
    before = models(shop, "show")
    big = max(before["segments"], key=lambda each: each["features"]["spend_rate"])["id"]
    named = models(shop, "name", big, "Coffee  lovers")
    assert (named["version"], named["parent"], named["reason"], named["used_by_workers"]) == (2, 1, "renamed", True)
    eventually(lambda: names(shop)["big"] == {"Coffee lovers"}, 15, "everyone is renamed", shop.said)
    agree(shop)
    changes = [json.loads(each.value or b"") for each in read_ending(shop).changes]
    told = [each for each in changes if each["change"] == "renamed"]
    assert {each["customer_id"] for each in told} == BIG.keys()
    assert len(told) == len(BIG)
    assert all(each["reason"]["code"] == "definition" and each["from"]["since"] == each["to"]["since"] for each in told)

    learn(shop, days=8)  # the learner publishes again, and carries the name
    eventually(lambda: version(shop) == 3, 20, "the learner published", shop.said)
    learned = models(shop, "show")
    assert learned["reason"] == "scheduled"
    assert [each["name"] for each in learned["segments"] if each["id"] == big] == ["Coffee lovers"]

    small = next(each["id"] for each in learned["segments"] if each["id"] != big)
    assert refused(shop, "name", small, "coffee LOVERS") == (
        2,
        f"stream-seg: {big} is called 'Coffee lovers' already; names of segments must differ\n",
    )
    assert refused(shop, "name", "b7", "x")[0] == 2
    assert refused(shop, "unname", small)[0] == 1
    models(shop, "unname", "coffee lovers")
    learn(shop, days=16)
    eventually(lambda: version(shop) == 5, 20, "the learner published", shop.said)
    eventually(lambda: "Coffee lovers" not in names(shop)["big"], 15, "the name is gone", shop.said)
    agree(shop)


def test_a_pinned_model_stays_until_it_is_unpinned(shop: Deployment) -> None:
    learn(shop, days=8)
    eventually(lambda: version(shop) == 2, 20, "the learner published", shop.said)
    assert models(shop, "pin", "1") == {
        "version": 3, "parent": 2, "reason": "pinned", "content_of": 1, "pinned": True, "in_force": True,
        "used_by_workers": True,
    }  # fmt: skip
    one, three = models(shop, "show", "1"), models(shop, "show", "3")
    assert (three["centroids"], three["state"]) == (one["centroids"], "pinned")
    assert shop.workers[-1].metric("model_pinned") == 1.0

    learn(shop, days=16)
    # A learner that does not know of the pin publishes all the same, and a person another name.
    forged = {**three, "version": 4, "parent": 3, "reason": "scheduled", "pinned": False}
    forge(shop, shop.settings.topic("segment-models"), b"4", json.dumps(forged).encode())
    eventually(lambda: "model 4 is left aside: model 3 is pinned" in shop.said(), 15, "it is left aside", shop.said)
    assert version(shop) == 3

    worker = shop.workers[-1]
    worker.kill()
    shop.start_worker().wait_ready()  # a restart keeps the pin
    learn(shop, days=24)
    shop.wait_until_drained()
    assert [each["state"] for each in models(shop, "list")["models"]] == ["past", "past", "pinned", "refused"]

    assert models(shop, "unpin")["version"] == 4
    assert refused(shop, "unpin") == (1, "stream-seg: no model is pinned: nothing to do\n")
    learn(shop, days=32)
    eventually(lambda: version(shop) == 5, 20, "what is learned counts again", shop.said)
    assert models(shop, "list")["pinned"] is False
    agree(shop)


def test_rolling_back_and_what_cannot_be_used(shop: Deployment) -> None:
    bad = {**models(shop, "show", "1"), "version": 2, "parent": 1}
    bad["centroids"] = [[float("nan")] * len(bad["features"]), bad["centroids"][1]]
    topic = shop.settings.topic("segment-models")
    forge(shop, topic, b"2", json.dumps(bad).encode())
    eventually(lambda: shop.workers[-1].metric("models_refused_total") == 1.0, 15, "it is counted", shop.said)
    assert "cannot be used, the one before stays: centroids.0.0: " in shop.said()
    assert version(shop) == 1

    learn(shop, days=8)
    eventually(lambda: version(shop) == 2, 20, "the learner published", shop.said)
    assert models(shop, "rollback", "1")["version"] == 3
    listed = models(shop, "list")
    assert [(each["version"], each["parent"], each["reason"], each["content_of"]) for each in listed["models"]] == [
        (1, 0, "started", None), (2, 1, "scheduled", None), (3, 2, "rollback", 1),
    ]  # fmt: skip
    assert (listed["in_force"], len(listed["unusable"])) == (3, 1)
    moved = models(shop, "diff", "1", "3")["moves"]
    assert (moved["customers"], moved["moved"]) == (40, 0)
    assert refused(shop, "rollback", "9") == (
        1, "stream-seg: no model 9 was published: there are 1 to 3; `stream-seg models list` shows them\n",
    )  # fmt: skip
    learn(shop, days=16)
    eventually(lambda: version(shop) == 4, 20, "learning goes on from there", shop.said)
    assert models(shop, "show")["parent"] == 3
    agree(shop)
