"""Where letters become rows: rendered, addressed, written once, and their job queued. The door to it is `core.notices.write`."""

import secrets
from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.tasks import async_task

from core.notices import Letter
from core.notices.models import Channel, Notice
from core.notices.rendering import as_html, as_text, one_line


def put(*, key: str, kind: str, channel: str, recipient: str, user_id: int | None, locale: str, letter: Letter) -> Notice | None:
    """See `core.notices.write`."""
    recipient = _address(recipient)
    if Notice.objects.filter(key=key, channel=channel, recipient=recipient).exists():
        return None
    notice = Notice(key=key, kind=kind, channel=channel, recipient=recipient, user_id=user_id, locale=locale)
    if channel == Channel.SMS:
        notice.text = letter.sms
    else:
        notice.subject, notice.text, notice.html = (
            one_line(letter.subject)[:200],
            as_text(letter, locale=locale),
            as_html(letter, locale=locale),
        )
        notice.message_id = _new_message_id()
    return _insert(notice)


def _insert(notice: Notice) -> Notice | None:
    """The unique constraint decides who was first; whoever lost has nothing to do."""
    try:
        with transaction.atomic():
            notice.claimed_until = timezone.now() + job_wait()
            notice.save(force_insert=True)
            async_task("core.notices.jobs.send", notice.pk)
    except IntegrityError:
        if not Notice.objects.filter(key=notice.key, channel=notice.channel, recipient=notice.recipient).exists():
            raise
        return None
    return notice


def job_wait() -> timedelta:
    """How long a queued notice is left to the job that was queued for it."""
    return timedelta(seconds=settings.JOB_RETRY_S)


def _address(recipient: str) -> str:
    recipient = recipient.strip()
    if not recipient or not recipient.isprintable() or " " in recipient:
        raise ValueError("an address or number has no spaces nor line breaks")
    return recipient


def _new_message_id() -> str:
    """Random, so that it says nothing; kept on the row, so that every try says the same."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{secrets.token_hex(16)}@{domain or 'localhost'}>"
