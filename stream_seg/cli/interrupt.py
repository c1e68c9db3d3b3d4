"""Interrupts: Ctrl-C and SIGTERM end a command at any moment, cleaning up, whatever swallows the exception."""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
# A task that ignored its cancellation is cancelled again; one that cleans up has this long to do it.
INSIST_S: Final = 1.0

_came: list[int] = []


def install() -> None:
    """Let both signals raise KeyboardInterrupt in the main thread.

    Explicitly, because a shell starts the background jobs of scripts with SIGINT ignored; whoever sends one means it.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def status() -> int | None:
    """The exit status that the first signal asks for; None when none came."""
    return 128 + _came[0] if _came else None


def handled() -> None:
    """The interrupt has been dealt with: the process may end with the status it is given.

    One that came while a compiled module ran Python code is remembered by the interpreter, though it was caught since,
    which then ends itself by SIGINT whatever the status. Running any code in the same way makes it forget.
    """
    ctypes.pythonapi.PyRun_SimpleString(b"")


@contextmanager
def insisting() -> Iterator[None]:
    """Inside, an interrupt is raised again until it ends the block: compiled modules swallow it, pyarrow for one."""
    ended = threading.Event()

    def insist() -> None:
        while not ended.wait(INSIST_S / 4):
            if _came:
                _thread.interrupt_main()

    watching = threading.Thread(target=insist, daemon=True)
    watching.start()
    try:
        yield
    finally:
        _end(ended, watching)
        if _came:  # and swallowed
            raise KeyboardInterrupt


def _end(ended: threading.Event, watching: threading.Thread) -> None:
    """End what insists. One more interrupt may be on its way from it, and must not leave it running for ever."""
    while watching.is_alive():
        with suppress(KeyboardInterrupt):
            ended.set()
            watching.join()


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, ended by both signals even where a library swallows the first cancellation."""
    try:
        if _came:  # and was swallowed
            raise KeyboardInterrupt
        return asyncio.run(_interruptible(main))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        main.close()
        install()  # the loop has left the defaults behind


async def _interruptible(main: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main)
    interrupted = asyncio.Event()

    def interrupt(number: int) -> None:
        _came.append(number)
        interrupted.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    waiting = loop.create_task(interrupted.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if interrupted.is_set():
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=INSIST_S)
        if not task.cancelled():
            task.exception()  # of a cleanup that failed: the interrupt matters more
        raise asyncio.CancelledError
    return task.result()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _came.append(number)
    raise KeyboardInterrupt


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """An interrupt that lands in a finalizer cannot be raised there. It is remembered, and no fault to report."""
    if not (_came and found.exc_type is KeyboardInterrupt):
        sys.__unraisablehook__(found)
