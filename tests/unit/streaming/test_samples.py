"""Samples as messages: of bounded size, and refused in one sentence where they are none."""

from __future__ import annotations

import pytest

from stream_seg.core.features import FEATURES
from stream_seg.streaming.dead_letters import MAX_VALUE_BYTES
from stream_seg.streaming.samples import FIRST_SAMPLE, ROWS_A_MESSAGE, Sample

LONGEST_ID = "\x01" * 256  # six bytes a character in JSON


def sample(customers: int, *, drained: bool = True) -> Sample:
    """The largest rows there can be."""
    return Sample(0, 1e9 / 3, drained, [(LONGEST_ID, [-1 / 3e300] * len(FEATURES)) for _ in range(customers)])


def test_no_message_is_larger_than_brokers_take() -> None:
    assert len(sample(FIRST_SAMPLE).dumps()) > 1_048_588
    assert max(len(part.dumps()) for part in sample(FIRST_SAMPLE).parts()) < MAX_VALUE_BYTES


@pytest.mark.parametrize("customers", [0, 1, ROWS_A_MESSAGE, ROWS_A_MESSAGE + 1, 2 * ROWS_A_MESSAGE])
def test_parts_say_the_same_as_the_whole(customers: int) -> None:
    whole = sample(customers)
    parts = [Sample.loads(part.dumps()) for part in whole.parts()]
    assert [row for part in parts for row in part.rows] == whole.rows
    assert [part.drained for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {(part.partition, part.clock) for part in parts} == {(whole.partition, whole.clock)}
    assert not any(part.drained for part in sample(customers, drained=False).parts())
