"""The periodic jobs of the order process (their table is `core/schedules.py`) and the functions that jobs are queued by name for.

Each is safe to run at any time, any number of times, in any number of workers.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import localdate, now

from integrations import exchange_rate
from integrations.base import ProviderError
from workflow import checkout, notices, pricing, refunds, settlement, stuck, tracking
from workflow.models import Attempt, AttemptStatus, Order, Refund, RefundStatus, StripeEvent
from workflow.process import State
from workflow.transitions import By, TransitionRefused, ask, perform

log = logging.getLogger(__name__)

BATCH = 200


def settle_inbox() -> int:
    """Settle stored Stripe events whose own job was lost or failed; the number of events tried."""
    due = StripeEvent.objects.filter(settled_at=None, received_at__lt=now() - timedelta(seconds=30), attempts__lt=20)
    return _each(due.values_list("pk", flat=True)[:BATCH], settlement.settle_event)


def expire_quotes() -> int:
    """Ask for the end of every quote whose deadline passed unpaid and without a payment in process."""
    in_process = Attempt.objects.filter(processing=True, status=AttemptStatus.OPEN).values("invoice__order_id")
    due = Order.objects.filter(state=State.AWAITING_ITEM_PAYMENT, pay_by__lte=now(), hold_reason="").exclude(pk__in=in_process)
    return _each(due.values_list("pk", flat=True)[:BATCH], lambda pk: ask(pk, Order.expire_quote, by=By.job()))


def complete_orders() -> int:
    """Close delivered orders whose claim window is over."""
    due = Order.objects.filter(state=State.DELIVERED, delivered_at__lte=now() - settings.CLAIM_WINDOW, hold_reason="")
    return _each(due.values_list("pk", flat=True)[:BATCH], lambda pk: perform(pk, Order.complete, by=By.job()))


def poll_couriers() -> int:
    return tracking.poll_due()


def send_reminders() -> int:
    return notices.send_reminders()


def refresh_exchange_rate() -> None:
    """Fetch today's rate from the first source that gives a sane one; a silent source leaves the last good rate in force."""
    try:
        pricing.store_rate(exchange_rate.fetch_rate(today=localdate()))
    except ProviderError as error:
        log.warning("no exchange rate: %s", error)


def reconcile_attempts() -> int:
    """Look again at what may have been missed: attempts that should have ended, closings that got stuck, refunds on their way."""
    late = now() - timedelta(minutes=2)
    ended = Attempt.objects.filter(status=AttemptStatus.OPEN, session_id__isnull=False).filter(
        Q(expires_at__lt=late) | Q(processing=True) | Q(created_at__lt=now() - timedelta(minutes=15))
    )
    tried = _each(ended.values_list("session_id", flat=True)[:BATCH], settlement.settle_session)
    stuck = Attempt.objects.filter(status=AttemptStatus.CLOSING, closing_since__lt=late)
    tried += _each(stuck.values_list("pk", flat=True)[:BATCH], checkout.close_attempt)
    sent = Refund.objects.filter(status=RefundStatus.SENT, stripe_id__isnull=False)

    return tried + _each(sent.values_list("stripe_id", flat=True)[:BATCH], refunds.settle_refund)


def _each(things, act) -> int:
    """Act on each; one that fails is logged and does not stop the others."""
    count = 0
    for thing in list(things):
        count += 1
        try:
            act(thing)
        except TransitionRefused as refused:
            log.info("%s: refused (%s)", thing, refused.code)
        except ProviderError as error:
            log.warning("%s: %s", thing, error)
    return count


def show_what_is_stuck() -> int:
    return stuck.show()
