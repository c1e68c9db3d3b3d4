"""Tests of the chain of models, for all publishers and all compacted topics."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.snapshot_chain import SnapshotChain, SnapshotChains
from tests.unit.learning.snapshots import snapshot


def read(*snapshots: ModelSnapshot) -> tuple[SnapshotChain[ModelSnapshot], list[str | None]]:
    """Return the chain after these messages, and why each is superseded."""
    chain = SnapshotChain()
    return chain, [chain.take(each)[0].superseded for each in snapshots]


def test_each_child_of_the_active_model_becomes_active() -> None:
    chain, superseded = read(snapshot(4), snapshot(5), snapshot(7, parent=5))
    assert superseded == [None, None, None]
    assert chain.latest == snapshot(7, parent=5)


def test_the_first_of_two_rivals_becomes_active() -> None:
    first, second = snapshot(2, reason="rollback"), snapshot(2)
    chain, superseded = read(snapshot(1), first, second, first)
    assert superseded == [None, None, *["another model 2 came first"] * 2]
    assert chain.latest is first


def test_a_model_of_an_outdated_learner_is_superseded() -> None:
    chain, superseded = read(snapshot(1), snapshot(2), snapshot(3, parent=1))
    assert superseded[-1] == "its parent is 1, but 2 was active"
    assert chain.latest == snapshot(2)


def test_only_operators_replace_a_pinned_model() -> None:
    pinned = snapshot(2, pinned=True, reason="pinned")
    renamed = snapshot(3, pinned=True, reason="renamed")
    chain, superseded = read(
        snapshot(1), pinned, snapshot(3), renamed, snapshot(4), snapshot(4, reason="unpinned"), snapshot(5)
    )
    assert superseded == [None, None, "model 2 is pinned", None, "model 3 is pinned", None, None]
    assert chain.latest == snapshot(5)


def test_a_child_waits_for_its_parent() -> None:
    chain = SnapshotChain()
    chain.take(snapshot(1))
    assert chain.take(snapshot(3))[0].superseded == "its parent 2 is not known"
    assert [(each.snapshot.version, each.active) for each in chain.take(snapshot(2))] == [(2, True), (3, True)]
    assert chain.latest == snapshot(3)


def test_a_waiting_child_of_a_learner_does_not_replace_a_pinned_model() -> None:
    chain = SnapshotChain()
    for each in (snapshot(1), snapshot(3), snapshot(2, pinned=True, reason="pinned")):
        chain.take(each)
    assert chain.latest is not None
    assert chain.latest.version == 2


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[ModelSnapshot], int]:
    """Return the messages of learners and operators, and the number of messages that are compacted.

    A publisher that loses a race appends the winner again. Compaction starts only after a race is over, because brokers
    do not compact the newest log segment.
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


def test_each_dimension_has_a_chain_of_its_own() -> None:
    chains: SnapshotChains[ModelSnapshot] = SnapshotChains()
    other = snapshot(7).model_copy(update={"dimension": "clv"})
    assert [each.active for one in (snapshot(1), other, snapshot(2)) for each in chains.take(one)] == [True] * 3
    assert (chains["behavior"].latest, chains["clv"].latest) == (snapshot(2), other)
