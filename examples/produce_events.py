"""Sends three events of a customer to the input topics: python examples/produce_events.py HOST:PORT CUSTOMER."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError


def events(customer: str) -> list[tuple[str, dict[str, object]]]:
    """Return topics and events. Each event has an id that stays the same when it is sent again."""
    return [
        ("profiles", {"event_id": f"{customer}-1", "customer_id": customer, "type": "identify",
                      "occurred_at": "2025-01-01T09:00:00Z", "traits": {"city": "Leeds"}}),
        ("interactions", {"event_id": f"{customer}-2", "customer_id": customer, "type": "product_viewed",
                          "occurred_at": "2025-01-01T09:05:00Z", "product_id": "mug", "channel": "web"}),
        ("purchases", {"event_id": f"{customer}-3", "customer_id": customer, "type": "order_completed",
                       "occurred_at": "2025-01-01T09:10:00Z", "order_id": f"{customer}-o-1", "amount": 25.50}),
    ]  # fmt: skip


async def main(options: argparse.Namespace) -> int:
    """Send the events, and return the exit status when the broker has acknowledged all of them."""
    try:
        await send(options)
    except KafkaError as error:
        print(f"not sent: {error}. The embedded broker needs --no-idempotence", file=sys.stderr)
        return 1
    return 0


async def send(options: argparse.Namespace) -> None:
    """Send the events one after the other. Raises KafkaError."""
    # aiokafka's default partitioner is murmur2, as the workers expect.
    async with AIOKafkaProducer(
        bootstrap_servers=options.broker, acks="all", enable_idempotence=not options.no_idempotence
    ) as producer:
        for topic, event in events(options.customer):
            key = str(event["customer_id"]).encode()
            sent = await producer.send_and_wait(options.prefix + topic, json.dumps(event).encode(), key=key)
            print(f"{sent.topic}, partition {sent.partition}, offset {sent.offset}: {event['type']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("broker", help="host:port of a Kafka broker")
    parser.add_argument("customer", help="customer id")
    parser.add_argument("--prefix", default="", help="your TOPIC_PREFIX")
    parser.add_argument("--no-idempotence", action="store_true", help="for the embedded broker, which has none")
    sys.exit(asyncio.run(main(parser.parse_args())))
