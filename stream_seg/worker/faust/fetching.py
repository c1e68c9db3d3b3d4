"""How the worker's consumer fetches: wait, isolation and raw records."""

from __future__ import annotations

from typing import Any


def set_fetch_options(consumer: Any, wait_ms: int, *, committed_only: bool) -> None:
    """Set how long a fetch waits, in milliseconds, and whether it skips aborted transactions.

    Call this before `consumer` (an `AIOKafkaConsumer`) starts, because its fetcher copies both values at start.

    Patches: `AIOKafkaConsumer._fetch_max_wait_ms`, `AIOKafkaConsumer._isolation_level`
    Why: Faust makes the consumer itself. It fixes the wait at 1.5 s, and reads uncommitted records unless it runs its
        own transactions.
    Remove when: Faust has a setting for each, or a hook for the consumer's arguments.
    Test: tests/integration/test_consumer_setup.py
    """
    consumer._fetch_max_wait_ms = wait_ms
    if committed_only:
        consumer._isolation_level = "read_committed"


def deliver_raw_records(consumer: Any) -> None:
    """Deliver the C records that aiokafka decodes, which have `offset`, `key`, `value` and `timestamp`.

    Call this after `consumer` has started and before it fetches.

    Patches: `AIOKafkaConsumer._fetcher`, `Fetcher._records`, `FetchResult._partition_records`,
        `PartitionRecords._consumer_record`
    Why: aiokafka wraps each record in a dataclass of eleven fields, which is a fifth of the cost of an event.
    Remove when: aiokafka can deliver records without the dataclass.
    Test: tests/integration/test_consumer_setup.py
    """
    consumer._fetcher._records = _RawRecords()


class _RawRecords(dict[Any, Any]):
    """Fetch results by partition. Each one that is stored stops wrapping its records.

    Patches: `FetchResult._partition_records`, `PartitionRecords._consumer_record`
    Why: See `deliver_raw_records`.
    Remove when: aiokafka can deliver records without the dataclass.
    Test: tests/integration/test_consumer_setup.py
    """

    def __setitem__(self, tp: Any, result: Any) -> None:
        # A fetch error takes the place of a result and has no records.
        records = getattr(result, "_partition_records", None)
        if records is not None:
            records._consumer_record = _unwrapped
        super().__setitem__(tp, result)


def _unwrapped(_: Any, record: Any) -> Any:
    return record
