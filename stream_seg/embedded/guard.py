"""Runs a command that must not outlive its starter. `process.py` executes this file as a script.

Usage: python -I -S guard.py (kernel | watch) STARTER_PID COMMAND [ARGUMENT ...]

`kernel` (Linux) asks the kernel to kill the process when its starter dies, then becomes the command. `watch`
(elsewhere) stays as the command's parent and kills it within 0.2 s of the starter's death.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
WATCH_INTERVAL_S = 0.2


def run_under_kernel(starter_pid: int, command: list[str]) -> None:
    """Replace this process by the command, which the kernel kills when the starter dies."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A starter that died before prctl will never send the signal.
    if os.getppid() == starter_pid:
        os.execv(command[0], command)


def run_watched(starter_pid: int, command: list[str]) -> int:
    """Run the command until it ends or the starter is gone. Return its exit status."""
    # SIGTERM reaches the whole process group. It ends the command, and this process ends with the command.
    signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen(command)
    while os.getppid() == starter_pid:
        try:
            return process.wait(WATCH_INTERVAL_S)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait()


if __name__ == "__main__":
    mode, pid, *command = sys.argv[1:]
    if mode == "watch":
        sys.exit(run_watched(int(pid), command))
    run_under_kernel(int(pid), command)
    sys.exit(1)
