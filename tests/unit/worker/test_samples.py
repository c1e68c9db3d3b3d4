"""Samples as messages of bounded size, and messages that are not samples."""

from __future__ import annotations

import orjson
import pytest

from stream_seg.core.activity_mix import MIX_SIZE, Mix
from stream_seg.core.events.categories import MAX_CATEGORIES, MAX_NAME_BYTES
from stream_seg.core.feature_names import FEATURES
from stream_seg.kafka.dead_letters import MAX_VALUE_BYTES
from stream_seg.worker.models.samples import FIRST_SAMPLE, ROWS_PER_MESSAGE, Sample

LONGEST_ID = "\x01" * 256  # six bytes per character in JSON


def sample(customers: int, *, drained: bool = True) -> Sample:
    """Return a sample with the largest rows possible."""
    goods = {f"{number:02}" + "\x01" * (MAX_NAME_BYTES - 2): 0.001 for number in range(MAX_CATEGORIES)}
    mixes = [Mix([1e300 / 3, *[0.001] * (MIX_SIZE - 1)], goods)] * customers
    rows = [(LONGEST_ID, [-1 / 3e300] * len(FEATURES)) for _ in range(customers)]
    return Sample(0, 1e9 / 3, drained, rows, mixes)


def test_no_message_is_larger_than_brokers_accept() -> None:
    assert len(sample(FIRST_SAMPLE).dumps()) > 1_048_588
    assert max(len(part.dumps()) for part in sample(FIRST_SAMPLE).parts()) < MAX_VALUE_BYTES


@pytest.mark.parametrize("customers", [0, 1, ROWS_PER_MESSAGE, ROWS_PER_MESSAGE + 1, 2 * ROWS_PER_MESSAGE])
def test_parts_together_equal_the_sample(customers: int) -> None:
    sample_ = sample(customers)
    parts = [Sample.loads(part.dumps()) for part in sample_.parts()]
    assert [row for part in parts for row in part.rows] == sample_.rows
    assert [row for part in parts for row in part.mixes] == sample_.mixes
    assert [part.drained for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {(part.partition, part.clock) for part in parts} == {(sample_.partition, sample_.clock)}
    assert not any(part.drained for part in sample(customers, drained=False).parts())


def test_a_message_from_an_older_worker_is_read() -> None:
    row = [1.0] * len(FEATURES)
    old = Sample.loads(orjson.dumps({"partition": 3, "clock": 5.0, "drained": False, "rows": [["c", row]]}))
    assert old.mixes == []
    assert list(old.customers()) == [("c", row, None)]


def test_each_customer_has_its_own_mix() -> None:
    rows = [("c", [1.0] * len(FEATURES)), ("d", [2.0] * len(FEATURES))]
    mixes = [Mix([0.1] * MIX_SIZE, {"Tea": 1.0}), Mix([0.2] * MIX_SIZE, {})]
    assert [(name, mix) for name, _, mix in Sample(0, 0.0, False, rows, mixes).customers()] == [
        ("c", mixes[0]),
        ("d", mixes[1]),
    ]


FITS = [0.5] * MIX_SIZE


@pytest.mark.parametrize(
    ("mixes", "categories"),
    [
        ([[1.0]], [{}]),
        ([FITS] * 2, [{}] * 2),
        ([[-1.0] * MIX_SIZE], [{}]),
        ([["x"] * MIX_SIZE], [{}]),
        ([FITS], []),
        ([FITS], [{"Tea": -0.5}]),
        ([FITS], [["Tea"]]),
    ],
)
def test_mixes_that_do_not_fit_are_refused(mixes: list[list[object]], categories: list[object]) -> None:
    rows = [["c", [1.0] * len(FEATURES)]]
    message = {"partition": 0, "clock": 0.0, "drained": False, "rows": rows, "mixes": mixes, "categories": categories}
    with pytest.raises(ValueError, match="not a sample"):
        Sample.loads(orjson.dumps(message))
