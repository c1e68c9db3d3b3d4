"""The aiokafka producer inside a Faust app."""

from __future__ import annotations

from typing import Any


def aiokafka_producer(app: Any) -> Any:
    """Return the started `AIOKafkaProducer` of a Faust app. Raises Faust's ProducerNotStarted before it has started.

    Patches: `Producer._ensure_producer` (read only)
    Why: Faust sends message by message. The checkpoint appends whole batches, and waits for all of them at once.
    Remove when: Faust can send a prepared batch, or the worker has a producer of its own.
    Test: tests/integration/test_consumer_setup.py
    """
    return app.producer._ensure_producer()
