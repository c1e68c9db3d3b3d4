"""Governance with a real worker: pin, roll back, name and publish by hand, observed in topics and Redis."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stream_seg.core.feature_names import FEATURES
from stream_seg.worker.models.samples import Sample
from tests.integration.support.command import run_in
from tests.integration.support.deployment import Deployment, Services, deployment
from tests.integration.support.ending import assert_all_agree, assert_changes_chain, read_ending
from tests.integration.support.events import Sent, order
from tests.integration.support.polling import eventually
from tests.integration.test_forged import forge

DAY_S = 86_400.0
LEARNED = {"moved", "scheduled"}
MONEY = {"spend_rate", "spend_pace", "basket_value"}
WHEN = "2017-05-09T18:00:31Z"
CLOCK = 1_494_352_831.0
SMALL = {f"s-{number}": 5.0 + number / 10 for number in range(20)}
BIG = {f"b-{number}": 400.0 + number for number in range(20)}
WEEKS: dict[Path, Iterator[int]] = defaultdict(lambda: count(1))  # by deployment
LEARNS = {"CLOCK": "stream", "MARGIN": "0", "DWELL": "0", "SEGMENTS": "2"}


def orders(amounts: dict[str, float], first: int) -> list[Sent]:
    """Return one order per customer, with these amounts."""
    return [order(customer, first + index, WHEN, amount) for index, (customer, amount) in enumerate(amounts.items())]


@pytest.fixture(scope="module")
def shop(on: Services) -> Iterator[Deployment]:
    """Yield a worker that has learned two segments (small and big spenders) as model 1. The tests build on each
    other.
    """
    with deployment(on, "models", **LEARNS) as deployed:
        deployed.send(orders(SMALL, 0) + orders(BIG, 100))
        deployed.start_worker().wait_ready()
        eventually(lambda: version(deployed) == 1, 30, "there is a model", deployed.output)
        yield deployed


def version(deployed: Deployment) -> int:
    """Return the version of the model that the worker shows in Redis, or 0 without one."""
    with deployed.redis() as client:
        return int((client.model() or {"version": 0})["version"])


def models(deployed: Deployment, *arguments: str) -> dict[str, Any]:
    """Return the JSON output of a `stream-seg models` command that must succeed."""
    done = run_in(deployed, "models", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def refused(deployed: Deployment, *arguments: str) -> tuple[int, str]:
    """Return the exit status and the one line of a failing command."""
    done = run_in(deployed, "models", *arguments)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done
    return done.returncode, done.stderr


def names(deployed: Deployment) -> dict[str, set[str]]:
    """Return the names in Redis of the small spenders' segment and of the big spenders' segment."""
    with deployed.redis() as client:
        found = {kind: client.get_many(list(people)).values() for kind, people in (("small", SMALL), ("big", BIG))}
    return {kind: {each.segments["behavior"].name for each in people if each} for kind, people in found.items()}


def learn(deployed: Deployment) -> None:
    """Give the learner a sample more than a week after the last one, which is enough time to publish again."""
    days = 8 * next(WEEKS[deployed.directory])
    behaviour = {"recency_days": float(days), "order_rate": 1.0, "order_pace": 1.0}
    rows = [
        (customer, [amount if name in MONEY else behaviour.get(name, 0.0) for name in FEATURES])
        for customer, amount in BIG.items()
    ]
    sample = Sample(0, CLOCK + days * DAY_S, False, rows)
    forge(deployed, deployed.settings.topic("segment-samples"), b"0", sample.dumps())


def learned(deployed: Deployment, wanted: int) -> None:
    """Let the learner publish, and wait until the worker uses that version."""
    learn(deployed)
    eventually(lambda: version(deployed) == wanted, 20, f"the learner published {wanted}", deployed.output)


def agree(deployed: Deployment) -> None:
    """Assert that topic, Redis and state agree, once everything is written."""
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

    eventually(whole, 15, "topic, Redis and state agree", lambda: problem + deployed.output())


def test_a_name_by_an_operator_reaches_all_customers_and_stays(shop: Deployment) -> None:
    before = models(shop, "show")
    first = before["version"]
    big = max(before["segments"], key=lambda each: each["features"]["spend_rate"])["id"]
    named = models(shop, "name", big, "Coffee  lovers")
    assert (named["version"], named["parent"], named["reason"]) == (first + 1, first, "renamed")
    assert named["used_by_workers"]
    eventually(lambda: names(shop)["big"] == {"Coffee lovers"}, 15, "everyone is renamed", shop.output)
    agree(shop)
    changes = [json.loads(each.value or b"") for each in read_ending(shop).changes]
    renamed = [each for each in changes if each["change"] == "renamed"]
    assert sorted(each["customer_id"] for each in renamed) == sorted(BIG)
    assert all(
        each["reason"]["code"] == "definition" and each["from"]["since"] == each["to"]["since"] for each in renamed
    )

    learned(shop, first + 2)  # the learner keeps the name
    now = models(shop, "show")
    assert now["reason"] in LEARNED
    assert [each["name"] for each in now["segments"] if each["id"] == big] == ["Coffee lovers"]

    small = next(each["id"] for each in now["segments"] if each["id"] != big)
    assert refused(shop, "name", small, "coffee LOVERS") == (
        2,
        f"stream-seg: {big} is already called 'Coffee lovers': names of segments must differ\n",
    )
    assert refused(shop, "name", "b7", "x")[0] == 2
    models(shop, "unname", "coffee lovers")
    learned(shop, first + 4)
    eventually(lambda: "Coffee lovers" not in names(shop)["big"], 15, "the name is gone", shop.output)
    agree(shop)


def test_a_pinned_model_stays_until_it_is_unpinned(shop: Deployment) -> None:
    first = version(shop)
    learned(shop, first + 1)
    pinned = models(shop, "pin", str(first))
    assert (pinned["version"], pinned["parent"], pinned["content_of"]) == (first + 2, first + 1, first)
    content, in_force = models(shop, "show", str(first)), models(shop, "show")
    assert (in_force["centroids"], in_force["state"]) == (content["centroids"], "pinned")
    assert shop.workers[-1].metric("model_pinned") == 1.0

    learn(shop)
    # A learner that does not know of the pin publishes anyway.
    forged = {**in_force, "version": first + 3, "parent": first + 2, "reason": "scheduled", "pinned": False}
    forge(shop, shop.settings.topic("segment-models"), str(first + 3).encode(), json.dumps(forged).encode())
    says = f"model {first + 3} is superseded: model {first + 2} is pinned"
    eventually(lambda: says in shop.output(), 15, "it is superseded", shop.output)

    assert shop.workers[-1].terminate() == 0
    shop.start_worker().wait_ready()  # a restart keeps the pin
    learn(shop)
    listed = models(shop, "list")
    assert [each["state"] for each in listed["models"][-3:]] == ["past", "pinned", "refused"]

    assert models(shop, "unpin")["version"] == first + 3
    assert refused(shop, "unpin") == (1, "stream-seg: no model is pinned: nothing to do\n")
    learned(shop, first + 4)  # learned models count again
    assert models(shop, "list")["pinned"] is False
    agree(shop)


def test_rollback_and_unusable_models(shop: Deployment) -> None:
    first = version(shop)
    bad = {**models(shop, "show"), "version": first + 1, "parent": first}
    bad["centroids"] = [[float("nan")] * len(bad["features"]), bad["centroids"][1]]
    forge(shop, shop.settings.topic("segment-models"), b"bad", json.dumps(bad).encode())
    eventually(lambda: shop.workers[-1].metric("models_refused_total") == 1.0, 15, "it is counted", shop.output)
    assert "cannot be used, the one before stays: centroids.0.0: " in shop.output()
    assert version(shop) == first

    learned(shop, first + 1)
    assert models(shop, "rollback", str(first))["version"] == first + 2
    listed = models(shop, "list")
    by_learner, by_person = listed["models"][-2:]
    assert by_learner["reason"] in LEARNED
    last = [(each["version"], each["parent"], each["content_of"]) for each in (by_learner, by_person)]
    assert last == [(first + 1, first, None), (first + 2, first + 1, first)]
    assert by_person["reason"] == "rollback"
    assert (listed["in_force"], [each["key"] for each in listed["unusable"]]) == (first + 2, ["bad"])
    moved = models(shop, "diff", str(first), str(first + 2))["moves"]
    assert (moved["customers"], moved["moved"]) == (40, 0)
    status, line = refused(shop, "rollback", "99")
    assert (status, line.partition(":")[2].strip()[:27]) == (1, "no model 99 was published: ")
    learned(shop, first + 3)  # learning continues from there
    assert models(shop, "show")["parent"] == first + 2
    agree(shop)
