"""One worker process: the application, its HTTP server for operators, and an orderly stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import faust
from aiokafka.errors import KafkaError
from mode import Service
from prometheus_client import CollectorRegistry

from stream_seg.addresses import Addresses
from stream_seg.connection_settings import EMBEDDED
from stream_seg.core.dimensions.base import Dimension
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.errors import BrokerError, StoreError, StreamSegError
from stream_seg.kafka.broker import Broker
from stream_seg.kafka.diagnosis import explain
from stream_seg.kafka.lag import measure_lag
from stream_seg.ops.http import Check, OpsServer
from stream_seg.ops.logging import configure_logging, redact
from stream_seg.ops.metrics import Metrics
from stream_seg.settings import Settings

from .app import Application, build_app
from .faust.library_log import LIBRARY_LOG

log = logging.getLogger(__name__)

GC_THRESHOLD: Final = 5_000_000
# The longest time that a worker may take to stop in order after a crash or a signal, in seconds. Supervisors usually
# allow 30 before they kill it.
STOPPED_WITHIN_S = 25.0
OBSERVE_EVERY_S: Final = 5.0
# Seconds between two warnings that a worker has no partitions. Most rebalances take seconds.
IDLE_WARNING_EVERY_S: Final = 60.0

# Operators, brokers and networks cause these, so one line is enough. Any other error is a bug and keeps its traceback.
EXPECTED: Final = (StreamSegError, KafkaError, OSError)


class _Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker without its decorations on standard error."""

    logger = LIBRARY_LOG

    @property
    def stopped_by_signal(self) -> bool:
        """Whether a signal asked the worker to stop."""
        return bool(self._signal_stop_time)

    def _crash(self, reason: BaseException) -> None:
        """Keep the first reason. Tasks that are cancelled afterwards report that as a crash of their own."""
        if self.crash_reason is None:
            _end_later(reason)
        super()._crash(self.crash_reason or reason)

    def _schedule_shutdown(self, sent: signal.Signals) -> None:
        """Stop in order, and end anyway when that takes too long."""
        if not self.stopped_by_signal:
            _end_later(TimeoutError("it was told to stop"))
        super()._schedule_shutdown(sent)

    def _on_sigint(self) -> None:
        self._schedule_shutdown(signal.SIGINT)

    def _setproctitle(self, info: str, *, ident: str = "stream-seg") -> None:
        """Keep the process name."""


def run_worker(settings: Settings, addresses: Addresses, dimensions: Sequence[Dimension] = ()) -> int:
    """Run one worker until a signal or a failure. `dimensions` are evaluated besides the built-in ones.

    Returns the exit status: 0 after a signal, 1 after a failure, 2 when a setting cannot be used.
    """
    _use_uvloop()
    # Failures are reported once, at the end. The log lines of libraries help only with debugging.
    libraries = logging.INFO if settings.log_level == "debug" else logging.CRITICAL + 1
    configure_logging(settings.log_level, settings.log_format, libraries=libraries)
    if settings.broker == settings.redis_url == EMBEDDED:  # another address may contain a secret
        log.info("the broker is at %s and Redis at %s", addresses.broker.address, addresses.redis_url)
    # Stored records are bytes, which the collector does not track, and reference counts free the objects of a group. At
    # its default threshold the collector would traverse a whole group hundreds of times and free nothing.
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    registry = CollectorRegistry()
    try:
        application = build_app(settings, addresses, Metrics(registry), dimensions=dimensions)
    except (ValueError, StoreError) as reason:
        print(f"stream-seg: a setting cannot be used: {reason}", file=sys.stderr)
        return 2
    operators = _Operators(application, settings, addresses.broker, registry, loop=loop)
    worker = _Worker(
        application.faust, operators, loglevel=logging.INFO, override_logging=False, loop=loop, redirect_stdouts=False
    )
    worker.spinner = None
    failure: BaseException | None = None
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        failure = end.__context__  # mode exits with a status, and shows the reason only in its log
    except (Exception, asyncio.CancelledError) as reason:
        failure = reason
    failure = worker.crash_reason or application.faust.crash_reason or failure
    if failure is None and worker.stopped_by_signal:
        return 0
    failure = failure or RuntimeError("it ended by itself; run it with STREAM_SEG_LOG_LEVEL=debug to see why")
    _report(failure, explain(failure, addresses.broker))
    return 1


def _report(failure: BaseException, explanation: str | None) -> None:
    if not isinstance(failure, EXPECTED):
        print(redact("".join(traceback.format_exception(failure))), end="", file=sys.stderr)
    print(
        redact(f"stream-seg: the worker stopped: {explanation or failure or type(failure).__name__}"), file=sys.stderr
    )


def _end_later(reason: BaseException) -> None:
    """End this process unless it stops in time. The stop may wait for a broker or a task that never answers."""
    guard = threading.Timer(STOPPED_WITHIN_S, _end_at_once, [reason])
    guard.daemon = True
    guard.start()


def _end_at_once(reason: BaseException) -> None:
    """End a process that does not stop. Events that it did not acknowledge are read again."""
    _report(reason, f"{reason or type(reason).__name__}; it did not stop within {STOPPED_WITHIN_S:g} s and was ended")
    sys.stderr.flush()
    os._exit(1)


def _use_uvloop() -> None:
    try:
        import uvloop
    except ImportError:  # uvloop does not support every platform
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


class _Operators(Service):  # type: ignore[misc]
    """The HTTP server, up before Faust connects to anything, and the metrics that are measured every few seconds."""

    logger = LIBRARY_LOG

    def __init__(
        self, application: Application, settings: Settings, broker: Broker, registry: CollectorRegistry, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._observe = partial(_observe, application, settings, broker)
        self._rebalances = application.rebalances
        self._idle_warnings = 0
        self._server = OpsServer(settings.worker_http_host, settings.worker_http_port, registry, _checks(application))

    async def on_start(self) -> None:
        await self._server.start()
        self.add_future(self._watch())

    async def on_stop(self) -> None:
        await self._server.stop()

    async def _watch(self) -> None:
        async for _ in self.itertimer(OBSERVE_EVERY_S, name="observe"):
            self._warn_if_idle()
            await self._observe()

    def _warn_if_idle(self) -> None:
        idle_s = self._rebalances.idle_s
        warnings = int(idle_s // IDLE_WARNING_EVERY_S)
        if warnings > self._idle_warnings:
            log.warning(
                "no partitions for %.0f s: they are being assigned, or their changelog is read. If"
                " stream_seg_changelog_replayed_total does not grow either, restart this worker",
                idle_s,
            )
        self._idle_warnings = warnings


def _checks(application: Application) -> dict[str, Check]:
    """Return the readiness checks by name. A check returns None, or the reason why the worker is not ready."""
    checkpoint, behavior, lease = application.pipeline.checkpoint, application.behavior, application.lease

    def recovered() -> str | None:
        return "partitions are being assigned or recovered" if checkpoint.paused else None

    def has_model() -> str | None:
        return None if behavior.model is not None else "no segment model yet: the learner waits for enough customers"

    def leased() -> str | None:
        age = lease.age_s
        return None if age < lease.session_timeout_s else f"no good heartbeat for {age:.0f} s"

    def caching() -> str | None:
        return None if application.cache_sync.up else "Redis does not answer; documents wait"

    return {"partitions": recovered, "model": has_model, "lease": leased, "redis": caching}


async def _observe(application: Application, settings: Settings, broker: Broker) -> None:
    """Measure lag and sizes, and update their metrics."""
    metrics, partitions, clock = application.metrics, application.partitions, application.clock
    topics = [settings.topic(name) for name in TOPICS]
    try:
        lags = await measure_lag(broker, settings.app_id, topics, now_s=clock.wall())
    except (BrokerError, KafkaError) as reason:
        log.warning("lag is not known: %s", reason)
    else:
        metrics.show_lag(lag for lag in lags if lag.partition in partitions.owned)
    metrics.segment_customers.clear()  # remove the segments of partitions that this worker has lost
    for label, count in partitions.sizes().items():
        dimension, _, segment = label.rpartition(":")
        metrics.segment_customers.labels(dimension, segment).set(count)
    if application.models.made_s is not None:
        metrics.model_age_seconds.set(clock.wall() - application.models.made_s)
    metrics.events_gathered.set(application.pipeline.checkpoint.group.records)
