"""What a person publishes: the content that was chosen, the names that persons gave, and the progress there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.errors import BadName
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.learning.publishing.governance import pinned, renamed, rolled_back, unnamed, unpinned

from .snapshots import profiles, snapshot

NOW = "2026-02-02T00:00:00Z"
OLD, LATEST = snapshot(3), snapshot(7, ((1.0, 1.0), (2.0, 3.0)))


def names(made: ModelSnapshot) -> list[tuple[str, bool]]:
    return [(each.name, each.name_pinned) for each in made.segments]


def test_going_back_is_a_new_version_with_the_old_content() -> None:
    made = rolled_back(OLD, LATEST, 8, NOW)
    assert (made.version, made.parent, made.created_at, made.reason) == (8, 7, NOW, "rollback")
    assert (made.content_of, made.pinned, made.by_operator) == (3, False, True)
    assert made.same_content(OLD)
    assert rolled_back(made, LATEST, 9, NOW).content_of == 3  # of a rollback: where it comes from


def test_a_learner_goes_on_from_there_and_not_from_the_beginning() -> None:
    made = rolled_back(OLD, LATEST, 8, NOW)
    assert (made.learner["samples"], made.learner["spans_used"], made.learner["counts"]) == (70, 7, [3, 3])
    learner = Learner.restore(made, 2, 1, LearnerPolicy(features=("order_rate", "refund_share")))
    assert learner.centers.tolist() == OLD.centroids
    by_hand = snapshot(3, learner={})
    made = rolled_back(by_hand, LATEST, 8, NOW)
    assert (made.learner["samples"], made.learner["counts"], made.learner["centers"]) == (70, [], [])
    assert rolled_back(OLD, snapshot(7, learner={}), 8, NOW).learner == {**OLD.learner, "centers": []}
    assert rolled_back(by_hand, snapshot(7, learner={}), 8, NOW).learner == {}


@pytest.mark.parametrize("chosen", [rolled_back, pinned])
def test_where_learning_stood_is_not_where_it_goes_on(chosen: Callable[..., ModelSnapshot]) -> None:
    stood = snapshot(7, LATEST.centroids, learner={**LATEST.learner, "centers": [[5.0, 5.0], [6.0, 6.0]]})
    learner = Learner.restore(chosen(OLD, stood, 8, NOW), 2, 1, LearnerPolicy(features=("order_rate", "refund_share")))
    assert learner.centers.tolist() == OLD.centroids
    one_more = snapshot(7, ((1.0, 1.0), (2.0, 3.0), (4.0, 4.0)), learner={**stood.learner, "centers": [[5.0, 5.0]] * 3})
    assert Learner.restore(chosen(OLD, one_more, 8, NOW), 2, 1, LearnerPolicy()).centers.tolist() == OLD.centroids


def test_a_pin_stays_on_what_is_named_meanwhile_and_goes_with_unpin() -> None:
    made = pinned(OLD, LATEST, 8, NOW)
    assert (made.pinned, made.reason, made.content_of) == (True, "pinned", 3)
    named = renamed(made, "b1", "VIP", 9, NOW)
    assert (named.pinned, named.parent, named.same_content(OLD)) == (True, 8, True)
    free = unpinned(named, 10, NOW)
    assert (free.pinned, free.reason, free.parent, names(free)) == (False, "unpinned", 9, names(named))
    assert not rolled_back(OLD, made, 9, NOW).pinned


def test_names_that_persons_gave_stay_when_one_goes_back() -> None:
    latest = snapshot(7, segments=profiles(["VIP", "Name 7"], given=[0]))
    older = snapshot(3, segments=profiles(["Was this", "vip"]))
    assert names(rolled_back(older, latest, 8, NOW)) == [("VIP", True), ("vip 2", False)]
    given_then = snapshot(3, segments=profiles(["Gone by now", "Other"], given=[0]))
    assert names(rolled_back(given_then, LATEST, 8, NOW)) == [("Gone by now", False), ("Other", False)]


def test_a_name_is_given_and_taken_back() -> None:
    made = renamed(LATEST, "b1", "  Coffee \t lovers ", 8, NOW)
    assert names(made) == [("Name 0", False), ("Coffee lovers", True)]
    assert (made.reason, made.parent, made.content_of) == ("renamed", 7, None)
    assert names(unnamed(made, "b1", 9, NOW)) == [("Name 0", False), ("Coffee lovers", False)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a name has 1 to 60 printable characters; this one has 0"),
        ("x" * 61, "this one has 61"),
        ("bell \a", "printable"),
        ("NAME 0", "b0 is called 'Name 0' already; names of segments must differ"),
    ],
)
def test_names_that_cannot_be(name: str, says: str) -> None:
    with pytest.raises(BadName, match=says):
        renamed(LATEST, "b1", name, 8, NOW)
