"""The Redis document of a customer, made from a change or from a stored record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stream_seg.contracts.document import Document
from stream_seg.contracts.times import FormattedTimes, rfc3339, with_ms
from stream_seg.core.dimensions.behavior import BEHAVIOR, segment_id
from stream_seg.core.engine import Engine
from stream_seg.core.record import NO_SEGMENT, columns
from stream_seg.core.transitions import CurrentSegment, Transition
from stream_seg.worker.partitions.records import Pair


def document_of(change: Transition, epoch: int, format_time: Callable[[float], str] = rfc3339) -> Document:
    """Return the document of a customer after a change in `epoch`.

    `format_time` is that of `encode_change`.
    """
    return Document(
        customer_id=change.customer_id,
        segments=tuple(_fields(dimension, current, format_time) for dimension, current in change.segments.items()),
        sequence=change.sequence,
        epoch=epoch,
        as_of=with_ms(format_time(change.occurred_at)),
        model_version=change.model_version,
    )


def stored_documents(pairs: Sequence[Pair], engine: Engine, epoch: int) -> list[Document]:
    """Return the documents of stored customers, without those who are in no segment. `pairs` are keys and records."""
    fixed = columns([record for _, record in pairs])
    rows = np.flatnonzero(fixed["segment"] != NO_SEGMENT).tolist()
    fixed = fixed[rows]
    format_time = FormattedTimes(np.concatenate((fixed["since"], fixed["as_of"]))).__getitem__
    names = ("segment", "model_version", "since", "as_of", "sequence")
    values = zip(rows, *(fixed[name].tolist() for name in names), strict=True)
    return [
        Document(
            customer_id=pairs[row][0].decode(),
            segments=(
                _fields(BEHAVIOR, CurrentSegment(segment_id(index), engine.name(version, index), since), format_time),
            ),
            sequence=sequence,
            epoch=epoch,
            as_of=with_ms(format_time(as_of)),
            model_version=version,
        )
        for row, index, version, since, as_of, sequence in values
    ]


def _fields(dimension: str, current: CurrentSegment, format_time: Callable[[float], str]) -> tuple[str, str, str, str]:
    return dimension, current.segment, current.name, format_time(current.since)
