"""Validate a whole file before any of its events is sent."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Final

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.datasets.files import FileSource
from stream_seg.datasets.record import SourceRecord
from stream_seg.datasets.skips import Skips
from stream_seg.settings import Settings
from stream_seg.worker.checkpoint.decoders import decoders_of

CHUNK: Final = 8_192


def faults(source: FileSource, settings: Settings, now_s: float) -> Skips:
    """Return the rows of a file that are not events, and the rows that workers with these settings would reject.

    `now_s` is wall time in epoch seconds. Raises SourceError if the file cannot be read.
    """
    decoders = dict(zip(TOPICS, decoders_of(settings), strict=True))
    rejected = Skips()
    records = iter(source)
    while chunk := list(islice(records, CHUNK)):
        by_topic: dict[str, list[SourceRecord]] = defaultdict(list)
        for record in chunk:
            by_topic[record.topic].append(record)
        for topic, selected in by_topic.items():
            decoded = decoders[topic].decode([each.value for each in selected], [each.key for each in selected], now_s)
            for each in decoded.rejected:
                rejected.count(selected[each.index].line, each.reason, each.detail)
    return rejected.merged(source.skips)
