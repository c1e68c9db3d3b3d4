"""The producer of a chaos run: the input at a steady rate, and bursts in between."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.integration.support.events import Sent

TICK_S = 0.02
TIMEOUT_S = 120.0


class Sender:
    """Sends `records` evenly over `seconds` on its own thread, and keeps all sent records.

    If the broker supports it (`idempotent`), a resend after a lost answer does not duplicate a record, so every
    repetition is deliberate.
    """

    def __init__(self, bootstrap: str, topic: Callable[[str], str], *, idempotent: bool) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._idempotent = idempotent
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._producer: Any = None
        self.sent: list[Sent] = []
        self.extra: list[Sent] = []

    def start(self) -> None:
        """Connect to the broker."""
        self._thread.start()
        self._call(self._connect())

    def begin(self, records: Sequence[Sent], seconds: float) -> None:
        """Start to send. `finish` waits for the end."""
        self._steady = asyncio.run_coroutine_threadsafe(self._send_steadily(records, seconds), self._loop)

    def finish(self, timeout_s: float) -> None:
        """Return when all of the steady input is acknowledged. Raises the error of sending, and TimeoutError."""
        self._steady.result(timeout_s)

    @property
    def sending(self) -> bool:
        """Return whether steady input is still to come."""
        return not self._steady.done()

    def send_now(self, records: Iterable[Sent]) -> None:
        """Send records at once beside the others, and return when they are acknowledged."""
        burst = list(records)
        self._call(self._send(burst))
        self.extra += burst

    def stop(self) -> None:
        """Disconnect. Idempotent."""
        if self._producer is not None:
            self._call(self._producer.stop())
            self._producer = None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT_S)

    async def _connect(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=self._idempotent,
            linger_ms=5,
            request_timeout_ms=60_000,
        )
        await self._producer.start()

    async def _send(self, records: Sequence[Sent]) -> None:
        futures = [await self._producer.send(self._topic(each.topic), each.value, each.key) for each in records]
        await asyncio.gather(*futures)

    async def _send_steadily(self, records: Sequence[Sent], seconds: float) -> None:
        begun, rate = time.monotonic(), len(records) / seconds
        futures: list[asyncio.Future[Any]] = []
        while len(self.sent) < len(records):
            due = min(len(records), int((time.monotonic() - begun) * rate) + 1)
            for record in records[len(self.sent) : due]:
                futures.append(await self._producer.send(self._topic(record.topic), record.value, record.key))
                self.sent.append(record)
            for done in [future for future in futures if future.done()]:
                done.result()
            futures = [future for future in futures if not future.done()]
            await asyncio.sleep(TICK_S)
        await asyncio.gather(*futures)
