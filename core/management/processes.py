"""Processes that start others: how they end them, and how they notice that their own parent is gone. Used by worker and run."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress


def signal_group(pid: int, number: int) -> None:
    """To the process group that `pid` leads; a group that is gone is not an error."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(pid, number)


def signal_one(process: "subprocess.Popen[bytes]", number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def end(processes: Iterable["subprocess.Popen[bytes]"], *, grace_s: float) -> None:
    """SIGTERM to each process alone, `grace_s` to finish, then SIGKILL to whatever is left of their groups.

    To each alone: django-q's children take a SIGTERM of their own for "drop what you are doing".
    """
    started = list(processes)
    for process in started:
        signal_one(process, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(process.poll() is None for process in started):
        time.sleep(0.05)
    for process in started:
        signal_group(process.pid, signal.SIGKILL)
        process.wait()


def watch_parent(parent_pid: int, when_gone: Callable[[], None], *, every_s: float = 0.5) -> threading.Thread:
    """Calls `when_gone` once, from a thread, when this process is no longer a child of `parent_pid`."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(every_s)
        when_gone()

    thread = threading.Thread(target=watch, name="parent-watch", daemon=True)
    thread.start()
    return thread
