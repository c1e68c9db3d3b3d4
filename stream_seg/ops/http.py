"""A worker's web server: `/metrics` for Prometheus, `/live` and `/ready` for an orchestrator or load balancer."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = logging.getLogger(__name__)

# Called for each request. Returns None when all is well, else the reason, without customer data.
Check = Callable[[], str | None]

PORTS_TRIED = 100
SHUTDOWN_S = 1.0


def verdict(checks: Mapping[str, Check]) -> tuple[int, dict[str, object]]:
    """Return the HTTP status (200 or 503) and the JSON body of checks. A check that raises has failed."""
    reasons = {name: _reason(check) for name, check in checks.items()}
    failing = any(reason is not None for reason in reasons.values())
    states = {name: "ok" if reason is None else reason for name, reason in reasons.items()}
    return (503 if failing else 200), {"status": "failing" if failing else "ok", "checks": states}


class OpsServer:
    """Serves the registry and the health of one worker on the running event loop.

    `/live` succeeds while the event loop runs. `/ready` succeeds while all checks in `ready` do, that is, while the
    worker does its work.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, ready: Mapping[str, Check]) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._checks = ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> int | None:
        """Start the server and return its port, which is the next free one when the wanted port is taken.

        Return None for port 0, which turns the server off. Raises OSError when no port can be used, because the address
        belongs to another machine or a hundred ports are taken.
        """
        if self._port == 0:
            return None
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            port = await self._listen(self._runner)
        except BaseException:
            await self.stop()
            raise
        if port != self._port:
            log.warning("port %d is taken: metrics and health are at http://%s:%d", self._port, self._host, port)
        return port

    async def stop(self) -> None:
        """Stop the server, if it runs."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> int:
        last = min(self._port + PORTS_TRIED, 65_536) - 1
        for port in range(self._port, last + 1):
            try:
                await web.TCPSite(runner, self._host, port).start()
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port == last:
                    raise
        raise AssertionError("unreachable")

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/live", self._live)
        application.router.add_get("/ready", self._ready)
        return application

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, _request: web.Request) -> web.Response:
        return _json({})

    async def _ready(self, _request: web.Request) -> web.Response:
        return _json(self._checks)


def _json(checks: Mapping[str, Check]) -> web.Response:
    status, body = verdict(checks)
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})


def _reason(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:
        # Only the type, because a message may contain data that must not leave the worker.
        return f"the check itself failed: {type(error).__name__}"
