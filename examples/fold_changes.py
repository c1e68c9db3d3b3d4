"""Keeps a SQLite table of current segments: python examples/fold_changes.py HOST:PORT FILE.

The program writes the table and the offsets in one transaction, so you can stop and start it at any time. A repeated or
older change does not alter the table. It stays right even if you delete the offsets and read the topic again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3

from aiokafka import AIOKafkaConsumer, ConsumerRecord

TABLES = """
CREATE TABLE IF NOT EXISTS segments (customer TEXT PRIMARY KEY, epoch INTEGER, sequence INTEGER, segments TEXT);
CREATE TABLE IF NOT EXISTS offsets (number INTEGER PRIMARY KEY, next INTEGER);
"""
FOLD = """
INSERT INTO segments VALUES (?, ?, ?, ?) ON CONFLICT (customer) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, segments = excluded.segments
WHERE (excluded.epoch, excluded.sequence) > (segments.epoch, segments.sequence)
"""


def fold(database: sqlite3.Connection, partition: int, records: list[ConsumerRecord]) -> int:
    """Apply the changes of one partition, in one transaction. Return how many altered the table."""
    with database:
        altered = 0
        for record in records:
            change = json.loads(record.value)
            row = (change["customer_id"], change["epoch"], change["sequence"], json.dumps(change["segments"]))
            altered += database.execute(FOLD, row).rowcount
        database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", (partition, records[-1].offset + 1))
    return altered


async def main(options: argparse.Namespace) -> None:
    """Read changes from the offsets in the file. With --once, end when there has been no change for five seconds."""
    database = sqlite3.connect(options.file)
    database.executescript(TABLES)
    known = dict(database.execute("SELECT number, next FROM offsets"))
    topic = options.prefix + "segment-changes"
    # Without a consumer group every partition of the topic is assigned to this program.
    async with AIOKafkaConsumer(topic, bootstrap_servers=options.broker, auto_offset_reset="earliest") as consumer:
        for tp in consumer.assignment():
            consumer.seek(tp, known.get(tp.partition, 0))
        while True:
            batches = await consumer.getmany(timeout_ms=5_000)
            if options.once and not batches:
                return
            for tp, records in batches.items():
                print(f"partition {tp.partition}: {len(records)} changes, {fold(database, tp.partition, records)} new")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("broker", help="host:port of a Kafka broker")
    parser.add_argument("file", help="SQLite file")
    parser.add_argument("--prefix", default="", help="your TOPIC_PREFIX")
    parser.add_argument("--once", action="store_true", help="end when there is nothing more to read")
    asyncio.run(main(parser.parse_args()))
