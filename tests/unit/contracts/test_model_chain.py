"""The chain of models: which takes force, whoever publishes and whatever compaction leaves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.model_chain import ModelChain
from tests.unit.learning.snapshots import snapshot


def read(*snapshots: ModelSnapshot) -> tuple[ModelChain, list[str | None]]:
    """The chain after these messages, and why each was left aside."""
    chain = ModelChain()
    return chain, [chain.take(each)[0].aside for each in snapshots]


def test_each_child_of_the_one_in_force_takes_force() -> None:
    chain, aside = read(snapshot(4), snapshot(5), snapshot(7, parent=5))
    assert aside == [None, None, None]
    assert chain.latest == snapshot(7, parent=5)


def test_of_two_at_the_same_moment_the_first_counts() -> None:
    first, second = snapshot(2, reason="rollback"), snapshot(2)
    chain, aside = read(snapshot(1), first, second, first)
    assert aside == [None, None, *["another model 2 came first"] * 2]
    assert chain.latest is first


def test_an_old_learner_is_left_aside() -> None:
    chain, aside = read(snapshot(1), snapshot(2), snapshot(3, parent=1))
    assert aside[-1] == "its parent is 1, but 2 was in force"
    assert chain.latest == snapshot(2)


def test_while_one_is_pinned_only_persons_count() -> None:
    pinned = snapshot(2, pinned=True, reason="pinned")
    renamed = snapshot(3, pinned=True, reason="renamed")
    chain, aside = read(
        snapshot(1), pinned, snapshot(3), renamed, snapshot(4), snapshot(4, reason="unpinned"), snapshot(5)
    )
    assert aside == [None, None, "model 2 is pinned", None, "model 3 is pinned", None, None]
    assert chain.latest == snapshot(5)


def test_a_child_that_comes_before_its_parent_waits_for_it() -> None:
    chain = ModelChain()
    chain.take(snapshot(1))
    assert chain.take(snapshot(3))[0].aside == "its parent 2 is not known"
    assert [(each.snapshot.version, each.in_force) for each in chain.take(snapshot(2))] == [(2, True), (3, True)]
    assert chain.latest == snapshot(3)


def test_a_child_of_a_learner_does_not_wait_for_a_pin() -> None:
    chain = ModelChain()
    for each in (snapshot(1), snapshot(3), snapshot(2, pinned=True, reason="pinned")):
        chain.take(each)
    assert chain.latest is not None
    assert chain.latest.version == 2


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[ModelSnapshot], int]:
    """What learners and persons append who lose races now and then, and then append the winner again.

    And how much of it is compacted: brokers leave the newest segment alone, so a race is over before it is.
    """
    log, ends = [snapshot(1)], [0, 1]
    for _ in range(draw(st.integers(0, 8))):
        latest = read(*log)[0].latest
        assert latest is not None
        kinds = st.sampled_from(["scheduled", "rollback", "pinned", "unpinned"])
        racing = [
            snapshot(latest.version + 1, reason=kind, pinned=kind == "pinned", clock=float(len(log) + place))
            for place, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=3)))
        ]
        log += racing
        winner = read(*log)[0].latest
        assert winner is not None
        if winner is not latest and racing[-1] is not winner:
            log.append(winner)
        ends.append(len(log))
    return log, draw(st.sampled_from(ends))


@given(logs())
def test_compaction_changes_nothing(appended: tuple[list[ModelSnapshot], int]) -> None:
    log, upto = appended
    last = {each.version: place for place, each in enumerate(log[:upto])}
    compacted = [each for place, each in enumerate(log) if place >= upto or last[each.version] == place]
    assert read(*compacted)[0].latest == read(*log)[0].latest
