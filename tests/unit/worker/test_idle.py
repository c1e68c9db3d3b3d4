"""A worker without partitions logs a warning every minute."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from stream_seg.worker.process import _Operators


def test_a_worker_that_waits_for_partitions_warns_every_minute(caplog: pytest.LogCaptureFixture) -> None:
    operators = _Operators.__new__(_Operators)
    operators._idle_warnings = 0
    warnings = []
    with caplog.at_level(logging.WARNING):
        for idle_s in (0.0, 59.0, 60.0, 65.0, 119.0, 121.0, 0.0, 61.0):
            caplog.clear()
            operators._rebalances = SimpleNamespace(idle_s=idle_s)
            operators._warn_if_idle()
            warnings += [(idle_s, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert warnings == [
        (60.0, "no partitions for 60 s"),
        (121.0, "no partitions for 121 s"),
        (61.0, "no partitions for 61 s"),
    ]
