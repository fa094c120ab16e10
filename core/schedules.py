"""Every periodic job, as one table. `manage.py sync_schedules` puts it into django-q2's schedule rows; the worker runs them.

Jobs are named by their dotted path, so this file imports nobody. django-q2 looks every 30 s; a run that was missed is not made up for
(catch_up False). Jobs are safe to run twice.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from core.models import Heartbeat

HOURLY = 60


@dataclass(frozen=True)
class Job:
    """Runs `func` every so many minutes; `cluster` None is the ordinary one."""

    name: str
    func: str
    minutes: int
    cluster: str | None = None

    def columns(self) -> dict[str, Any]:
        # Only the ordinary cluster looks at schedules; a row that names another in `cluster` would be looked at by nobody.
        kwargs = repr({"q_options": {"cluster": self.cluster}}) if self.cluster else None
        return {
            "func": self.func,
            "kwargs": kwargs,
            "cluster": None,
            "schedule_type": Schedule.MINUTES,
            "minutes": self.minutes,
            "repeats": -1,
        }


JOBS = (
    Job("outbox: take up what was left", "core.outbox.jobs.sweep", minutes=1),
    Job("notices: send what is due", "core.notices.jobs.send_due", minutes=1),
    Job("payments: settle the webhook inbox", "workflow.jobs.settle_inbox", minutes=1),
    Job("payments: compare two days with Stripe", "workflow.jobs.reconcile_recent", minutes=15, cluster="slow"),
    Job("payments: compare a month with Stripe", "workflow.jobs.reconcile_month", minutes=24 * HOURLY, cluster="slow"),
    Job("staff: show what is stuck", "workflow.jobs.show_what_is_stuck", minutes=1),
    Job("orders: let old quotes expire", "workflow.jobs.expire_quotes", minutes=5),
    Job("orders: let unpaid price differences run out", "workflow.jobs.end_unpaid_differences", minutes=5),
    Job("orders: remind customers", "workflow.jobs.send_reminders", minutes=10),
    Job("orders: complete what was delivered long ago", "workflow.jobs.complete_orders", minutes=HOURLY),
    Job("orders: bill storage by the day", "workflow.jobs.bill_storage", minutes=HOURLY),
    Job("parcels: ask the couriers", "workflow.jobs.poll_couriers", minutes=1),
    Job("parcels: tell what they said", "workflow.jobs.tell_parcel_news", minutes=1),
    Job("parcels: settle the couriers' messages", "workflow.courier_messages.settle_waiting", minutes=1),
    Job("parcels: forget settled messages", "workflow.courier_messages.forget_old", minutes=24 * HOURLY),
    Job("photos: clear files that nobody needs", "workflow.jobs.sweep_photos", minutes=6 * HOURLY, cluster="slow"),
    Job("exchange rate: refresh", "workflow.jobs.refresh_exchange_rate", minutes=HOURLY),
    Job("figures: reckon today's", "workflow.jobs.reckon_figures", minutes=10, cluster="slow"),
    Job("accounts: clear expired sessions", "core.accounts.sessions.clear_expired", minutes=24 * HOURLY),
    Job("imports: forget old rows", "workflow.imports.jobs.trim", minutes=24 * HOURLY, cluster="slow"),
    Job("events: trim the streams", "core.events.trim", minutes=HOURLY),
    Job("customer API: forget kept answers and counted tries", "customer_api.jobs.trim", minutes=HOURLY),
)


@transaction.atomic
def sync(jobs: tuple[Job, ...] = JOBS) -> dict[str, int]:
    """Makes the schedule rows say what the table says; returns how many rows were added, changed and removed.

    Rows that already agree keep their next run. One-off schedules are left alone.
    """
    # Schedule has no unique name: whoever syncs at the same time waits here.
    Heartbeat.objects.select_for_update().get_or_create(
        name="sync_schedules", defaults={"beat_at": timezone.now(), "pid": 0, "host": "", "detail": {}}
    )
    done = {"added": 0, "changed": 0, "removed": 0}
    wanted = {job.name: job for job in jobs}
    for row in Schedule.objects.select_for_update().exclude(schedule_type=Schedule.ONCE).order_by("id"):
        job = wanted.pop(row.name, None)
        if job is None:
            row.delete()
            done["removed"] += 1
        elif any(getattr(row, column) != value for column, value in job.columns().items()):
            Schedule.objects.filter(pk=row.pk).update(**job.columns(), next_run=timezone.now())
            done["changed"] += 1
    for job in wanted.values():
        Schedule.objects.create(name=job.name, next_run=timezone.now(), **job.columns())
        done["added"] += 1
    return done
