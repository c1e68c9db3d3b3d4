"""Documents for Redis from customer records. Groups and repairs use the same function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from stream_seg.contracts.document import Document, SegmentFields
from stream_seg.contracts.times import FormattedTimes, with_ms
from stream_seg.core.batch import CustomerBatch
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.core.engine import Engine
from stream_seg.core.record import Columns

_MODEL_AT: Final = Behavior.position


def documents_of(
    customers: Columns | CustomerBatch,
    rows: Sequence[int],
    keys: Sequence[bytes],
    epochs: Sequence[int],
    engine: Engine,
) -> list[Document]:
    """Return the documents of the customers in `rows`.

    `keys` are theirs and `epochs` those of their partitions, both aligned with `rows`.
    """
    since, until = (
        np.array([customers[name][rows, each.position] for each in engine.dimensions]) for name in ("since", "until")
    )
    times = (since.ravel(), until[np.isfinite(until)], customers["as_of"][rows])
    format_time = FormattedTimes(np.concatenate(times)).__getitem__
    values = zip(
        keys,
        epochs,
        engine.current_segments(customers, rows),
        until.T.tolist(),
        customers["versions"][rows, _MODEL_AT].tolist(),
        customers["as_of"][rows].tolist(),
        customers["sequence"][rows].tolist(),
        strict=True,
    )
    ends = {each.key: index for index, each in enumerate(engine.dimensions)}
    return [
        Document(
            customer_id=key.decode(),
            segments=tuple(
                SegmentFields(
                    dimension,
                    current.segment,
                    current.name,
                    format_time(current.since),
                    format_time(end) if (end := until_of[ends[dimension]]) < np.inf else None,
                )
                for dimension, current in segments.items()
            ),
            sequence=sequence,
            epoch=epoch,
            as_of=with_ms(format_time(as_of)),
            model_version=version,
        )
        for key, epoch, segments, until_of, version, as_of, sequence in values
    ]
