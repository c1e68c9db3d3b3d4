"""The Redis document of a customer, from a change or from the record that holds its segment."""

from __future__ import annotations

from stream_seg.contracts.document import Document
from stream_seg.contracts.times import rfc3339, rfc3339_ms
from stream_seg.core.engine import Engine
from stream_seg.core.model import BEHAVIOR
from stream_seg.core.transitions import Held, Transition


def document_of(change: Transition, as_of: float, epoch: int) -> Document:
    """The document of a customer after a change that was evaluated at `as_of` (epoch seconds) in `epoch`."""
    return Document(
        customer_id=change.customer_id,
        segments=tuple(_fields(dimension, held) for dimension, held in change.segments.items()),
        sequence=change.sequence,
        epoch=epoch,
        as_of=rfc3339_ms(as_of),
        model_version=change.model_version,
    )


def stored_document(key: bytes, record: bytes, engine: Engine, epoch: int) -> Document | None:
    """The document of a packed record; None while the customer is in no segment."""
    customer = engine.open(record)
    held = engine.held(customer)
    if held is None:
        return None
    return Document(
        customer_id=key.decode(),
        segments=(_fields(BEHAVIOR, held),),
        sequence=customer.sequence,
        epoch=epoch,
        as_of=rfc3339_ms(customer.as_of),
        model_version=customer.model_version,
    )


def _fields(dimension: str, held: Held) -> tuple[str, str, str, str]:
    return dimension, held.segment, held.name, rfc3339(held.since)
