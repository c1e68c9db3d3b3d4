"""The newest customer samples that workers sent to the learner, on which models are compared."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from stream_seg.kafka.broker import Broker
from stream_seg.kafka.reader import read_all
from stream_seg.learning.clustering.recent import RecentCustomers
from stream_seg.learning.clustering.scaling import Matrix
from stream_seg.worker.models.samples import Sample

CUSTOMERS: Final = 5_000


async def sampled_customers(broker: Broker, topic: str, *, limit: int = CUSTOMERS) -> Matrix:
    """Return the features (n, len(FEATURES)) of the at most `limit` customers that were sampled last.

    There are no rows if no worker learns (a pinned `MODEL`), or if retention has removed all samples. Raises
    BrokerError.
    """
    recent = RecentCustomers(limit)
    async for _, records in read_all(broker, topic):
        for record in records:
            with suppress(ValueError):  # the learner skips malformed samples too
                for customer_id, row in Sample.loads(record.value or b"").rows:
                    recent.put(customer_id, row)
    return recent.matrix()
