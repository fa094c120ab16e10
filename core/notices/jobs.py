"""Sending what was written. `send` is queued with each notice, `send_due` runs each minute and finds what was left.

Always: claim (commit), send, record (commit). E-mail goes at least once, with the same Message-ID on each try, because a lost mail
is worse than a second copy. An SMS goes at most once: where a claim was never recorded (the worker was killed) or the provider did
not answer, it may have gone out, so it becomes `unknown` and only a person sends it again (`send_again`).
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from core.notices.desk import job_wait
from core.notices.models import Channel, Notice, Status
from integrations.base import AuthRefused, ProviderError
from integrations.mail import send_email
from integrations.sms import send_sms

log = logging.getLogger(__name__)

#: seconds until the next try after the first, second … failure; with the first one ten tries within a day
BACK_OFF_S = (30, 120, 300, 900, 1800, 3600, 7200, 21_600, 43_200)
MAX_TRIES = len(BACK_OFF_S) + 1
#: how many notices one sweep queues at most; the next one goes on
SWEEP_LIMIT = 500
#: kinds that are useless after a while: sent within it or not at all, and what they said is wiped once it is settled
SHORT_LIVED = {"email_code": timedelta(minutes=10)}
#: machines that answer mails by themselves are asked not to
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def send(pk: int) -> str:
    """Send one notice if it is due and nobody's; its status afterwards ("" if it was not ours to send)."""
    notice = _claim(pk)
    if notice is None:
        return ""
    try:
        provider_id = _hand_over(notice)
    except Exception as error:  # whatever went wrong is written on the row; a programming error too
        return _record_failure(notice, error)
    return _record_sent(notice, provider_id=provider_id)


def send_due() -> int:
    """Queue a job for every notice that is due and has none, and for those whose claim ran out; how many. Runs each minute."""
    now = timezone.now()
    pks = list(left_over(now).order_by("due_at").values_list("pk", flat=True)[:SWEEP_LIMIT])
    for pk in pks:
        with transaction.atomic():
            Notice.objects.filter(pk=pk, status=Status.QUEUED).update(claimed_until=now + job_wait())
            async_task("core.notices.jobs.send", pk)
    return len(pks)


def send_now() -> Counter[str]:
    """Send here, without the queue, everything that is due; statuses and how often. For the command `send_notices`."""
    now = timezone.now()
    due = Q(status=Status.QUEUED, due_at__lte=now) | Q(status=Status.SENDING, claimed_until__lte=now)
    outcomes = Counter(send(pk) for pk in list(Notice.objects.filter(due).order_by("due_at").values_list("pk", flat=True)))
    del outcomes[""]
    return outcomes


def send_again(pk: int) -> bool:
    """Staff send a failed or uncertain notice once more, knowing that an uncertain SMS may arrive twice."""
    with transaction.atomic():
        stuck = Notice.objects.filter(pk=pk, status__in=[Status.FAILED, Status.UNKNOWN]).exclude(text="")
        now = timezone.now()
        if not stuck.update(status=Status.QUEUED, attempts=0, due_at=now, claimed_until=now + job_wait()):
            return False
        async_task("core.notices.jobs.send", pk)
    return True


def left_over(now: datetime) -> QuerySet[Notice]:
    """Unsent notices that are due and whose job is lost or never was: also what staff are shown when it grows old."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    return Notice.objects.filter(free, status__in=[Status.QUEUED, Status.SENDING], due_at__lte=now)


# --- Claim ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _claim(pk: int) -> Notice | None:
    """The notice, if it is due and nobody's, with this try counted; committed before anything is sent."""
    now = timezone.now()
    notice = Notice.objects.select_for_update(skip_locked=_skips_locked()).filter(pk=pk).first()
    if notice is None or not _is_free(notice, now=now):
        return None
    if notice.status == Status.SENDING and notice.channel == Channel.SMS:
        _end(notice, Status.UNKNOWN, because=notice.last_error or "the sender was stopped before it could say what became of it")
        return None
    if _is_too_late(notice, now=now):
        _end(notice, Status.FAILED, because="too late to be of use")
        return None
    if notice.attempts >= MAX_TRIES:
        _end(notice, Status.FAILED, because=notice.last_error or "started ten times and never ended")
        return None
    notice.status, notice.claimed_until = Status.SENDING, now + timedelta(seconds=settings.JOB_TIMEOUT_S + 5)
    notice.attempts += 1
    notice.save(update_fields=["status", "claimed_until", "attempts"])
    return notice


def _is_free(notice: Notice, *, now: datetime) -> bool:
    """A queued notice's `claimed_until` only keeps the sweep from queueing a second job; a claim's keeps other senders away."""
    if notice.status == Status.QUEUED:
        return notice.due_at <= now
    return notice.status == Status.SENDING and (notice.claimed_until is None or notice.claimed_until <= now)


def _is_too_late(notice: Notice, *, now: datetime) -> bool:
    lifetime = SHORT_LIVED.get(notice.kind)
    return lifetime is not None and notice.created_at + lifetime <= now


def _skips_locked() -> bool:
    return transaction.get_connection().features.has_select_for_update_skip_locked


# --- Send -----------------------------------------------------------------------------------------------------------------


def _hand_over(notice: Notice) -> str:
    """Give it to its provider, outside any transaction; the provider's id, where there is one."""
    if notice.channel == Channel.SMS:
        return send_sms(to=notice.recipient, text=notice.text, reference=f"notice-{notice.pk}").id
    send_email(
        to=notice.recipient,
        subject=notice.subject,
        text=notice.text,
        html=notice.html,
        message_id=notice.message_id,
        headers=HEADERS,
    )
    return ""


# --- Record ---------------------------------------------------------------------------------------------------------------


def _record_sent(notice: Notice, *, provider_id: str) -> str:
    """True whatever others made of the row meanwhile: an answer that came late is still the answer."""
    _end(notice, Status.SENT, provider_id=provider_id[:120], sent_at=timezone.now())
    return Status.SENT


def _record_failure(notice: Notice, error: Exception) -> str:
    words = f"{type(error).__name__}: {error}" if isinstance(error, ProviderError) else f"{type(error).__name__} in our own code"
    log.warning("notice %s (%s, %s) not sent at try %s: %s", notice.pk, notice.kind, notice.channel, notice.attempts, words)
    if not isinstance(error, ProviderError):
        log.error("notice %s", notice.pk, exc_info=error)
    if notice.channel == Channel.SMS and getattr(error, "outcome_unknown", True):
        return _settle(notice, Status.UNKNOWN, because=words)
    if notice.attempts >= MAX_TRIES or _is_final(error):
        return _settle(notice, Status.FAILED, because=words)
    wait = max(BACK_OFF_S[notice.attempts - 1], getattr(error, "retry_after", None) or 0)
    due_at = timezone.now() + timedelta(seconds=wait)
    _ours(notice).update(status=Status.QUEUED, due_at=due_at, claimed_until=None, last_error=words[:300])
    return Status.QUEUED


def _is_final(error: Exception) -> bool:
    """The message is refused for good. A refused key of ours is not the message's fault: a person mends it, then it goes out."""
    return bool(getattr(error, "permanent", False)) and not isinstance(error, AuthRefused)


def _settle(notice: Notice, status: Status, *, because: str) -> str:
    if _ours(notice).exists():
        _end(notice, status, because=because)
    return status


def _ours(notice: Notice) -> QuerySet[Notice]:
    """The row while our claim is the last one: what came to an end, or was claimed again, is no longer ours to judge."""
    return Notice.objects.filter(pk=notice.pk, status=Status.SENDING, attempts=notice.attempts)


def _end(notice: Notice, status: Status, *, because: str = "", **fields: object) -> None:
    wiped = {"text": "", "html": ""} if notice.kind in SHORT_LIVED else {}
    Notice.objects.filter(pk=notice.pk).update(status=status, last_error=because[:300], claimed_until=None, **wiped, **fields)
