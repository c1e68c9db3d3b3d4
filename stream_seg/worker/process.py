"""One worker process: the application, its web server for operators, and a way to stop that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from functools import partial
from time import time
from typing import Any, Final

import faust
from aiokafka.errors import KafkaError
from mode import Service
from prometheus_client import CollectorRegistry

from stream_seg.addresses import Addresses
from stream_seg.core.dimensions.behavior import BEHAVIOR, segment_id
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
# How long a worker that crashed may take to stop in order.
STOPPED_WITHIN_S = 30.0
OBSERVE_EVERY_S: Final = 5.0
# How often a worker says that it waits for partitions; most rebalances take seconds.
IDLE_SAID_EVERY_S: Final = 60.0

# Operators, brokers and networks cause these, so one line is enough. Any other error is a bug and keeps its traceback.
EXPECTED: Final = (StreamSegError, KafkaError, OSError)


class _Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker without its decorations on standard error."""

    logger = LIBRARY_LOG

    @property
    def told_to_stop(self) -> bool:
        """Whether a signal asked for the end."""
        return bool(self._signal_stop_time)

    def _crash(self, reason: BaseException) -> None:
        """Keep the first reason: what is cancelled on the way down reports that as a crash of its own."""
        if self.crash_reason is None:
            # A stop may wait for a broker or a task that never answers, and only a process that ended is restarted.
            guard = threading.Timer(STOPPED_WITHIN_S, _end_at_once, [reason])
            guard.daemon = True
            guard.start()
        super()._crash(self.crash_reason or reason)

    def _on_sigint(self) -> None:
        self._schedule_shutdown(signal.SIGINT)

    def _setproctitle(self, info: str, *, ident: str = "stream-seg") -> None:
        """The process keeps the name that it was started with."""


def run_worker(settings: Settings, addresses: Addresses) -> int:
    """Run one worker until a signal or a failure; the exit status: 0 after a signal, 1, or 2 for a bad setting."""
    _use_uvloop()
    # Failures are reported once, at the end; what libraries say meanwhile is for those who debug.
    libraries = logging.INFO if settings.log_level == "debug" else logging.CRITICAL + 1
    configure_logging(settings.log_level, settings.log_format, libraries=libraries)
    # Records at rest are bytes, which the collector does not track, and what a group makes is freed by reference
    # counts; at its usual threshold the collector would walk a whole group hundreds of times for nothing.
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    registry = CollectorRegistry()
    try:
        made = build_app(settings, addresses, Metrics(registry))
    except (ValueError, StoreError) as reason:
        print(f"stream-seg: a setting cannot be used: {reason}", file=sys.stderr)
        return 2
    operators = _Operators(made, settings, addresses.broker, registry, loop=loop)
    worker = _Worker(
        made.faust, operators, loglevel=logging.INFO, override_logging=False, loop=loop, redirect_stdouts=False
    )
    worker.spinner = None
    failure: BaseException | None = None
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        failure = end.__context__  # mode exits with a status and shows what went wrong in its log only
    except (Exception, asyncio.CancelledError) as reason:
        failure = reason
    failure = worker.crash_reason or made.faust.crash_reason or failure
    if failure is None and worker.told_to_stop:
        return 0
    failure = failure or RuntimeError("it ended by itself; run it with STREAM_SEG_LOG_LEVEL=debug to see why")
    _report(failure, explain(failure, addresses.broker))
    return 1


def _report(failure: BaseException, refused: str | None) -> None:
    if not isinstance(failure, EXPECTED):
        print(redact("".join(traceback.format_exception(failure))), end="", file=sys.stderr)
    print(redact(f"stream-seg: the worker stopped: {refused or failure or type(failure).__name__}"), file=sys.stderr)


def _end_at_once(reason: BaseException) -> None:
    """End a process that crashed and does not come to its end. What was not acknowledged will be read again."""
    _report(reason, f"{reason or type(reason).__name__}; it did not stop within {STOPPED_WITHIN_S:g} s and was ended")
    sys.stderr.flush()
    os._exit(1)


def _use_uvloop() -> None:
    try:
        import uvloop
    except ImportError:  # not made for every platform
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


class _Operators(Service):  # type: ignore[misc]
    """What operators look at: the web server, up before Faust connects to anything, and measurements now and then."""

    logger = LIBRARY_LOG

    def __init__(
        self, made: Application, settings: Settings, broker: Broker, registry: CollectorRegistry, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._observe = partial(_observe, made, settings, broker)
        self._pipeline = made.pipeline
        self._idle_said = 0
        self._server = OpsServer(settings.worker_http_host, settings.worker_http_port, registry, _checks(made))

    async def on_start(self) -> None:
        await self._server.start()
        self.add_future(self._watch())

    async def on_stop(self) -> None:
        await self._server.stop()

    async def _watch(self) -> None:
        async for _ in self.itertimer(OBSERVE_EVERY_S, name="observe"):
            self._say_if_idle()
            await self._observe()

    def _say_if_idle(self) -> None:
        idle_s = self._pipeline.idle_s
        times = int(idle_s // IDLE_SAID_EVERY_S)
        if times > self._idle_said:
            log.warning(
                "no partitions for %.0f s: they are being assigned, or their changelog is read; if"
                " stream_seg_changelog_replayed_total stands still too, restart this worker",
                idle_s,
            )
        self._idle_said = times


def _checks(made: Application) -> dict[str, Check]:
    checkpoint, engine = made.pipeline.checkpoint, made.engine

    def recovered() -> str | None:
        return "partitions are being assigned or recovered" if checkpoint.paused else None

    def has_model() -> str | None:
        return None if engine.model is not None else "no segment model yet: the learner waits for enough customers"

    def leased() -> str | None:
        age = made.lease.age_s
        return None if age < made.lease.session_timeout_s else f"no good heartbeat for {age:.0f} s"

    def caching() -> str | None:
        return None if made.mirror.up else "Redis does not answer; documents wait"

    return {"partitions": recovered, "model": has_model, "lease": leased, "redis": caching}


async def _observe(made: Application, settings: Settings, broker: Broker) -> None:
    metrics, owned = made.metrics, made.pipeline.checkpoint.owned
    topics = [settings.topic(name) for name in TOPICS]
    try:
        lags = await measure_lag(broker, settings.app_id, topics, now_s=time())
    except (BrokerError, KafkaError) as reason:
        log.warning("lag is not known: %s", reason)
    else:
        metrics.show_lag(lag for lag in lags if lag.partition in owned)
    sizes: dict[int, int] = {}
    for held in owned.values():
        for index, count in held.sizes.items():
            sizes[index] = sizes.get(index, 0) + count
    metrics.segment_customers.clear()  # of partitions that are others' by now, nothing is left
    for index, count in sizes.items():
        metrics.segment_customers.labels(BEHAVIOR, segment_id(index)).set(count)
    if made.models.made_s is not None:
        metrics.model_age_seconds.set(time() - made.models.made_s)
    metrics.events_gathered.set(made.pipeline.checkpoint.group.records)
