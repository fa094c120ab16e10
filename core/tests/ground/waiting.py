"""Waiting for what another process does, with a limit and a reason."""

import time
from collections.abc import Callable


def wait_for(what: Callable[[], object], *, seconds: float = 15.0, why: str = "") -> float:
    """Seconds until it was true."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {why or what}"
        time.sleep(0.02)
    return time.monotonic() - started
