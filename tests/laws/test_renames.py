"""Laws of names that users give: they reach each customer in the segment once, and changes still chain."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.dimensions.segment_model import Hysteresis, SegmentModel
from stream_seg.core.transitions import CurrentSegment

from .fold import Fold, an_engine
from .histories import LANDMARK, History, histories, laws, models
from .test_segments import hystereses


@st.composite
def versions(draw: st.DrawFn) -> list[SegmentModel]:
    """Draw two to five versions of one model with different names. Names that users give stay in later versions."""
    model, result, user_names = draw(models()), [], dict[int, str]()
    segments = range(len(model.names))
    for version in range(1, draw(st.integers(3, 6))):
        for index in draw(st.sets(st.sampled_from(segments))):
            if draw(st.booleans()):
                user_names[index] = f"user {version}.{index}"
            else:
                user_names.pop(index, None)
        names = tuple(user_names.get(index, f"{version}.{index}") for index in segments)
        result.append(replace(model, version=version, names=names, user_named=frozenset(user_names)))
    return result


@laws
@given(st.lists(histories(), min_size=1, max_size=4), versions(), hystereses, st.data())
def test_each_customer_in_a_segment_has_the_name_that_a_user_gave(
    all_histories: list[History], models_in_turn: list[SegmentModel], hysteresis: Hysteresis, data: st.DataObject
) -> None:
    fold = Fold(an_engine(models_in_turn[0], hysteresis))
    for number, history in enumerate(all_histories):
        for one in history:
            fold.group([(f"c{number}", one)])
    clock = LANDMARK
    for model in models_in_turn[1:]:
        clock += data.draw(st.sampled_from([0.0, 3600.0]))
        fold.use(model, clock)
        changes = len(fold.changes)
        fold.use(model, clock)
        assert len(fold.changes) == changes  # once is enough
        for key in fold.records:
            current = fold.current(key)
            assert current is not None
            index = int(current.segment[1:])
            assert index not in model.user_named or current.name == model.names[index]
            assert index in model.user_named or not current.name.startswith("user")
    for key in fold.records:
        current = None
        for change in (each for each in fold.changes if each.customer_id == key):
            assert change.from_ == current
            assert isinstance(change.to, CurrentSegment)
            renamed = current is not None and change.to.segment == current.segment
            assert (change.change == "renamed") == renamed
            assert not renamed or (change.code, change.to.since) == ("definition", current.since)  # type: ignore[union-attr]
            current = change.to
        assert current == fold.current(key)
