"""Laws of segments: they depend only on records and the model, and changes chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from stream_seg.core.decay import DAY_S
from stream_seg.core.dimensions.segment_model import Hysteresis, SegmentModel
from stream_seg.core.transitions import CurrentSegment, Transition

from .fold import LIFE, Fold, an_engine
from .histories import LANDMARK, History, amounts, arrivals, cuts, histories, laws, models, within_a_year

within = histories(order_times=within_a_year, money=amounts)


def folded(groups: list[History], model: SegmentModel) -> Fold:
    """Fold one customer's history in these groups, each evaluated at its latest event, without hysteresis."""
    fold = Fold(an_engine(model))
    for group in groups:
        fold.group(("c", act) for act in group)
    return fold


@laws
@given(within.flatmap(cuts), models())
def test_any_split_into_groups_gives_the_same_segment(groups: list[History], model: SegmentModel) -> None:
    at_once = folded([[act for group in groups for act in group]], model)
    assume(at_once.is_clear("c"))
    slots = at_once.customer("c").slots
    assert folded(groups, model).customer("c").slots == slots
    assert folded([[act] for group in groups for act in group], model).customer("c").slots == slots


@laws
@given(arrivals(within), models(), st.data())
def test_any_order_of_arrival_gives_the_same_segment(
    arrived: tuple[History, History], model: SegmentModel, data: st.DataObject
) -> None:
    history, shuffled = arrived
    at_once = folded([history], model)
    assume(at_once.is_clear("c"))
    groups = data.draw(cuts(shuffled))
    assert folded(groups, model).customer("c").slots == at_once.customer("c").slots


hystereses = st.sampled_from([Hysteresis(), Hysteresis(margin=0.2), Hysteresis(0.2, DAY_S), Hysteresis(0.0, 60.0)])


@laws
@given(histories("c"), histories("d"), models(1), models(2), hystereses, st.data())
def test_consecutive_changes_chain(
    mine: History,
    others: History,
    first: SegmentModel,
    second: SegmentModel,
    hysteresis: Hysteresis,
    data: st.DataObject,
) -> None:
    fold = Fold(an_engine(first, hysteresis))
    act = data.draw(st.permutations([("c", each) for each in mine] + [("d", each) for each in others]))
    clock = LANDMARK
    new_model_at = data.draw(st.integers(0, len(act)))
    for number, one in enumerate(act):
        clock += data.draw(st.sampled_from([0.0, 1.0, 3600.0, 30 * DAY_S]))
        if number == new_model_at:
            fold.use(second, clock)
        fold.group([one], clock if data.draw(st.booleans()) else 0.0)
    for key in fold.records:
        changes = [change for change in fold.changes if change.customer_id == key]
        assert_chained(changes)
        customer = fold.customer(key)
        assert fold.current(key) == changes[-1].to
        assert (customer.sequence, customer.life) == (len(changes), LIFE)


def assert_chained(changes: list[Transition]) -> None:
    current: CurrentSegment | None = None
    for sequence, change in enumerate(changes, 1):
        assert (change.sequence, change.life, change.from_) == (sequence, LIFE, current)
        assert change.change == ("entered" if current is None else "moved")
        assert change.to is not None
        assert current is None or change.to.segment != current.segment
        assert change.segments == {"behavior": change.to}
        assert change.to.since == change.occurred_at
        current = change.to


@laws
@given(st.lists(histories(), min_size=2, max_size=5), models(), hystereses, st.data())
def test_relabelled_clusters_change_no_grouping(
    all_histories: list[History], model: SegmentModel, hysteresis: Hysteresis, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(model.names))))  # the old label of each new one
    relabelled = replace(model, centroids=model.centroids[order], names=tuple(np.array(model.names)[order].tolist()))
    as_it_was, with_new_labels = (Fold(an_engine(each, hysteresis)) for each in (model, relabelled))
    for number, history in enumerate(all_histories):
        for act in history:
            for fold in (as_it_was, with_new_labels):
                fold.group([(f"c{number}", act)])
            assume(as_it_was.is_clear(f"c{number}"))
    old_label = {f"b{new}": f"b{old}" for new, old in enumerate(order)}
    was = [(change.customer_id, change.to) for change in as_it_was.changes]
    became = [(change.customer_id, change.to) for change in with_new_labels.changes]
    assert [(customer_id, to and to._replace(segment=old_label[to.segment])) for customer_id, to in became] == was
