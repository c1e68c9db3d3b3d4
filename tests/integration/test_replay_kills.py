"""Killed at any moment and resumed, a replay sends every event once."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.produce import ProduceRequest

from stream_seg.datasets.files import FileSource
from stream_seg.errors import AlreadySent, BrokerError
from stream_seg.kafka import producer
from stream_seg.kafka.broker import Broker
from stream_seg.tools.replay import send as replaying
from tests.integration.support.command import run_in, start
from tests.integration.support.deployment import Deployment, Services, deployment
from tests.integration.support.polling import eventually
from tests.integration.support.replays import Inputs

ORDERS = 20_000
BAD_LINE = 15_001
REPLAYS, KILLS = 10, 10  # number of kills before each replay ends
PARTITIONS = 3
# Sizes of a chunk, so that a replay has many chunks, and numbers of the requests after which it is killed.
CHUNK, FEW = 256, 8


def order(number: int) -> str:
    event = {"event_id": f"e-{number}", "customer_id": f"c-{number % 500}", "order_id": f"o-{number}", "amount": 1}
    return json.dumps({**event, "occurred_at": 1_700_000_000 + number})


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 20,000 orders, in which line 15,001 has no customer."""
    lines = [order(number) for number in range(1, ORDERS + 1)]
    lines[BAD_LINE - 1] = lines[BAD_LINE - 1].replace("customer_id", "customer")
    path = tmp_path_factory.mktemp("orders") / "orders.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


class Killer:
    """Ends a replay in this process as a kill would: from one moment on nothing reaches the broker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._requests = 0
        self._answered = False
        send = AIOKafkaClient.send

        async def counted(client: Any, node: Any, request: Any, **more: Any) -> Any:
            if self._task is None or not isinstance(request, ProduceRequest):
                return await send(client, node, request, **more)
            self._requests -= 1
            if self._requests == 0 and self._answered:
                await send(client, node, request, **more)  # the broker has the records, and the replay gets no answer
            if self._requests <= 0:
                self._task.cancel()
                raise KafkaConnectionError("killed")
            return await send(client, node, request, **more)

        monkeypatch.setattr(AIOKafkaClient, "send", counted)
        monkeypatch.setattr(producer, "STOP_TIMEOUT_S", 0.02)

    async def killed(self, inputs: Inputs, source: FileSource, requests: int, *, answered: bool) -> bool:
        """Resume a replay and kill it at a request, before it is sent or when it was `answered`.

        Return whether the replay was killed.
        """
        self._task = asyncio.create_task(inputs.send(source, resume=True))
        self._requests, self._answered = requests, answered
        try:
            await self._task
        except (asyncio.CancelledError, BrokerError, KafkaError):
            return True
        finally:
            self._task = None
        return False


def assert_once(inputs: Inputs) -> None:
    """Assert that every order but the bad one is there once, and that each partition keeps the order of the file."""
    found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for place, record in inputs.records():
        found[place].append(int(dict(record.headers)["line"]))
        assert json.loads(record.value)["event_id"] == f"e-{found[place][-1]}"
    for lines in found.values():
        assert lines == sorted(lines)
    assert sorted(line for lines in found.values() for line in lines) == [
        line for line in range(1, ORDERS + 1) if line != BAD_LINE
    ]


# A killed replay leaves its sockets open, as a killed process does. They are collected inside the test, because the
# warnings would otherwise fail any later test.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(REPLAYS))
def test_an_abandoned_replay_is_resumed(
    broker: Broker, prefix: str, orders: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(replaying, "CHUNK", CHUNK)
    inputs, source = Inputs.create(broker, prefix, PARTITIONS), FileSource(orders, "purchases")
    killer, chance = Killer(monkeypatch), random.Random(seed)
    for _ in range(KILLS):
        requests, answered = chance.randint(1, FEW), chance.random() < 0.5
        assert asyncio.run(killer.killed(inputs, source, requests, answered=answered))
        gc.collect()
    assert 0 < inputs.count() < ORDERS - 1
    inputs.once(source, resume=True)
    assert_once(inputs)
    with pytest.raises(AlreadySent):
        inputs.once(source, resume=True)


@pytest.fixture
def shop(on: Services, prefix: str) -> Iterator[Deployment]:
    with deployment(on, prefix.strip("-")) as made:
        yield made


def kill_at(shop: Deployment, orders: Path, inputs: Inputs, wanted: int) -> None:
    """Resume a replay in a process, and kill it once after so many events."""
    # The pace makes it take some seconds, and each kill leaves enough of them for the next.
    command = ["replay", str(orders), "--topic", "purchases", "--speed", "2500", "--resume"]
    with start(command, shop.directory, shop.environment) as process:
        eventually(lambda: inputs.count() >= wanted, 60, f"{wanted} events are sent", lambda: "")
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL


def test_a_killed_process_is_resumed(shop: Deployment, orders: Path) -> None:
    inputs = Inputs(shop.broker, shop.settings)
    chance = random.Random(28)
    for _ in range(3):
        kill_at(shop, orders, inputs, inputs.count() + chance.randint(1, 3_000))
        assert inputs.count() < ORDERS - 1
    assert run_in(shop, "replay", str(orders), "--topic", "purchases", "--resume").returncode == 0
    assert_once(inputs)
    done = run_in(shop, "replay", str(orders), "--topic", "purchases")
    assert done.returncode == 1
    assert "was sent before (19,999 events); use --again" in done.stderr
