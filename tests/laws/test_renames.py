"""Laws of names that persons give: they reach everyone in the segment, once, and changes still chain."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.dimensions.behavior import Hysteresis, SegmentModel
from stream_seg.core.transitions import CurrentSegment

from .fold import Fold, an_engine
from .histories import LANDMARK, History, histories, laws, models
from .test_segments import hystereses


@st.composite
def versions(draw: st.DrawFn) -> list[SegmentModel]:
    """Two to five versions of one model with names of their own, some of them given by a person and carried on."""
    model, made, given_names = draw(models()), [], dict[int, str]()
    segments = range(len(model.names))
    for version in range(1, draw(st.integers(3, 6))):
        for index in draw(st.sets(st.sampled_from(segments))):
            if draw(st.booleans()):
                given_names[index] = f"person {version}.{index}"
            else:
                given_names.pop(index, None)
        names = tuple(given_names.get(index, f"{version}.{index}") for index in segments)
        made.append(replace(model, version=version, names=names, user_named=frozenset(given_names)))
    return made


@laws
@given(st.lists(histories(), min_size=1, max_size=4), versions(), hystereses, st.data())
def test_everyone_in_a_segment_has_the_name_a_person_gave(
    people: list[History], said: list[SegmentModel], hysteresis: Hysteresis, data: st.DataObject
) -> None:
    fold = Fold(an_engine(said[0], hysteresis))
    for number, history in enumerate(people):
        for one in history:
            fold.group([(f"c{number}", one)])
    clock = LANDMARK
    for model in said[1:]:
        clock += data.draw(st.sampled_from([0.0, 3600.0]))
        fold.use(model, clock)
        told = len(fold.changes)
        fold.use(model, clock)
        assert len(fold.changes) == told  # once is enough
        for key in fold.records:
            held = fold.engine.current_segment(fold.customer(key))
            assert held is not None
            index = int(held.segment[1:])
            assert index not in model.user_named or held.name == model.names[index]
            assert index in model.user_named or not held.name.startswith("person")
    for key in fold.records:
        held = None
        for change in (each for each in fold.changes if each.customer_id == key):
            assert change.from_ == held
            assert isinstance(change.to, CurrentSegment)
            renamed = held is not None and change.to.segment == held.segment
            assert (change.change == "renamed") == renamed
            assert not renamed or (change.reason, change.to.since) == ("definition", held.since)  # type: ignore[union-attr]
            held = change.to
        assert held == fold.engine.current_segment(fold.customer(key))
