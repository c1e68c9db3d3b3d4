"""The Redis document of a customer, from a change or from the record that holds its segment."""

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
    """The document of a customer after a change in `epoch`, evaluated at `as_of` (epoch seconds).

    `format_time` is that of `encode_change`.
    """
    return Document(
        customer_id=change.customer_id,
        segments=tuple(_fields(dimension, held, format_time) for dimension, held in change.segments.items()),
        sequence=change.sequence,
        epoch=epoch,
        as_of=with_ms(format_time(as_of)),
        model_version=change.model_version,
    )


def stored_document(key: bytes, record: bytes, engine: Engine, epoch: int) -> Document | None:
    """The document of a packed record; None while the customer is in no segment."""
    customer = engine.open(record)
    held = engine.current_segment(customer)
    if held is None:
        return None
    return Document(
        customer_id=key.decode(),
        segments=(_fields(BEHAVIOR, held, rfc3339),),
        sequence=customer.sequence,
        epoch=epoch,
        as_of=rfc3339_ms(customer.as_of),
        model_version=customer.model_version,
    )


def _fields(dimension: str, held: CurrentSegment, format_time: Callable[[float], str]) -> tuple[str, str, str, str]:
    return dimension, held.segment, held.name, format_time(held.since)
