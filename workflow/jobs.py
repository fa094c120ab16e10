"""The periodic jobs of the order process (their table is `core/schedules.py`) and the functions that jobs are queued by name for.

Each is safe to run at any time, any number of times, in any number of workers.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import localdate, now
from django_q.tasks import async_task

from core.accounts.models import User
from integrations import exchange_rate
from integrations.base import ProviderError
from workflow import adjustments, disposal, figures, notices, photos, pricing, reconciliation, settlement, storage_bills, stuck, tracking
from workflow.models import (
    Attempt,
    AttemptStatus,
    Dispute,
    Invoice,
    InvoiceKind,
    InvoiceStatus,
    Order,
    Reconciliation,
    Refund,
    StripeEvent,
)
from workflow.models.ledger import OPEN_REFUND
from workflow.process import State
from workflow.transitions import By, TransitionRefused, ask, perform

log = logging.getLogger(__name__)

BATCH = 200
FEW_NEWS = 100
#: a payment is in process, or the session is being closed: an outage must not fill a round with what waits already
BUSY = Q(processing=True, status=AttemptStatus.OPEN) | Q(status=AttemptStatus.CLOSING)


def settle_inbox() -> int:
    """Settle stored Stripe events whose own job was lost or failed; the number of events tried."""
    due = StripeEvent.objects.filter(settled_at=None, received_at__lt=now() - timedelta(seconds=30), attempts__lt=20)
    return _each(due.values_list("pk", flat=True)[:BATCH], settlement.settle_event)


def expire_quotes() -> int:
    """Ask for the end of every quote whose deadline passed unpaid and without a payment in process."""
    in_process = Attempt.objects.filter(BUSY).values("invoice__order_id")
    due = Order.objects.filter(state=State.AWAITING_ITEM_PAYMENT, pay_by__lte=now(), hold_reason="").exclude(pk__in=in_process)
    return _each(due.values_list("pk", flat=True)[:BATCH], lambda pk: ask(pk, Order.expire_quote, by=By.job()))


def end_unpaid_differences() -> int:
    """Let bills over price differences run out whose deadline passed unpaid and without a payment in process."""
    due = Invoice.objects.filter(kind=InvoiceKind.ADJUSTMENT, status=InvoiceStatus.OPEN, pay_by__lte=now(), order__hold_reason="")
    due = due.exclude(attempts__in=Attempt.objects.filter(BUSY))
    return _each(due.values_list("order_id", flat=True)[:BATCH], lambda pk: adjustments.ask_to_end(pk, by=By.job(), run_out=True))


def complete_orders() -> int:
    """Close delivered orders whose claim window is over."""
    refunding = Refund.objects.filter(status__in=OPEN_REFUND, order__isnull=False).values("order_id")
    begun = now() - settings.CLAIM_WINDOW  # `Order.claims_until`
    due = Order.objects.filter(state=State.DELIVERED, delivered_at__lte=begun, state_since__lte=begun, hold_reason="")
    disputed = Dispute.objects.filter(closed_at=None, order__isnull=False).values("order_id")
    due = due.exclude(pk__in=refunding).exclude(pk__in=disputed)
    return _each(due.values_list("pk", flat=True)[:BATCH], lambda pk: perform(pk, Order.complete, by=By.job()))


def bill_storage() -> int:
    """Bring open delivery bills up to the day, and put before staff what lies with us beyond the end of storage."""
    disposal.show_what_is_over()
    return _each(storage_bills.outdated(), storage_bills.bring_up_to_date)


def poll_couriers(code: str = "", order_id: int | None = None) -> int:
    """Without a courier: queue a round of each that has something due. With one: that round, and what it brings; with an order, whose
    people wait, also while the courier rests (`tracking.poll_courier`).

    Few parcels' news are told at once; a fleet's are a job of its own, so that the next round need not wait for it.
    """
    if not code:
        due = tracking.due_couriers()
        for courier in due:
            async_task("workflow.jobs.poll_couriers", courier)
        return len(due)
    done = tracking.poll_courier(code, order_id=order_id)
    if done is None:
        return 0
    if done.has_more:
        async_task("workflow.jobs.poll_couriers", code)
    if done.news > FEW_NEWS:
        async_task("workflow.jobs.tell_parcel_news")
    elif done.news:
        tracking.tell_news()
    return done.asked


def tell_parcel_news() -> None:
    """What couriers said and nobody was told yet; goes on in another job when it takes long."""
    if tracking.tell_news():
        async_task("workflow.jobs.tell_parcel_news")


def send_reminders() -> int:
    return notices.send_reminders()


def refresh_exchange_rate() -> None:
    """Fetch today's rate from the first source that gives a sane one; a silent source leaves the last good rate in force."""
    try:
        pricing.store_rate(exchange_rate.fetch_rate(today=localdate()))
    except ProviderError as error:
        log.warning("no exchange rate: %s", error)


def reconcile_recent() -> int:
    """Compare the last two days with Stripe; the number of things that were mended."""
    return _mended(reconciliation.reconcile_by_schedule(since=timedelta(hours=48)))


def reconcile_month() -> int:
    """The same for the last thirty days, once a night, and forget old reports."""
    reconciliation.trim()
    return _mended(reconciliation.reconcile_by_schedule(since=timedelta(days=30)))


def reconcile_for(span: str, user_id: int) -> int:
    """The same as far back as a person asked for."""
    by = By.staff(User.objects.get(pk=user_id))
    return _mended(reconciliation.reconcile(since=reconciliation.span_of(span), by=by))


def _mended(report: Reconciliation | None) -> int:
    return int(report.counts["changed"]) if report else 0


def sweep_photos() -> int:
    """Delete the files of removed photos, and files whose process was killed before their row; the number deleted."""
    return photos.sweep()


def show_what_is_stuck() -> int:
    return stuck.show()


def reckon_figures() -> int:
    return figures.reckon()


def _each(things: Iterable[Any], act: Callable[[Any], object]) -> int:
    """Act on each; one that fails is logged and does not stop the others. The number tried."""
    count = 0
    for thing in list(things):
        count += 1
        try:
            act(thing)
        except TransitionRefused as refused:
            log.info("%s: refused (%s)", thing, refused.code)
        except ProviderError as error:
            log.warning("%s: %s", thing, error)
        except Exception:  # a bug that one thing runs into must not stop the round for the others
            log.exception("%s: failed", thing)
    return count
