"""What was promised and is not done: found every minute and put before staff, so that nothing waits unseen.

A finding is a `StaffTask` that closes by itself once the thing is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from core.outbox.models import Effect
from workflow.models import Attempt, AttemptStatus, Parcel, Refund, RefundStatus, StaffTask, StripeEvent

#: shown to staff after this, and a broken promise (verify_invariants) after `TOO_LATE`
SHOWN_AFTER, TOO_LATE = timedelta(minutes=5), timedelta(minutes=10)
KIND = "stuck"
LIMIT = 500


@dataclass(frozen=True)
class Undone:
    """One thing that waits; `text` is a msgid that `values` fill (see `StaffTask.words`)."""

    key: str
    order_id: int | None
    text: str
    values: dict[str, str]


def undone_since(moment: datetime) -> Iterator[Undone]:
    """Everything undone that was promised before `moment`."""
    for effect in Effect.objects.filter(done_at=None, created_at__lt=moment)[:LIMIT]:
        text = gettext_noop("The effect “%(name)s” of %(subject)s is not done.")
        said = {"name": effect.name, "subject": effect.subject}
        yield Undone(f"stuck:effect:{effect.pk}", effect.payload.get("order"), text, said)
    for event in StripeEvent.objects.filter(settled_at=None, received_at__lt=moment)[:LIMIT]:
        text = gettext_noop("The Stripe event %(event)s is not settled.")
        yield Undone(f"stuck:event:{event.pk}", None, text, {"event": event.event_id})
    yield from _unsent_refunds(moment)
    for pk, order_id, number in Parcel.objects.filter(news_at__lt=moment).values_list("pk", "order_id", "tracking_number")[:LIMIT]:
        text = gettext_noop("What the courier said of parcel %(number)s is not told.")
        yield Undone(f"stuck:news:{pk}", order_id, text, {"number": number})
    # A claim that never became a session, or a session that will not close.
    waiting = Q(status=AttemptStatus.CLOSING, closing_since__lt=moment) | Q(status=AttemptStatus.CREATED, created_at__lt=moment)
    for attempt in Attempt.objects.filter(waiting).select_related("invoice")[:LIMIT]:
        text = gettext_noop("The payment attempt %(key)s is stuck.")
        yield Undone(f"stuck:attempt:{attempt.pk}", attempt.invoice.order_id, text, {"key": attempt.key})


def _unsent_refunds(moment: datetime) -> Iterator[Undone]:
    """Refunds that nobody is going to send: approved, with a card behind them, and no effect left that would."""
    sending = Effect.objects.filter(name="send_refunds", done_at=None)
    approved = Refund.objects.filter(status=RefundStatus.APPROVED, created_at__lt=moment).exclude(payment_intent_id="")
    for refund in approved.select_related("order")[:LIMIT]:
        subject = refund.order.subject if refund.order else f"refund:{refund.pk}"
        if not sending.filter(subject=subject).exists():
            text = gettext_noop("The refund %(key)s is not sent.")
            yield Undone(f"stuck:refund:{refund.pk}", refund.order_id, text, {"key": refund.key})


def show() -> int:
    """Make a task for each stuck thing and close those that went on; the number that is stuck. Safe to run at any time."""
    found = {undone.key: undone for undone in undone_since(now() - SHOWN_AFTER)}
    shown = dict(StaffTask.objects.filter(kind=KIND, done_at=None).values_list("key", "pk"))
    StaffTask.objects.filter(pk__in=[pk for key, pk in shown.items() if key not in found]).update(done_at=now())
    for key, undone in found.items():
        if key not in shown:
            said = {"kind": KIND, "order_id": undone.order_id, "text": undone.text, "values": undone.values, "done_at": None}
            StaffTask.objects.update_or_create(key=key, defaults=said)
    return len(found)
