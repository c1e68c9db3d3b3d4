"""The answers of a worker's web server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from stream_seg.embedded.process import HOST, free_port
from stream_seg.ops.http import Check, OpsServer, verdict
from stream_seg.ops.metrics import Metrics

T = TypeVar("T")


def broken() -> str | None:
    raise LookupError("customer h-1871")


async def answered(url: str) -> tuple[int, str, str]:
    """Return the status, content type and text of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, response.content_type, await response.text()


def serving(
    ready: Mapping[str, Check], ask: Callable[[str], Awaitable[T]], registry: CollectorRegistry | None = None
) -> T:
    """Return the result of `ask(base URL)` while a server runs."""

    async def main() -> T:
        server = OpsServer(HOST, free_port(), registry or CollectorRegistry(), ready)
        port = await server.start()
        try:
            return await ask(f"http://{HOST}:{port}")
        finally:
            await server.stop()

    return asyncio.run(main())


def test_all_checks_pass() -> None:
    assert verdict({"model": lambda: None, "lease": lambda: None}) == (
        200,
        {"status": "ok", "checks": {"model": "ok", "lease": "ok"}},
    )


def test_one_reason_is_enough_to_fail() -> None:
    assert verdict({"model": lambda: "no model yet", "lease": lambda: None}) == (
        503,
        {"status": "failing", "checks": {"model": "no model yet", "lease": "ok"}},
    )


def test_a_check_that_raises_fails_and_shows_only_the_type_of_its_error() -> None:
    status, body = verdict({"model": broken})

    assert status == 503
    assert body["checks"] == {"model": "the check itself failed: LookupError"}


def test_checks_run_for_each_request() -> None:
    reasons: list[str | None] = ["recovering", None]
    ready = {"recovered": lambda: reasons.pop(0)}

    async def ask(url: str) -> list[tuple[int, str, str]]:
        return [await answered(f"{url}/ready"), await answered(f"{url}/ready"), await answered(f"{url}/live")]

    assert serving(ready, ask) == [
        (503, "application/json", '{"status": "failing", "checks": {"recovered": "recovering"}}'),
        (200, "application/json", '{"status": "ok", "checks": {"recovered": "ok"}}'),
        (200, "application/json", '{"status": "ok", "checks": {}}'),
    ]


def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Metrics(registry).model_version.set(12)

    status, kind, text = serving({}, lambda url: answered(f"{url}/metrics"), registry)

    assert (status, kind) == (200, "text/plain")
    assert "stream_seg_model_version 12.0\n" in text


def test_nothing_else_is_served() -> None:
    async def ask(url: str) -> list[int]:
        return [(await answered(f"{url}{path}"))[0] for path in ["/", "/table/customers", "/metrics/x"]]

    assert serving({}, ask) == [404, 404, 404]


def test_the_next_free_port_replaces_a_taken_one_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[int, int | None, int]:
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            server = OpsServer(HOST, port, CollectorRegistry(), {})
            got = await server.start()
            status, _, _ = await answered(f"http://{HOST}:{got}/live")
            await server.stop()
            return port, got, status

    with caplog.at_level(logging.WARNING, "stream_seg"):
        wanted, got, status = asyncio.run(main())

    assert got is not None
    assert got > wanted
    assert status == 200
    assert [record.getMessage() for record in caplog.records] == [
        f"port {wanted} is taken: metrics and health are at http://127.0.0.1:{got}"
    ]


def test_port_0_turns_the_server_off() -> None:
    async def main() -> int | None:
        server = OpsServer(HOST, 0, CollectorRegistry(), {})
        port = await server.start()
        await server.stop()
        return port

    assert asyncio.run(main()) is None


def test_an_address_of_another_machine_is_an_error() -> None:
    # 192.0.2.0/24 is reserved for documentation, so it is never this machine's.
    server = OpsServer("192.0.2.1", 6066, CollectorRegistry(), {})

    with pytest.raises(OSError):
        asyncio.run(server.start())


def test_a_stopped_server_frees_its_port() -> None:
    async def main() -> tuple[int | None, int | None]:
        port = free_port()
        ports = []
        for _ in range(2):
            server = OpsServer(HOST, port, CollectorRegistry(), {})
            ports.append(await server.start())
            await answered(f"http://{HOST}:{port}/live")
            await server.stop()
            await server.stop()
        return ports[0], ports[1]

    first, second = asyncio.run(main())

    assert first == second
