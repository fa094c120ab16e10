"""The jobs that do promised effects; both are safe to run any number of times, in any number of workers.

Every effect is claimed with a lease (committed) before its handler runs without any transaction of ours, and marked after it. A
process killed in between leaves a lease that runs out; `sweep` queues the row again.
"""

import logging
import traceback
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from core.outbox import HANDLERS
from core.outbox.models import Effect

log = logging.getLogger(__name__)

MAX_STARTS = 5
#: seconds until the next try after the first, second … failure
BACK_OFF_S = (10, 30, 120, 600)
#: how many rows one sweep queues again at most; the next one goes on
SWEEP_LIMIT = 500


def _lease() -> timedelta:
    return timedelta(seconds=settings.JOB_TIMEOUT_S + 5)


def deliver(batch: str) -> None:
    """Do what is left of one promise, in order. A failing effect does not hold up or repeat the others."""
    for pk in Effect.objects.filter(batch=batch, done_at=None, quarantined_at=None).order_by("pk").values_list("pk", flat=True):
        _deliver_one(pk)


def _deliver_one(pk: int) -> None:
    effect = _claim(pk)
    if effect is None:
        return
    try:
        HANDLERS[effect.name](effect.payload)
    except Exception as error:  # whatever a handler raises is recorded on its row; the others go on
        _record_failure(effect, error)
    else:
        Effect.objects.filter(pk=pk).update(done_at=timezone.now(), claimed_until=None, last_error="")


@transaction.atomic
def _claim(pk: int) -> Effect | None:
    """The row, if it is due, undone and nobody's; its start is counted, and the fifth start without an end quarantines it."""
    now = timezone.now()
    effect = Effect.objects.select_for_update(skip_locked=_skips_locked()).filter(pk=pk, done_at=None, quarantined_at=None).first()
    if effect is None or effect.due_at > now or (effect.claimed_until and effect.claimed_until > now):
        return None
    if effect.starts >= MAX_STARTS:
        effect.quarantined_at = now
        effect.last_error = effect.last_error or "started five times and never ended"
        effect.save(update_fields=["quarantined_at", "last_error"])
        log.error("effect %s %s of %s is in quarantine", effect.pk, effect.name, effect.subject)
        return None
    effect.starts += 1
    effect.claimed_until = now + _lease()
    effect.save(update_fields=["starts", "claimed_until"])
    return effect


def _skips_locked() -> bool:
    return transaction.get_connection().features.has_select_for_update_skip_locked


def _record_failure(effect: Effect, error: Exception) -> None:
    effect.attempts += 1
    effect.claimed_until = effect.queued_at = None
    effect.last_error = "".join(traceback.format_exception(error))[-4000:]
    effect.due_at = timezone.now() + next_wait(error, attempts=effect.attempts)
    if _is_outage(error):
        effect.starts = 0  # it ended by itself, and nothing is wrong with it: only the way out is closed
    elif effect.starts >= MAX_STARTS or getattr(error, "permanent", False):
        effect.quarantined_at = timezone.now()
    effect.save(update_fields=["starts", "attempts", "claimed_until", "queued_at", "last_error", "due_at", "quarantined_at"])
    log.warning("effect %s %s of %s failed (%s)", effect.pk, effect.name, effect.subject, effect.attempts, exc_info=error)


def _is_outage(error: Exception) -> bool:
    """A provider that may answer later says so itself; it is asked for as long as it takes, and staff are shown that it is late."""
    return getattr(error, "permanent", None) is False


def next_wait(error: Exception, *, attempts: int) -> timedelta:
    """Back-off after a failure; a provider's Retry-After is obeyed when it is longer."""
    seconds = BACK_OFF_S[min(attempts, len(BACK_OFF_S)) - 1]
    return timedelta(seconds=max(seconds, getattr(error, "retry_after", None) or 0))


def left_over(now: datetime) -> QuerySet[Effect]:
    """Effects that are due and nobody's, and whose own job is lost (queued longer ago than a redelivery takes) or ended in a failure."""
    lost = Q(queued_at=None) | Q(queued_at__lt=now - timedelta(seconds=settings.JOB_RETRY_S))
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    return Effect.objects.filter(lost, free, done_at=None, quarantined_at=None, due_at__lte=now).order_by("due_at")


def sweep() -> int:
    """Queue every batch again that has something left to do; the number of batches. Runs each minute."""
    now = timezone.now()
    rows = list(left_over(now).values_list("pk", "batch")[:SWEEP_LIMIT])
    batches = dict.fromkeys(batch for _pk, batch in rows)
    for batch in batches:
        with transaction.atomic():
            Effect.objects.filter(batch=batch, done_at=None).update(queued_at=now)
            async_task("core.outbox.jobs.deliver", batch)
    return len(batches)


def run_again(effect: Effect) -> None:
    """Staff let a stuck effect start over: out of quarantine, counters at zero, due now."""
    with transaction.atomic():
        Effect.objects.filter(pk=effect.pk, done_at=None).update(
            quarantined_at=None, starts=0, attempts=0, claimed_until=None, due_at=timezone.now(), queued_at=timezone.now()
        )
        async_task("core.outbox.jobs.deliver", effect.batch)
