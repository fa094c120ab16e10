"""Signs of life of one django-q cluster, as files in a directory that its supervisor reads (core/management/clusters.py).

A job passes through four hands: the pusher takes it from the queue, a worker begins and ends it, the monitor settles it. Each leaves
the time of its last job. Files, because a process that is killed must not take a lock of ours with it: that is how django-q hangs.
"""

import os
import time
from pathlib import Path
from typing import Any

TAKEN, BEGUN, ENDED, SETTLED = "taken", "begun", "ended", "settled"
BUSY = "busy-"


class Marks:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def leave(self, name: str) -> None:
        path = self.directory / name
        now = time.time_ns()
        try:
            path.touch()
            os.utime(path, ns=(now, now))
        except FileNotFoundError:  # the supervisor is gone and has swept up; a job must not fail for that
            pass

    def at(self, name: str) -> float:
        """Seconds since the epoch; 0 when there is no such mark yet."""
        try:
            return (self.directory / name).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def newest(self) -> float:
        return max(self.at(name) for name in (TAKEN, BEGUN, ENDED, SETTLED))

    def somebody_works(self) -> bool:
        return any(is_alive(int(path.name.removeprefix(BUSY))) for path in self.directory.glob(BUSY + "*"))

    # django-q's signals call these in the worker's and in the monitor's process.

    def job_begins(self, **_facts: Any) -> None:
        self.leave(f"{BUSY}{os.getpid()}")
        self.leave(BEGUN)

    def job_ends(self, **_facts: Any) -> None:
        self.leave(ENDED)
        (self.directory / f"{BUSY}{os.getpid()}").unlink(missing_ok=True)

    def job_settled(self, **_facts: Any) -> None:
        self.leave(SETTLED)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
