"""How the watchdog tells a hung cluster from a busy or an idle one. With a real cluster: core/tests/ground/test_worker.py."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from core.management.clusters import Watchdog
from core.management.marks import BEGUN, ENDED, SETTLED, TAKEN, Marks

pytestmark = pytest.mark.django_db
PATIENCE_S = 10.0
NOBODY = 2**22  # beyond the largest process id


class Scene:
    def __init__(self, directory: Path) -> None:
        self.now = time.time()
        self.marks = Marks(directory)
        self.watchdog = Watchdog("ordinary", self.marks, patience_s=PATIENCE_S, started_at=self.now - 1000)

    def mark(self, **ages: float) -> None:
        for name, seconds_ago in ages.items():
            self.marks.leave(name)
            os.utime(self.marks.directory / name, (self.now - seconds_ago,) * 2)

    def complaint_over(self, seconds: int) -> str:
        """What it says at the end of so many seconds of looking each second."""
        said = ""
        for _second in range(seconds):
            said = self.watchdog.complaint(self.now)
            self.now += 1
        return said


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def due(seconds_ago: float, key: str = "ordinary") -> None:
    OrmQ.objects.create(key=key, payload="x", lock=timezone.now() - timedelta(seconds=seconds_ago))


def test_an_idle_cluster_is_well(scene: Scene) -> None:
    scene.mark(taken=500, begun=499, ended=498, settled=497)
    assert scene.complaint_over(60) == ""


def test_a_job_that_was_taken_and_is_not_begun_is_a_hang_after_the_patience(scene: Scene) -> None:
    scene.mark(taken=1, begun=500, ended=498, settled=497)
    assert scene.complaint_over(int(PATIENCE_S)) == ""
    assert scene.complaint_over(3) == "jobs are taken and not begun"


def test_while_somebody_works_the_next_job_may_wait(scene: Scene) -> None:
    scene.mark(taken=1, begun=2, ended=498, settled=497)
    scene.marks.leave(f"busy-{os.getpid()}")
    assert scene.complaint_over(60) == ""


def test_a_worker_that_was_killed_at_work_does_not_count_as_working(scene: Scene) -> None:
    scene.mark(taken=1, begun=2, ended=498, settled=497)
    scene.marks.leave(f"busy-{NOBODY}")
    assert scene.complaint_over(60) == "jobs are taken and not begun"


def test_results_that_nobody_collects_are_a_hang_even_while_others_work(scene: Scene) -> None:
    scene.mark(taken=3, begun=3, ended=2, settled=500)
    scene.marks.leave(f"busy-{os.getpid()}")
    assert scene.complaint_over(60) == "results are not collected"


def test_a_collector_that_lags_but_moves_is_well(scene: Scene) -> None:
    for _second in range(60):
        scene.mark(taken=1, begun=1, ended=1, settled=2)
        assert scene.complaint_over(1) == ""


def test_jobs_that_nobody_takes_are_a_hang(scene: Scene) -> None:
    scene.mark(taken=500, begun=499, ended=498, settled=497)
    due(60, key="slow")
    assert scene.complaint_over(1) == "", "another cluster's job"
    due(60)
    assert scene.complaint_over(1) == "jobs wait and are not taken"


def test_an_old_queue_of_a_busy_cluster_is_no_hang(scene: Scene) -> None:
    due(600)
    scene.mark(taken=2, begun=1, ended=1, settled=1)
    assert scene.complaint_over(1) == ""


def test_the_marks_are_named_as_the_hands_they_belong_to() -> None:
    assert (TAKEN, BEGUN, ENDED, SETTLED) == ("taken", "begun", "ended", "settled")
