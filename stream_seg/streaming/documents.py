"""The Redis document of a customer, from the record that holds its segment."""

from __future__ import annotations

from collections.abc import Mapping

from stream_seg.contracts.document import Document
from stream_seg.contracts.times import rfc3339, rfc3339_ms
from stream_seg.core.customer import Customer
from stream_seg.core.engine import Engine
from stream_seg.core.model import BEHAVIOR
from stream_seg.core.transitions import Held


def document_of(customer_id: str, segments: Mapping[str, Held], customer: Customer, epoch: int) -> Document:
    """The document of a customer that holds `segments`, written in `epoch`."""
    return Document(
        customer_id=customer_id,
        segments=tuple(
            (dimension, held.segment, held.name, rfc3339(held.since)) for dimension, held in segments.items()
        ),
        sequence=customer.sequence,
        epoch=epoch,
        as_of=rfc3339_ms(customer.as_of),
        model_version=customer.model_version,
    )


def stored_document(key: bytes, record: bytes, engine: Engine, epoch: int) -> Document | None:
    """The document of a packed record; None while the customer is in no segment."""
    customer = engine.open(record)
    held = engine.held(customer)
    return None if held is None else document_of(key.decode(), {BEHAVIOR: held}, customer, epoch)
