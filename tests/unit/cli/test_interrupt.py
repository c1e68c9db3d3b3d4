"""Signals end a command whatever swallows them; each in a process of its own, since signals are a process's."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

from stream_seg.cli import interrupt

SWALLOWED_BY_CODE = """
    import os, signal
    from stream_seg.cli import interrupt

    interrupt.install()
    with interrupt.insisting():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            print("swallowed", flush=True)
        while True:
            pass
"""

SWALLOWED_BY_A_TASK = """
    import asyncio, os, signal
    from stream_seg.cli import interrupt

    async def stubborn():
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("swallowed", flush=True)
                interrupt.INSIST_S = 0.01
        await asyncio.sleep(60)

    interrupt.install()
    try:
        interrupt.run_async(stubborn())
    except KeyboardInterrupt:
        print("ended with", interrupt.status())
"""

BEFORE_THE_LOOP = """
    import asyncio, os, signal
    from stream_seg.cli import interrupt

    interrupt.install()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        pass
    try:
        interrupt.run_async(asyncio.sleep(60))
    except KeyboardInterrupt:
        print("ended with", interrupt.status())
"""

IN_PEACE = """
    import asyncio
    from stream_seg.cli import interrupt

    interrupt.install()
    print(interrupt.run_async(asyncio.sleep(0, "done")), interrupt.run_async(asyncio.sleep(0, "again")))
    with interrupt.insisting():
        print(interrupt.status())
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=False
    )


def test_code_that_swallows_an_interrupt_gets_it_again() -> None:
    done = run(SWALLOWED_BY_CODE)

    assert done.stdout == "swallowed\n"
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_a_task_that_swallows_its_cancellation_is_cancelled_again() -> None:
    done = run(SWALLOWED_BY_A_TASK)

    assert (done.stdout, done.stderr) == ("swallowed\nswallowed\nended with 143\n", "")


def test_an_interrupt_that_was_swallowed_before_ends_the_next_loop() -> None:
    done = run(BEFORE_THE_LOOP)

    assert (done.stdout, done.stderr) == ("ended with 143\n", "")


def test_without_signals_nothing_happens() -> None:
    done = run(IN_PEACE)

    assert (done.stdout, done.stderr) == ("done again\nNone\n", "")


SWALLOWED_BY_A_FINALIZER = """
    import os, signal
    from stream_seg.cli import interrupt

    class Closing:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    interrupt.install()
    try:
        with interrupt.insisting():
            Closing()
            while True:
                pass
    except KeyboardInterrupt:
        print("ended", interrupt.status())
"""


def test_an_interrupt_in_a_finalizer_is_raised_again_and_reported_by_nobody() -> None:
    done = run(SWALLOWED_BY_A_FINALIZER)

    assert (done.stdout, done.stderr) == ("ended 130\n", "")


IN_COMPILED_CODE = """
    import ctypes, sys
    from stream_seg.cli import interrupt

    ctypes.pythonapi.PyRun_SimpleString(b"import sys; sys.stderr = None; raise KeyboardInterrupt")
    interrupt.handled()
    sys.exit(143)
"""


def test_an_interrupt_of_code_that_a_compiled_module_ran_does_not_end_the_process_later() -> None:
    assert run(IN_COMPILED_CODE).returncode == 143


class InterruptedOnce(threading.Event):
    """An event during whose first setting an interrupt arrives."""

    came = False

    def set(self) -> None:
        """Set it, the second time."""
        if not self.came:
            self.came = True
            raise KeyboardInterrupt
        super().set()


def test_an_interrupt_while_insisting_ends_does_not_leave_it_running() -> None:
    ended = InterruptedOnce()
    watching = threading.Thread(target=ended.wait, daemon=True)
    watching.start()
    interrupt._end(ended, watching)
    assert not watching.is_alive()
