"""`manage.py worker` with real processes: nothing is lost when it is told to stop, when any of it is killed, or when it hangs."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.management.commands.cluster import LAST_WORD_S
from core.tests.ground.actor import Actor
from core.tests.ground.conftest import MANAGE, Ground
from core.tests.ground.processes import alive, children, family, read
from core.tests.ground.waiting import wait_for, wait_until_gone

pytestmark = pytest.mark.timeout(400)
JOB = "core.tests.ground.jobs.job"
#: Quick enough to wait for: a job that was lost comes back after 6 s.
QUICK = {"JOB_TIMEOUT_S": "4", "JOB_RETRY_S": "6", "SLOW_JOB_TIMEOUT_S": "4", "SLOW_JOB_RETRY_S": "6"}
GRACE_S = 15
#: A cluster whose parent is gone ends in order, mostly within 3 s, and in any case by the hard end; then it needs a moment to be swept.
GONE_S = LAST_WORD_S + 10


class Worker:
    """A running worker and the processes below it: supervisor → cluster → sentinel → workers, monitor, pusher."""

    def __init__(self, ground: Ground, actor: Actor) -> None:
        self.ground, self.actor = ground, actor
        self.file = ground.directory / "jobs.txt"
        self.process = ground.start(*MANAGE, "worker", "--grace", str(GRACE_S), "--patience", "3", **QUICK)
        wait_for(lambda: len(self.workers()) == 2, why="two workers run")

    @property
    def cluster(self) -> int:
        found = [pid for pid in children(self.process.pid) if b"Q_CLUSTER_NAME=ordinary" in read(pid, "environ")]
        return found[0] if found else 0

    def sentinel(self) -> int:
        found = children(self.cluster) if self.cluster else []
        return found[0] if found else 0

    def members(self) -> list[int]:
        """The sentinel's children, in the order in which it starts them: two workers, monitor, pusher."""
        return sorted(children(self.sentinel())) if self.sentinel() else []

    def workers(self) -> list[int]:
        members = self.members()
        return members[:2] if len(members) == 4 else []

    def enqueue(self, name: str, seconds: float = 0.0) -> None:
        self.actor.call("enqueue", JOB, str(self.file), name, seconds)

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def all_pids(self) -> list[int]:
        return family(self.process.pid)


@pytest.fixture
def worker(ground: Ground, actor: Actor) -> Iterator[Worker]:
    actor.call("empty_queue")
    worker = Worker(ground, actor)
    try:
        yield worker
    finally:
        pids = worker.all_pids()
        worker.process.terminate()
        worker.process.wait(90)
        assert [pid for pid in pids if alive(pid)] == []


def test_told_to_stop_it_finishes_the_running_job_and_leaves_nothing(worker: Worker, actor: Actor) -> None:
    worker.enqueue("long", 2.0)
    wait_for(lambda: worker.lines() == ["begin long"])
    pids = worker.all_pids()
    started = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(90)
    assert time.monotonic() - started < 10
    assert worker.lines() == ["begin long", "end long"]
    assert [pid for pid in pids if alive(pid)] == []
    assert actor.call("queue_length") == 0
    assert heartbeat(actor, worker.process.pid) is None


def test_the_heart_beats_and_names_both_clusters(worker: Worker, actor: Actor) -> None:
    wait_for(lambda: heartbeat(actor, worker.process.pid), seconds=8)
    detail = heartbeat(actor, worker.process.pid)
    assert set(detail) == {"ordinary", "slow"}
    assert detail["ordinary"] == {"pid": worker.cluster, "restarts": 0}


def test_killing_an_idle_worker_hangs_the_cluster_and_the_watchdog_cures_it(worker: Worker) -> None:
    worker.enqueue("before")
    wait_for(lambda: worker.lines() == ["begin before", "end before"])
    cluster = worker.cluster
    time.sleep(1)
    for pid in worker.workers():  # one of the idle ones waits with the queue's lock in its hands
        os.kill(pid, signal.SIGKILL)
    for number in range(3):
        worker.enqueue(f"after {number}")
    wait_for(lambda: len(worker.lines()) >= 8, why="the jobs run after all")
    assert worker.cluster != cluster, "negative control: without a restart they never run"
    assert sorted(line for line in worker.lines() if "end after" in line) == ["end after 0", "end after 1", "end after 2"]


def test_killing_a_busy_worker_loses_no_job(worker: Worker) -> None:
    worker.enqueue("cut", 2.0)
    wait_for(lambda: worker.lines() == ["begin cut"])
    [busy] = [pid for pid in worker.workers() if (marks_of(worker) / f"busy-{pid}").exists()]
    os.kill(busy, signal.SIGKILL)
    worker.enqueue("other")
    wait_for(lambda: "end cut" in worker.lines() and "end other" in worker.lines())
    assert worker.lines().count("begin cut") == 2


def test_killing_the_monitor_is_noticed_and_results_are_collected_again(worker: Worker, actor: Actor) -> None:
    worker.enqueue("settled")
    wait_for(lambda: "end settled" in worker.lines() and actor.call("queue_length") == 0, why="the monitor is up and waits for results")
    cluster = worker.cluster
    os.kill(worker.members()[2], signal.SIGKILL)
    worker.enqueue("unsettled")
    wait_for(lambda: worker.cluster not in (cluster, 0), why="the cluster is restarted")
    wait_for(lambda: actor.call("queue_length") == 0, why="the job is settled")


def test_killing_a_whole_cluster_loses_no_job(worker: Worker) -> None:
    worker.enqueue("cut", 2.0)
    wait_for(lambda: worker.lines() == ["begin cut"])
    os.killpg(worker.cluster, signal.SIGKILL)
    wait_for(lambda: "end cut" in worker.lines())


def test_a_long_queue_of_slow_jobs_is_no_reason_to_restart(worker: Worker, actor: Actor) -> None:
    cluster = worker.cluster
    for number in range(8):
        worker.enqueue(str(number), 2.5)
    wait_for(lambda: sum(line.startswith("end") for line in worker.lines()) >= 8)
    assert worker.cluster == cluster


def test_when_its_parent_or_itself_is_killed_nothing_stays_behind(ground: Ground, actor: Actor) -> None:
    actor.call("empty_queue")
    worker = Worker(ground, actor)
    pids = worker.all_pids()[1:]
    worker.process.kill()
    worker.process.wait()
    wait_until_gone(pids, seconds=GONE_S, why="the clusters end by themselves")


def test_it_ends_with_the_process_that_started_it(ground: Ground) -> None:
    shell = f"import subprocess, time; subprocess.Popen({[*MANAGE, 'worker']!r}); time.sleep(60)"
    parent = ground.start(sys.executable, "-c", shell, **QUICK)
    wait_for(lambda: len(family(parent.pid)) > 10)
    pids = family(parent.pid)[1:]
    parent.kill()
    parent.wait()
    wait_until_gone(pids, seconds=GONE_S, why="the worker ends when its parent is gone")


def heartbeat(actor: Actor, pid: int) -> dict[str, Any] | None:
    return next((detail for _name, beating, detail in actor.call("heartbeats") if beating == pid), None)


def marks_of(worker: Worker) -> Path:
    for item in read(worker.cluster, "environ").split(b"\0"):
        if item.startswith(b"CLUSTER_MARKS="):
            return Path(item.removeprefix(b"CLUSTER_MARKS=").decode())
    raise AssertionError("no marks")
