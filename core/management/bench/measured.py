"""What is measured of one run: wall time, SQL statements, and how much memory the process had at most."""

import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

STATM = Path("/proc/self/statm")
EVERY_S = 0.02


@dataclass(frozen=True)
class Run:
    wall_s: float
    statements: int
    peak_mb: int


class Statements:
    """Counts them, without BEGIN, COMMIT and savepoints: `with Statements() as sql: …; sql.count`."""

    def __enter__(self) -> "Statements":
        self.count = 0
        self._wrapped = connection.execute_wrapper(self._run)
        self._wrapped.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._wrapped.__exit__(*error)

    def _run(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, params, many, context)


def run(what: Callable[[], object]) -> Run:
    peak, ended = [_memory_mb()], threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_S):
            peak[0] = max(peak[0], _memory_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with Statements() as sql:
        started = time.perf_counter()
        what()
        wall_s = time.perf_counter() - started
    ended.set()
    watcher.join()
    return Run(wall_s, sql.count, max(peak[0], _memory_mb()))


def _memory_mb() -> int:
    """Resident now; where the system does not tell, the most it ever was."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
