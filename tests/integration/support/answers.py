"""Lost answers of a broker: the producer in this process must repeat a request that was already served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.produce import ProduceRequest


class LostAnswer:
    """Loses the answer to the next request that appends `at_least` bytes once `wanted`, and then calls `then`."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, at_least: int = 0, then: Callable[[], object] = lambda: None
    ) -> None:
        self._wanted = threading.Event()
        self._lost = threading.Event()
        ask = AIOKafkaClient.send

        async def send(client: Any, node: Any, request: Any, **more: Any) -> Any:
            answer = await ask(client, node, request, **more)
            if self._wanted.is_set() and not self._lost.is_set() and _appended_bytes(request) >= max(at_least, 1):
                then()
                self._lost.set()
                raise KafkaConnectionError("the answer is lost")
            return answer

        monkeypatch.setattr(AIOKafkaClient, "send", send)

    def want(self) -> None:
        """Lose the next answer."""
        self._wanted.set()

    def wait(self, timeout_s: float) -> None:
        """Return when the answer is lost and `then` is done."""
        assert self._lost.wait(timeout_s), "no such request was sent"


def _appended_bytes(request: Any) -> int:
    if not isinstance(request, ProduceRequest):
        return 0
    return sum(len(batch) for _, partitions in request._topics for _, batch in partitions)
