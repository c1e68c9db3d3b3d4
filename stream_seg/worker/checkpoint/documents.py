"""The Redis document of a customer, made from a change or from a stored record."""

from __future__ import annotations

from collections.abc import Callable

from stream_seg.contracts.document import Document
from stream_seg.contracts.times import rfc3339, rfc3339_ms, with_ms
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.core.engine import Engine
from stream_seg.core.transitions import CurrentSegment, Transition


def document_of(
    change: Transition, as_of: float, epoch: int, format_time: Callable[[float], str] = rfc3339
) -> Document:
    """Return the document of a customer after a change in `epoch`, evaluated at `as_of` (epoch seconds).

    `format_time` is that of `encode_change`.
    """
    return Document(
        customer_id=change.customer_id,
        segments=tuple(_fields(dimension, current, format_time) for dimension, current in change.segments.items()),
        sequence=change.sequence,
        epoch=epoch,
        as_of=with_ms(format_time(as_of)),
        model_version=change.model_version,
    )


def stored_document(key: bytes, record: bytes, engine: Engine, epoch: int) -> Document | None:
    """Return the document of a packed record, None while the customer is in no segment."""
    customer = engine.open(record)
    current = engine.current_segment(customer)
    if current is None:
        return None
    return Document(
        customer_id=key.decode(),
        segments=(_fields(BEHAVIOR, current, rfc3339),),
        sequence=customer.sequence,
        epoch=epoch,
        as_of=rfc3339_ms(customer.as_of),
        model_version=customer.model_version,
    )


def _fields(dimension: str, current: CurrentSegment, format_time: Callable[[float], str]) -> tuple[str, str, str, str]:
    return dimension, current.segment, current.name, format_time(current.since)
