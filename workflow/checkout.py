"""The jobs that open and close Checkout sessions at Stripe. Always: claim (commit), call, record (commit); never a call under a lock.

Both are safe to run any number of times and to be killed anywhere: the attempt's stored key makes the repeated call the same one.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from core import outbox
from integrations import stripe
from integrations.base import InvalidRequest, ProviderError, Unavailable
from workflow.models import Attempt, AttemptStatus, Invoice, InvoiceStatus, Order
from workflow.payments import SESSION_MIN, new_attempt, open_attempt, start_closing
from workflow.process import Effect
from workflow.transitions import By, TransitionRefused, lock_order, perform, retried, tell

log = logging.getLogger(__name__)

#: Stripe keeps an idempotency key at least this long; an older call is looked up instead of repeated
KEY_LIFETIME = timedelta(hours=23)
#: a customer who asks is reason enough to try what has failed for good, but not each time
ASK_AGAIN_AFTER = timedelta(minutes=1)


# --- Opening --------------------------------------------------------------------------------------------------------------


def want_checkout(order: Order, *, kind: str) -> Attempt | None:
    """The order's payable session of a kind, or None after promising that a job will open one. Under the order's lock, in a request."""
    attempt = open_attempt(order, kind=kind)
    if attempt is not None and is_payable(attempt):
        return attempt
    if attempt is not None and attempt.status == AttemptStatus.CLOSING:
        return None  # what follows its end is promised with it
    # The promise that is already open does it; asking every second makes no second one, nor many while Stripe refuses our key.
    from core.outbox.models import Effect as Promise

    hopeful = Q(quarantined_at=None) | Q(created_at__gt=now() - ASK_AGAIN_AFTER)
    if not Promise.objects.filter(hopeful, subject=order.subject, name=Effect.OPEN_CHECKOUT, done_at=None).exists():
        outbox.promise([Effect.OPEN_CHECKOUT], subject=order.subject, payload={"order": order.pk, "kind": kind})
    return None


def is_payable(attempt: Attempt) -> bool:
    return attempt.status == AttemptStatus.OPEN and not attempt.processing and attempt.expires_at > now() + timedelta(seconds=30)


def open_checkout(order_id: int, *, kind: str) -> None:
    """See to it that the open invoice of a kind has exactly one open session. Raises ProviderError to be tried again."""
    attempt = _claim(order_id, kind=kind)
    if attempt is None:
        return
    try:
        session = _session_of(attempt)
    except ProviderError as error:
        _note_error(attempt.pk, error=error)
        if not _is_final(error):
            raise
        _give_up(attempt.pk, error=error)
        # Once, with a new key: a Stripe that stores a failure under that one too is asked again later, not in a circle.
        attempt = _claim(order_id, kind=kind) if _is_stored_failure(error) or _came_too_late(attempt) else None
        if attempt is None:
            raise
        session = _session_of(attempt)
    record_session(attempt.pk, session)


def _is_final(error: ProviderError) -> bool:
    """No session exists under the attempt's key, and none ever will."""
    return isinstance(error, InvalidRequest) or _is_stored_failure(error)


def _came_too_late(attempt: Attempt) -> bool:
    """The end that its session was to have is nearer now than Stripe takes: nobody answered for that long."""
    return attempt.expires_at < now() + SESSION_MIN


@retried
@transaction.atomic
def _claim(order_id: int, *, kind: str) -> Attempt | None:
    """The attempt whose session is to be made now; None if there is nothing to pay or a session is already open."""
    order = lock_order(order_id)
    invoice = next((i for i in order.invoices.all() if i.kind == kind and i.status == InvoiceStatus.OPEN), None)
    if invoice is None:
        return None
    attempt = open_attempt(order, kind=kind)
    if attempt is None:
        return new_attempt(invoice)
    if attempt.status == AttemptStatus.CREATED:
        return attempt
    if attempt.status == AttemptStatus.OPEN and not attempt.processing and not is_payable(attempt):
        # Its session has run out by itself: close it properly, then open the next one.
        start_closing(attempt, then_perform={"reopen": kind})
    return None


def _session_of(attempt: Attempt) -> stripe.CheckoutSession:
    """The session of an attempt: made, or found where the key may be forgotten or a failure was stored under it."""
    if attempt.created_at < now() - KEY_LIFETIME:
        found = _find(attempt)
        if found:
            return found
    try:
        return _create(attempt)
    except (Unavailable, InvalidRequest) as error:
        # Refused may also mean: the key was used before, with other words, and has a session.
        found = _find(attempt) if _is_final(error) else None
        if found is None:
            raise
        return found


def _is_stored_failure(error: ProviderError) -> bool:
    """Stripe replays the stored 500 for this key: asking again with it can never succeed."""
    return error.code == "stored_500"


def _create(attempt: Attempt) -> stripe.CheckoutSession:
    said, link = attempt.request, attempt.invoice.order.pay_links.get(kind=attempt.invoice.kind)
    page = f"{settings.PUBLIC_BASE_URL}/pay/{link.token}"
    return stripe.create_checkout_session(
        lines=[stripe.CheckoutLine(name=line["name"], amount_cents=line["amount_cents"]) for line in said["lines"]],
        success_url=f"{page}?done=1",
        cancel_url=page,
        customer_email=said["customer_email"],
        client_reference_id=attempt.key,
        metadata={"order": attempt.invoice.order.number, "kind": attempt.invoice.kind, "attempt": attempt.key},
        expires_at=attempt.expires_at,
        locale=said["locale"],
        idempotency_key=attempt.key,
    )


def _find(attempt: Attempt) -> stripe.CheckoutSession | None:
    found = stripe.find_checkout_sessions(client_reference_id=attempt.key, created_after=attempt.created_at - timedelta(minutes=10))
    return found[0] if found else None


@retried
@transaction.atomic
def record_session(attempt_id: int, session: stripe.CheckoutSession) -> None:
    """Write down the session of an attempt; one that must be closed, or was paid already, goes on to that."""
    from django_q.tasks import async_task

    order, attempt = lock_attempt(attempt_id)
    if attempt.session_id not in (None, session.id) or attempt.status == AttemptStatus.CLOSED:
        _refuse_stray(attempt, session)
        return
    attempt.session_id, attempt.url, attempt.expires_at = session.id, session.url or "", session.expires_at
    attempt.request, attempt.last_error = {}, ""
    if attempt.status == AttemptStatus.CREATED:
        attempt.status = AttemptStatus.OPEN
    attempt.save()
    if session.status != "open":
        async_task("workflow.settlement.settle_session", session.id)
    elif attempt.status != AttemptStatus.CLOSING and attempt.invoice.status != InvoiceStatus.OPEN:
        start_closing(attempt, then_perform=None)
    tell(order, "order.invoice", kind=attempt.invoice.kind, invoice=attempt.invoice.number)


def _refuse_stray(attempt: Attempt, session: stripe.CheckoutSession) -> None:
    """A session that came when its attempt had another one, or had ended: nobody may pay it beside the next."""
    from django_q.tasks import async_task

    log.error("attempt %s (%s, session %s) got session %s", attempt.key, attempt.status, attempt.session_id, session.id)
    Attempt.objects.filter(pk=attempt.pk, session_id=None).update(session_id=session.id)
    async_task("workflow.checkout.close_stray", session.id)


def close_stray(session_id: str) -> None:
    """Close a session that no attempt waits for; what was paid on it is settled like any other money."""
    from workflow.settlement import settle

    session = stripe.expire_checkout_session(session_id)
    if session.status != "expired":
        settle(session)


def lock_attempt(attempt_id: int) -> tuple[Order, Attempt]:
    """Order and attempt under their locks, in the lock order."""
    order_id = Attempt.objects.values_list("invoice__order_id", flat=True).get(pk=attempt_id)
    order = lock_order(order_id)
    attempt = Attempt.objects.select_for_update().get(pk=attempt_id)
    attempt.invoice = Invoice.objects.get(pk=attempt.invoice_id)
    attempt.invoice.order = order
    return order, attempt


def _note_error(attempt_id: int, *, error: ProviderError) -> None:
    Attempt.objects.filter(pk=attempt_id).update(last_error=f"{type(error).__name__} {error.code}: {error}"[:300])


def _give_up(attempt_id: int, *, error: ProviderError) -> None:
    """No session exists or can exist under this key: the attempt ends, the next one gets a key of its own."""
    Attempt.objects.filter(pk=attempt_id, status=AttemptStatus.CREATED, session_id=None).update(
        status=AttemptStatus.CLOSED, last_error=f"{type(error).__name__} {error.code}: {error}"[:300]
    )


# --- Closing --------------------------------------------------------------------------------------------------------------


def close_attempt(attempt_id: int) -> None:
    """Close an attempt's session at Stripe, then perform what was waiting for it. A session found paid is settled instead."""
    from workflow.settlement import settle

    attempt = Attempt.objects.select_related("invoice__order").get(pk=attempt_id)
    if attempt.status != AttemptStatus.CLOSING:
        return
    session = _expire(attempt)
    if session is None or session.status == "expired":
        _closed(attempt_id)
    else:
        settle(session)


def _expire(attempt: Attempt) -> stripe.CheckoutSession | None:
    """The session's state after asking Stripe to expire it; None where no session was ever made."""
    session_id = attempt.session_id
    if session_id is None:
        # The call that makes it may still be under way elsewhere; the same key gets us the same session.
        try:
            session_id = _session_of(attempt).id
        except ProviderError as error:
            if _is_final(error):
                return None
            raise
        Attempt.objects.filter(pk=attempt.pk, session_id=None).update(session_id=session_id)
    return stripe.expire_checkout_session(session_id)


@retried
@transaction.atomic
def _closed(attempt_id: int) -> None:
    """Mark it closed and, in the same transaction, perform what was asked for."""
    order, attempt = lock_attempt(attempt_id)
    if attempt.status != AttemptStatus.CLOSING:
        return
    wanted = attempt.then_perform
    attempt.status, attempt.url, attempt.then_perform, attempt.request = AttemptStatus.CLOSED, "", None, {}
    attempt.save()
    if not wanted:
        return
    if "reopen" in wanted:
        outbox.promise([Effect.OPEN_CHECKOUT], subject=order.subject, payload={"order": order.pk, "kind": wanted["reopen"]})
        return
    try:
        with transaction.atomic():
            _perform_wanted(order.pk, wanted)
    except TransitionRefused as refused:
        log.warning("order %s: what was asked for (%s) is refused now: %s", order.number, wanted, refused.code)
        _reopen_after_refusal(order, kind=attempt.invoice.kind)


def _perform_wanted(order_id: int, wanted: dict[str, Any]) -> None:
    """The transition, the end of a bill over a price difference, or the next version of a delivery bill, as the one who asked for it."""
    from workflow import adjustments, storage_bills

    by = By.from_json(wanted["by"])
    if "difference" in wanted:
        adjustments.end(order_id, by=by, run_out=wanted["difference"] == "run_out")
    elif "storage" in wanted:
        storage_bills.bring_up_to_date(order_id)
    else:
        perform(order_id, wanted["transition"], by=by, **wanted["facts"])


def _reopen_after_refusal(order: Order, *, kind: str) -> None:
    """The move did not happen, so the invoice stays payable: it gets its next session."""
    outbox.promise([Effect.OPEN_CHECKOUT], subject=order.subject, payload={"order": order.pk, "kind": kind})
