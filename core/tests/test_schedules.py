"""The table of periodic jobs and its rows in the database."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from core.schedules import JOBS, Job, sync

pytestmark = pytest.mark.django_db
BEAT = Job("beat", "core.events.trim", minutes=5)


def test_every_job_has_its_own_name_a_rhythm_and_a_dotted_path() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    for job in JOBS:
        assert job.minutes > 0, job.name
        assert callable(import_string(job.func)), job.func


def test_syncing_twice_changes_nothing_the_second_time() -> None:
    assert sync() == {"added": len(JOBS), "changed": 0, "removed": 0}
    before = list(Schedule.objects.order_by("name").values("name", "func", "minutes", "next_run", "repeats", "cluster"))
    assert sync() == {"added": 0, "changed": 0, "removed": 0}
    assert list(Schedule.objects.order_by("name").values("name", "func", "minutes", "next_run", "repeats", "cluster")) == before
    assert {row["repeats"] for row in before} == {-1}


def test_what_left_the_table_and_what_stands_twice_is_removed_one_off_jobs_stay() -> None:
    sync((BEAT, Job("old", "core.events.trim", minutes=1)))
    Schedule.objects.create(name="beat", func="core.events.trim", schedule_type=Schedule.MINUTES, minutes=5)
    Schedule.objects.create(name="once", func="core.events.trim", schedule_type=Schedule.ONCE)
    assert sync((BEAT,)) == {"added": 0, "changed": 0, "removed": 2}
    assert sorted(Schedule.objects.values_list("name", flat=True)) == ["beat", "once"]


def test_a_changed_rhythm_counts_from_now_an_unchanged_one_keeps_its_next_run() -> None:
    sync((BEAT, Job("other", "core.events.trim", minutes=9, cluster="slow")))
    later = timezone.now() + timedelta(hours=1)
    Schedule.objects.update(next_run=later)
    done = sync((Job("beat", "core.events.trim", minutes=7), Job("other", "core.events.trim", minutes=9, cluster="slow")))
    assert done == {"added": 0, "changed": 1, "removed": 0}
    beat, other = Schedule.objects.order_by("name")
    assert (beat.minutes, beat.next_run < later) == (7, True)
    assert (other.minutes, other.next_run) == (9, later)


def test_a_job_of_the_slow_cluster_is_scheduled_by_the_ordinary_one_and_queued_for_the_slow_one(monkeypatch) -> None:
    monkeypatch.setattr("django_q.scheduler.close_old_django_connections", lambda: None)  # the test's own is among them
    sync((Job("long", "core.events.trim", minutes=5, cluster="slow"),))
    scheduler()
    assert [(row.key, row.task["func"], row.task["kwargs"]) for row in OrmQ.objects.all()] == [("slow", "core.events.trim", {})]
