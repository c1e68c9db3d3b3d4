"""Snapshots that an operator publishes: the chosen content, custom names, and the progress of the learner."""

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


def names(snapshot: ModelSnapshot) -> list[tuple[str, bool]]:
    return [(each.name, each.name_pinned) for each in snapshot.segments]


def test_a_rollback_is_a_new_version_with_the_old_content() -> None:
    version = rolled_back(OLD, LATEST, 8, NOW)
    assert (version.version, version.parent, version.created_at, version.reason) == (8, 7, NOW, "rollback")
    assert (version.content_of, version.pinned, version.by_operator) == (3, False, True)
    assert version.same_content(OLD)
    assert rolled_back(version, LATEST, 9, NOW).content_of == 3  # a rollback to a rollback refers to the original


def test_a_learner_continues_from_the_chosen_content_with_its_progress() -> None:
    version = rolled_back(OLD, LATEST, 8, NOW)
    assert (version.learner["samples"], version.learner["spans_used"], version.learner["counts"]) == (70, 7, [3, 3])
    learner = Learner.restore(version, 2, 1, LearnerPolicy(features=("order_rate", "refund_share")))
    assert learner.centers.tolist() == OLD.centroids
    by_hand = snapshot(3, learner={})
    version = rolled_back(by_hand, LATEST, 8, NOW)
    assert (version.learner["samples"], version.learner["counts"], version.learner["centers"]) == (70, [], [])
    assert rolled_back(OLD, snapshot(7, learner={}), 8, NOW).learner == {**OLD.learner, "centers": []}
    assert rolled_back(by_hand, snapshot(7, learner={}), 8, NOW).learner == {}


@pytest.mark.parametrize("chosen", [rolled_back, pinned])
def test_a_learner_continues_from_the_chosen_centroids(chosen: Callable[..., ModelSnapshot]) -> None:
    learned = snapshot(7, LATEST.centroids, learner={**LATEST.learner, "centers": [[5.0, 5.0], [6.0, 6.0]]})
    learner = Learner.restore(
        chosen(OLD, learned, 8, NOW), 2, 1, LearnerPolicy(features=("order_rate", "refund_share"))
    )
    assert learner.centers.tolist() == OLD.centroids
    one_more = snapshot(
        7, ((1.0, 1.0), (2.0, 3.0), (4.0, 4.0)), learner={**learned.learner, "centers": [[5.0, 5.0]] * 3}
    )
    assert Learner.restore(chosen(OLD, one_more, 8, NOW), 2, 1, LearnerPolicy()).centers.tolist() == OLD.centroids


def test_a_pin_survives_a_rename_and_ends_with_unpin() -> None:
    version = pinned(OLD, LATEST, 8, NOW)
    assert (version.pinned, version.reason, version.content_of) == (True, "pinned", 3)
    renamed_ = renamed(version, "b1", "VIP", 9, NOW)
    assert (renamed_.pinned, renamed_.parent, renamed_.same_content(OLD)) == (True, 8, True)
    free = unpinned(renamed_, 10, NOW)
    assert (free.pinned, free.reason, free.parent, names(free)) == (False, "unpinned", 9, names(renamed_))
    assert not rolled_back(OLD, version, 9, NOW).pinned


def test_custom_names_survive_a_rollback() -> None:
    latest = snapshot(7, segments=profiles(["VIP", "Name 7"], custom=[0]))
    older = snapshot(3, segments=profiles(["Was this", "vip"]))
    assert names(rolled_back(older, latest, 8, NOW)) == [("VIP", True), ("vip 2", False)]
    renamed_then = snapshot(3, segments=profiles(["Gone by now", "Other"], custom=[0]))
    assert names(rolled_back(renamed_then, LATEST, 8, NOW)) == [("Gone by now", False), ("Other", False)]


def test_a_custom_name_can_be_set_and_removed() -> None:
    version = renamed(LATEST, "b1", "  Coffee \t lovers ", 8, NOW)
    assert names(version) == [("Name 0", False), ("Coffee lovers", True)]
    assert (version.reason, version.parent, version.content_of) == ("renamed", 7, None)
    assert names(unnamed(version, "b1", 9, NOW)) == [("Name 0", False), ("Coffee lovers", False)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "a name has 1 to 60 printable characters, this one has 0"),
        ("x" * 61, "this one has 61"),
        ("bell \a", "printable"),
        ("NAME 0", "b0 is already called 'Name 0': names of segments must differ"),
    ],
)
def test_invalid_names_are_rejected(name: str, message: str) -> None:
    with pytest.raises(BadName, match=message):
        renamed(LATEST, "b1", name, 8, NOW)
