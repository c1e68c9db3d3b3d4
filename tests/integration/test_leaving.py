"""A group goes on without its leader when the leader leaves while another member joins."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_seg.kafka.broker import Broker
from stream_seg.worker.faust.embedded_quirks import leave_formed_groups_only

SESSION_MS = 6_000
NOTICED_MS = 3_000  # the leader learns of the joining member only after it has left
SETTLED_S = 30.0  # a session, the pauses that the embedded broker makes, and a slow machine


async def consumer(broker: Broker, name: str) -> Any:
    """Return a started consumer of topic `name` in group `name`."""
    made = AIOKafkaConsumer(
        name,
        bootstrap_servers=broker.address,
        group_id=name,
        session_timeout_ms=SESSION_MS,
        rebalance_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=NOTICED_MS,
        enable_auto_commit=False,
    )
    await made.start()
    return made


async def owns(made: Any, partitions: int) -> None:
    """Return when a consumer has `partitions` partitions."""
    while len(made.assignment()) != partitions:
        await asyncio.sleep(0.05)


async def leader_leaves_while_another_joins(broker: Broker, name: str, *, guarded: bool) -> bool:
    """Return whether the other members share all partitions in the end."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    others: list[Any] = []
    try:
        await admin.create_topics([NewTopic(name, 4, 1)])
        leader = await consumer(broker, name)
        if guarded:
            leave_formed_groups_only(leader._coordinator)
        await asyncio.wait_for(owns(leader, 4), SETTLED_S)
        others.append(await consumer(broker, name))
        await asyncio.wait_for(owns(leader, 2), SETTLED_S)
        joining = asyncio.create_task(consumer(broker, name))
        await asyncio.sleep(0.5)
        await leader.stop()
        others.append(await asyncio.wait_for(joining, SETTLED_S))
        await asyncio.wait_for(asyncio.gather(*(owns(other, 2) for other in others)), SETTLED_S)
        return True
    except TimeoutError:
        return False
    finally:
        for other in others:
            await other.stop()
        await admin.close()


def test_a_leader_that_leaves_while_the_group_forms_is_not_waited_for(
    broker: Broker, embedded: bool, prefix: str
) -> None:
    assert asyncio.run(leader_leaves_while_another_joins(broker, f"{prefix}leaving", guarded=embedded))
