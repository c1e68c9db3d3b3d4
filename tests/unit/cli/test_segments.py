"""What `stream-seg segments` makes of sizes, model and flows."""

from __future__ import annotations

import io

from rich.console import Console

from stream_seg.cli.segments import FlowFacts, SegmentFacts, SegmentTable, flow_facts, flow_table, segment_facts
from stream_seg.tools.fold import Flow

MODEL = {
    "segments": [
        {"id": "b0", "name": "Big spenders", "features": {"spend_rate": 250.0, "browse_rate": 0.0}},
        {"id": "b1", "name": "Small spenders", "features": {"spend_rate": 9.5, "browse_rate": 0.0}},
        {"id": "b2", "name": "Lapsed", "features": {"spend_rate": 0.0, "browse_rate": 0.0}},
    ]
}
BIG = SegmentFacts("behavior", "b0", "Big spenders", 1, 0.25, {"spend_rate": 250.0, "browse_rate": 0.0})
SMALL = SegmentFacts("behavior", "b1", "Small spenders", 3, 0.75, {"spend_rate": 9.5, "browse_rate": 0.0})


def printed(renderable: object, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_segments_are_named_and_sorted_by_size() -> None:
    found = segment_facts({"behavior": {"b0": 1, "b1": 3}}, MODEL)

    assert found[:2] == [SMALL, BIG]
    assert (found[2].name, found[2].size, found[2].share) == ("Lapsed", 0, 0.0)


def test_without_a_model_segments_are_known_by_id() -> None:
    assert segment_facts({"behavior": {"b0": 2}}, None) == [SegmentFacts("behavior", "b0", "b0", 2, 1.0)]
    assert segment_facts({}, None) == []


def test_other_dimensions_have_shares_of_their_own() -> None:
    found = segment_facts({"behavior": {"b0": 1}, "rule:vip": {"yes": 3, "no": 1}}, MODEL)

    assert [(each.dimension, each.segment, each.share) for each in found if each.size] == [
        ("behavior", "b0", 1.0),
        ("rule:vip", "yes", 0.75),
        ("rule:vip", "no", 0.25),
    ]


def test_flows_are_added_up_by_segment_under_the_name_it_has_now() -> None:
    flows = {
        Flow("behavior", None, None, "b0", "Spenders"): 9,
        Flow("behavior", "b0", "Spenders", "b1", "Small spenders"): 2,
        Flow("behavior", "b0", "Big spenders", "b1", "Small spenders"): 3,
        Flow("behavior", "b1", "Small spenders", "b0", "Big spenders"): 7,
        Flow("behavior", "b7", "A segment of long ago", None, None): 1,
    }

    assert flow_facts(flows, [BIG, SMALL]) == [
        FlowFacts("behavior", "b1", "Small spenders", "b0", "Big spenders", 7),
        FlowFacts("behavior", "b0", "Big spenders", "b1", "Small spenders", 5),
        FlowFacts("behavior", "b7", "A segment of long ago", None, "no segment", 1),
    ]


def test_a_wide_table_has_everything_that_anybody_has() -> None:
    assert printed(SegmentTable([SMALL, BIG], "USD")) == [
        "                                                spend",
        "segment             customers  share          a month",
        "Small spenders  b1          3    75%  ██████    $9.50",
        "Big spenders    b0          1    25%  ██         $250",
    ]


def test_a_narrow_table_keeps_what_matters() -> None:
    assert printed(SegmentTable([SMALL, BIG], "USD"), width=80) == [
        "                        spend",
        "segment         size  a month",
        "Small spenders     3    $9.50",
        "Big spenders       1     $250",
    ]


def test_only_the_largest_flows_are_shown() -> None:
    flows = flow_facts({Flow("behavior", "b0", "A", f"b{i}", f"B{i}"): i for i in range(1, 5)}, [])

    assert printed(flow_table(flows, shown=2)) == [
        "changes  from     to",
        "      4  A     →  B4",
        "      3  A     →  B3",
    ]
