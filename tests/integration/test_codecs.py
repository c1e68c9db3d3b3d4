"""Every compression codec of Kafka is readable, whether Java's client, our producers or the broker compressed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import get_args

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from benchmarks.stored import stored_batches
from stream_seg.kafka.broker import Broker, Compression
from tests.integration.support.command import command
from tests.integration.support.deployment import CALM, Services, deployment
from tests.integration.support.ending import assert_exact, read_ending
from tests.integration.support.events import Sent, order, view
from tests.integration.support.java_clients import produce
from tests.integration.support.yardstick import expect

CODECS: tuple[Compression, ...] = get_args(Compression)
WHEN = "2017-05-09T18:00:31Z"
CUSTOMERS = 40


def orders(codec: str) -> list[Sent]:
    """Return one order of each customer, named after the codec, with text that every codec can shorten."""
    return [
        order(f"c-{number}", CODECS.index(codec) * CUSTOMERS + number, WHEN, 12.5, coupon="WELCOME" * 15)
        for number in range(CUSTOMERS)
    ]


def codecs_of(broker: Broker, topic: str) -> set[str]:
    """Return the codecs of a topic's batches, as they are stored."""
    return {batch.codec for batch in stored_batches(broker, topic)}


def compress(broker: Broker, topic: str, codec: str) -> None:
    """Let the broker compress a topic, whatever producers do."""

    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
        await admin.start()
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"compression.type": codec})
            (answer,) = await admin.alter_configs([resource])
            assert [code for code, *_ in answer.resources] == [0]
        finally:
            await admin.close()

    asyncio.run(alter())


def test_every_codec_of_every_compressor_is_read(on: Services, embedded: bool) -> None:
    broken = [Sent("purchases", b"c-1", b'{"no": "event"}' * 20, good=False)]
    views = [view(f"c-{number}", number, WHEN, category="x" * 90) for number in range(CUSTOMERS)]
    with deployment(on, "codecs", **CALM, COMPRESSION="zstd") as deployed:
        topic = deployed.settings.topic
        sent, theirs = [], []
        for codec in CODECS:
            ours = orders(codec)
            deployed.addresses = replace(deployed.addresses, broker=replace(deployed.broker, compression=codec))
            deployed.send(ours[: CUSTOMERS // 2] if not embedded else ours)
            theirs += [(codec, each.key.decode(), each.value.decode()) for each in ours[CUSTOMERS // 2 :]]
            sent += ours
        if not embedded:
            # The embedded broker lacks what the Java client asks for.
            produce(deployed.broker.address, topic("purchases"), theirs)
        assert codecs_of(deployed.broker, topic("purchases")) == set(CODECS)
        if not embedded:
            compress(deployed.broker, topic("interactions"), "gzip")
        deployed.send(views + broken)
        assert codecs_of(deployed.broker, topic("interactions")) == {"zstd" if embedded else "gzip"}

        worker = deployed.start_worker()
        worker.wait_ready()
        deployed.wait_until_drained()

        assert_exact(read_ending(deployed), expect([*sent, *views]))
        assert command(deployed, "lag").endswith("has read everything\n")
        assert worker.terminate() == 0, worker.output()
        for output in (deployed.settings.changelog, topic("dead-letters")):
            assert codecs_of(deployed.broker, output) == {"zstd"}
        assert "sent 1 " in command(deployed, "dead-letters", "redrive", "--yes")
