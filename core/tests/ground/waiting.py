"""Waiting for what another process does, with a limit and a reason."""

import time
from collections.abc import Callable, Collection

from core.tests.ground.processes import alive, described

#: for what a loaded machine may take long for; nothing waits longer than it must
PATIENCE_S = 90.0


def wait_for(what: Callable[[], object], *, seconds: float = PATIENCE_S, why: str = "") -> float:
    """Seconds until it was true."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {why or what}"
        time.sleep(0.02)
    return time.monotonic() - started


def wait_until_gone(pids: Collection[int], *, seconds: float, why: str) -> None:
    """Until none of the processes is left; those that are, are named with what they wait for."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, f"not within {seconds} s: {why}\n" + "\n".join(map(described, left))
        time.sleep(0.05)
