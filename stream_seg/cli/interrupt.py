"""Ctrl-C and SIGTERM end a command at any moment with cleanup, even if a library swallows the exception."""

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
# A task that ignored its cancellation is cancelled again after this time, which is also the time for its cleanup.
INSIST_S: Final = 1.0

_came: list[int] = []


def install() -> None:
    """Make both signals raise KeyboardInterrupt in the main thread.

    The handler is set explicitly, because a shell starts the background jobs of scripts with SIGINT ignored.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def status() -> int | None:
    """Return the exit status that the first signal asks for, or None if there was no signal."""
    return 128 + _came[0] if _came else None


def handled() -> None:
    """Make the interpreter forget a handled interrupt, so that the process ends with its own exit status.

    The interpreter remembers an interrupt that arrived while a compiled module ran Python code, even if it was caught
    later. It then ends the process by SIGINT instead of the status. Running any code in the same way clears that.
    """
    ctypes.pythonapi.PyRun_SimpleString(b"")


@contextmanager
def insisting() -> Iterator[None]:
    """Raise an interrupt again until it ends the block, because compiled modules such as pyarrow swallow it."""
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
        if _came:  # the block swallowed it
            raise KeyboardInterrupt


def _end(ended: threading.Event, watching: threading.Thread) -> None:
    """Stop the watching thread. One more interrupt from it may arrive meanwhile, and must not leave it running."""
    while watching.is_alive():
        with suppress(KeyboardInterrupt):
            ended.set()
            watching.join()


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine like `asyncio.run`. Both signals end it, even if a library swallows the first cancellation."""
    try:
        if _came:  # a library swallowed it
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
            task.exception()  # retrieve the error of a failed cleanup, because the interrupt matters more
        raise asyncio.CancelledError
    return task.result()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _came.append(number)
    raise KeyboardInterrupt


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Keep quiet about an interrupt in a finalizer. It cannot be raised there, but `_came` remembers it."""
    if not (_came and found.exc_type is KeyboardInterrupt):
        sys.__unraisablehook__(found)
