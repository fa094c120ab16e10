"""What `manage.py worker` does: keeps the job clusters alive, beats the heart, and ends all of it in order.

Each cluster runs in a process group of its own (commands/cluster.py) and is stopped by a SIGTERM to its parent process alone: then
it finishes what it has begun. A cluster that hangs is found by the watchdog below and killed as a group; its jobs come back after
`retry` seconds (at-least-once, docs/decisions/0003-jobs.md).
"""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from core.management.marks import BEGUN, ENDED, SETTLED, TAKEN, Marks
from core.management.processes import end, signal_group
from core.models import Heartbeat

TICK_S = 0.25
BEAT_S = 5.0
#: Rows of workers that died without a word are swept away by the next one.
FORGOTTEN_AFTER = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass
class Handover:
    """Jobs pass from one hand to the next; stuck when the second has stood still behind the first for a while."""

    first: str
    second: str
    behind_since: float | None = None
    second_at: float = 0.0

    def stuck_for(self, marks: Marks, now: float) -> float:
        first_at, second_at = marks.at(self.first), marks.at(self.second)
        if first_at <= second_at:
            self.behind_since = None
            return 0.0
        if self.behind_since is None or second_at != self.second_at:
            self.behind_since, self.second_at = now, second_at
        return now - self.behind_since


@dataclass
class Watchdog:
    """Tells a hung cluster from a busy or an idle one, from its marks and from the age of what waits in its queue.

    Seen to hang without a word: an idle worker killed (-9, or by the kernel for memory) takes the queue's lock with it; a killed
    monitor leaves every result uncollected.
    """

    queue: str
    marks: Marks
    patience_s: float
    started_at: float
    to_worker: Handover = field(default_factory=lambda: Handover(TAKEN, BEGUN))
    to_monitor: Handover = field(default_factory=lambda: Handover(ENDED, SETTLED))

    def complaint(self, now: float) -> str:
        """Why the cluster must be restarted; empty while it is well."""
        if self.to_monitor.stuck_for(self.marks, now) > self.patience_s:
            return "results are not collected"
        working = self.marks.somebody_works()
        if self.to_worker.stuck_for(self.marks, now) > self.patience_s and not working:
            return "jobs are taken and not begun"
        quiet_for = now - max(self.marks.newest(), self.started_at)
        if quiet_for > self.patience_s and not working and self.oldest_due_s() > self.patience_s:
            return "jobs wait and are not taken"
        return ""

    def oldest_due_s(self) -> float:
        """Age of the oldest job that nobody holds; 0 when none waits."""
        due = OrmQ.objects.filter(key=self.queue, lock__lt=timezone.now()).order_by("lock").values_list("lock", flat=True).first()
        return (timezone.now() - due).total_seconds() if due else 0.0


class ClusterProcess:
    """One cluster: its processes, its marks, its watchdog."""

    def __init__(self, name: str, *, patience_s: float) -> None:
        self.name = name
        self.patience_s = patience_s
        self.restarts = -1
        self.start_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.marks = Marks(Path(tempfile.mkdtemp(prefix=f"bidangil-{self.name}-")))
        environment = {
            **os.environ,
            "Q_CLUSTER_NAME": self.name,
            "CLUSTER_MARKS": str(self.marks.directory),
            "CLUSTER_PARENT": str(os.getpid()),
        }
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "cluster"]
        self.process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
        self.started_at = time.time()
        self.watchdog = Watchdog(self.name, self.marks, patience_s=self.patience_s, started_at=self.started_at)
        self.restarts += 1

    def keep_alive(self) -> None:
        """Starts what is not running; one that dies at once waits longer each time, up to half a minute."""
        if self.process is None:
            if time.time() >= self.start_at:
                self.start()
        elif self.process.poll() is not None:
            log.error("cluster %s ended with code %s; starting another", self.name, self.process.returncode)
            lived_s = time.time() - self.started_at
            self.bury()
            self.start_at = time.time() + (0 if lived_s > 10 else min(30, 2 ** min(self.restarts, 5)))

    def look_after(self) -> None:
        if self.process is None:
            return
        try:
            complaint = self.watchdog.complaint(time.time())
        except DatabaseError:
            connection.close()
            return
        if complaint:
            log.error("cluster %s hangs (%s); restarting it", self.name, complaint)
            self.bury()

    def bury(self) -> None:
        assert self.process is not None
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        shutil.rmtree(self.marks.directory, ignore_errors=True)

    def state(self) -> dict[str, Any]:
        return {"pid": self.process.pid if self.process else None, "restarts": max(self.restarts, 0)}


class Supervisor:
    def __init__(self, *, grace_s: float, patience_s: float) -> None:
        names = [settings.Q_CLUSTER["name"], *settings.Q_CLUSTER.get("ALT_CLUSTERS", {})]
        self.clusters = [ClusterProcess(name, patience_s=patience_s) for name in names]
        self.grace_s = grace_s
        self.parent = os.getppid()
        self.told_to_stop = False
        self.host = socket.gethostname()[:60]
        self.name = f"{self.host}:{os.getpid()}"

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        beat_at = 0.0
        try:
            while not self.told_to_stop and os.getppid() == self.parent:
                for cluster in self.clusters:
                    cluster.keep_alive()
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + BEAT_S
                    self.beat()
                    for cluster in self.clusters:
                        cluster.look_after()
                time.sleep(TICK_S)
        finally:
            self.finish()

    def _stop(self, _number: int, _frame: object) -> None:
        self.told_to_stop = True

    def beat(self) -> None:
        try:
            _row, new = Heartbeat.objects.update_or_create(
                name=self.name,
                defaults={
                    "beat_at": timezone.now(),
                    "pid": os.getpid(),
                    "host": self.host,
                    "detail": {cluster.name: cluster.state() for cluster in self.clusters},
                },
            )
            if new:
                Heartbeat.objects.filter(beat_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
        except DatabaseError:
            log.warning("no heartbeat: the database does not answer")
            connection.close()

    def finish(self) -> None:
        running = [cluster for cluster in self.clusters if cluster.process]
        end([cluster.process for cluster in running if cluster.process], grace_s=self.grace_s)
        for cluster in running:
            shutil.rmtree(cluster.marks.directory, ignore_errors=True)
        try:
            Heartbeat.objects.filter(name=self.name).delete()
        except DatabaseError:
            log.warning("the heartbeat could not be taken down")
