"""Refunds as people decide on them: proposed with their lines and a reason, approved by a second person where they are large, declined,
sent again, given back by hand. How much of what goes back is reckoned in `giving_back.py`; the talk with Stripe is
`refunds_at_stripe.py`.

The sum of a payment's refunds never exceeds what it holds: checked under the order's lock. Who decided what is in the journal.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core import outbox
from core.errors import Conflict, Invalid, NotFound
from core.money import format_usd
from core.retries import retried
from workflow import differences, giving_back, inspection_rows, ledger, payments
from workflow.giving_back import Back
from workflow.models import Item, ItemStatus, LedgerEntry, LedgerKind, Order, Refund, RefundLine, RefundReason, RefundStatus
from workflow.process import Effect, Role, State
from workflow.tasks import close_task, staff_task

if TYPE_CHECKING:
    from workflow.transitions import By

log = logging.getLogger(__name__)

#: refunds that staff decide on, together above this, need a second person
SECOND_PERSON_ABOVE_CENTS = 200_00
PROPOSERS = frozenset({Role.SUPPORT, Role.FINANCE, Role.OWNER})
DECIDERS = frozenset({Role.FINANCE, Role.OWNER})
#: what staff may name as a reason; the others come about by themselves
REASONS_OF_STAFF = (
    RefundReason.SOLD_OUT,
    RefundReason.CHEAPER,
    RefundReason.WRONG_ITEM,
    RefundReason.DAMAGED,
    RefundReason.MISSING,
    RefundReason.LATE,
    RefundReason.GOODWILL,
    RefundReason.OUR_FAULT,
)


class RefundTooLarge(Conflict):
    code = "refund_too_large"
    message = _("More than what was paid cannot be refunded.")


# --- Making refunds -------------------------------------------------------------------------------------------------------


def plan(order: Order, backs: Iterable[Back], *, reason: RefundReason, by: "By", discretionary: bool, note: str = "") -> list[Refund]:
    """Write a refund with its lines for each payment. Under the order's lock; sending them is an effect of the caller's.

    Those that staff decide on (`discretionary`) wait for a second person once an order's come to more than the limit together.
    """
    backs = list(backs)
    waits = discretionary and decided_alone(order) + giving_back.total_cents(backs) > SECOND_PERSON_ABOVE_CENTS
    made = [_write(order, back, reason=reason, by=by, discretionary=discretionary, waits=waits, note=note) for back in backs]
    if waits:
        text = gettext_noop("A refund of more than $200 needs a second person.")
        for refund in made:
            staff_task(key=f"refund:{refund.key}", kind="refund_to_approve", order=order, text=text)
    return made


def decided_alone(order: Order) -> int:
    """Cents of this order's refunds that one member of staff decided on alone: many small ones are one large one."""
    alone = Refund.objects.filter(Q(approved_by=None) | Q(approved_by=F("proposed_by")), order=order, is_discretionary=True)
    # One that failed counts: it may be sent again, or given by hand.
    alone = alone.exclude(status__in=(RefundStatus.PROPOSED, RefundStatus.DECLINED, RefundStatus.REPLACED))
    return int(alone.order_by().aggregate(sum=Sum("amount_usd_cents"))["sum"] or 0)


def _write(order: Order, back: Back, *, reason: RefundReason, by: "By", discretionary: bool, waits: bool, note: str) -> Refund:
    if not 0 < back.amount_usd_cents <= ledger.left_cents(back.payment):
        raise RefundTooLarge
    refund = Refund.objects.create(
        order=order,
        invoice=back.payment.invoice,
        payment=back.payment,
        payment_intent_id=back.payment.payment_intent_id,
        amount_usd_cents=back.amount_usd_cents,
        reason=reason,
        note=note[:300],
        status=RefundStatus.PROPOSED if waits else RefundStatus.APPROVED,
        key=payments.new_key(f"{order.number}:refund"),
        is_discretionary=discretionary,
        proposed_by=by.user if by.actor == "staff" else None,
    )
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, invoice_line=part.line, amount_usd_cents=part.amount_usd_cents) for part in back.parts
    )
    return refund


def plan_cancellation(order: Order, *, by: "By", facts: dict[str, Any]) -> int:
    """Write the refunds that cancelling this order brings; the sum in cents. Under the order's lock.

    Before anything is bought everything goes back by itself; afterwards what goes back is staff's decision.
    """
    backs = giving_back.cancellation(order, facts=facts)
    discretionary = by.actor == "staff" and not giving_back.is_untouched(order)
    reason = RefundReason.OUR_FAULT if facts.get("our_fault") else RefundReason.CANCELLED
    plan(order, backs, reason=reason, by=by, discretionary=discretionary)
    return giving_back.total_cents(backs)


@retried
@transaction.atomic
def refund_lines(
    order_id: int,
    *,
    lines: Mapping[int, int],
    reason: str,
    by: "By",
    note: str = "",
    leaving: Iterable[int] = (),
    seen_version: int | None = None,
) -> Order:
    """Give back chosen cents of chosen lines of paid invoices (by line id), for a reason. `leaving` are items that thereby leave the
    order, as `refunded`. Raises Invalid or RefundTooLarge and changes nothing where a line holds less."""
    from workflow.transitions import locked_for_staff, record

    if reason not in REASONS_OF_STAFF:
        raise Invalid(_("Please choose a reason."), field="reason")
    lines = {pk: cents for pk, cents in lines.items() if cents}
    if not lines or any(cents < 0 for cents in lines.values()):
        raise Invalid(_("Nothing is to be given back."), field="lines")
    order = locked_for_staff(order_id, roles=PROPOSERS, by=by, seen_version=seen_version)
    made = plan(order, giving_back.of_lines(order, lines), reason=RefundReason(reason), by=by, discretionary=True, note=note.strip())
    gone = _let_go(order, leaving)
    inspection_rows.leave(order, gone, by=by)
    facts = {"reason": reason, "refunds_usd_cents": sum(refund.amount_usd_cents for refund in made)}
    facts |= {"items": {str(item.position): str(item.status) for item in gone}} if gone else {}
    waits = any(refund.status == RefundStatus.PROPOSED for refund in made)
    then = [] if waits else [Effect.SEND_REFUNDS, Effect.NOTIFY_CUSTOMER]
    record(order, name="refund", from_state=order.state, by=by, facts=facts, then=then, live="order.invoice")
    return order


def _let_go(order: Order, leaving: Iterable[int]) -> list[Item]:
    wanted = set(leaving)
    gone = [item for item in order.items.all() if item.pk in wanted]
    for item in gone:
        if not item.is_live or item.status == ItemStatus.SHIPPED:
            raise Invalid(_("This item is no longer part of the order."), field="leaving")
        if differences.is_billed(item):
            raise Conflict(_("The price difference of this item is being billed; withdraw that first."), code="difference_open")
        item.status, item.parcel = ItemStatus.REFUNDED, None
    differences.let_go(gone)
    Item.objects.bulk_update(gone, ["status", "parcel"])
    return gone


def give_back_unapplied(payment: LedgerEntry, *, by: "By | None", note: str = "") -> Refund | None:
    """Return what is left of a payment nobody expected, whole; None if nothing is. Under the order's lock where it has one.

    `by` is None where it goes back by itself.
    """
    left = ledger.left_cents(payment)
    if not left or payment.kind != LedgerKind.UNAPPLIED:
        return None
    order = payment.order
    refund = Refund.objects.create(
        order=order,
        invoice=payment.invoice,
        payment=payment,
        payment_intent_id=payment.payment_intent_id,
        amount_usd_cents=left,
        reason=RefundReason.UNAPPLIED,
        note=note[:300],
        key=payments.new_key(f"{order.number if order else 'no-order'}:refund"),
        proposed_by=by.user if by else None,
    )
    promise_sending(refund)
    return refund


def promise_sending(refund: Refund) -> None:
    """A job sends it; in a transaction."""
    order = refund.order
    payload: dict[str, Any] = {"order": order.pk} if order else {"refund": refund.pk}
    outbox.promise([Effect.SEND_REFUNDS], subject=order.subject if order else f"refund:{refund.pk}", payload=payload)


# --- Deciding on them -----------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def approve(refund_id: int, *, by: "By") -> Refund:
    """The second person's yes. Refused for the proposer and for anyone but finance and owner."""
    refund = _decidable(refund_id, by=by, statuses=(RefundStatus.PROPOSED,), second=True)
    refund.status, refund.approved_by = RefundStatus.APPROVED, by.user
    refund.save(update_fields=["status", "approved_by"])
    _note(refund, "refund_approved", by=by, then=[Effect.SEND_REFUNDS, Effect.NOTIFY_CUSTOMER])
    close_task(f"refund:{refund.key}", by=by)
    return refund


@retried
@transaction.atomic
def decline(refund_id: int, *, by: "By", reason: str) -> Refund:
    """The second person's no, with a reason; the money stays. One that failed anybody of finance may end so.

    Raises Conflict where it goes back in any case and no other refund gives it back.
    """
    if not reason.strip():
        raise Invalid(_("Please say why."), field="reason")
    refund = _decidable(refund_id, by=by, statuses=(RefundStatus.PROPOSED, RefundStatus.FAILED), second=True)
    if _is_owed(refund):
        raise Conflict(_("Nobody may decline this: what it gives back is the customer's in any case."), code="refund_owed")
    refund.status, refund.approved_by, refund.note = RefundStatus.DECLINED, by.user, reason.strip()[:300]
    refund.save(update_fields=["status", "approved_by", "note"])
    _note(refund, "refund_declined", by=by, reason=refund.note)
    close_task(f"refund:{refund.key}", by=by)
    close_task(f"refund-failed:{refund.stripe_id or refund.key}", by=by)
    return refund


def _is_owed(refund: Refund) -> bool:
    """Of one that failed: nobody decided on it, and it did not go back otherwise. Of a proposal: what left the order, or ended it, while
    this was waiting went back without what it holds."""
    order = refund.order
    if refund.status == RefundStatus.FAILED:
        decided = refund.is_discretionary or refund.reason == RefundReason.DASHBOARD
        return not decided and _is_still_due(refund)
    if refund.lines.filter(invoice_line__item__status=ItemStatus.UNAVAILABLE).exists():
        return True
    return order is not None and order.state == State.CANCELLED and giving_back.nothing_was_ever_bought(order)


@retried
@transaction.atomic
def send_again(refund_id: int, *, by: "By") -> Refund:
    """A refund that failed at Stripe is over there; another one with a key of its own takes its place. It was approved already."""
    failed = _decidable(refund_id, by=by, statuses=(RefundStatus.FAILED,))
    if not _is_still_due(failed):
        raise RefundTooLarge
    lines = list(failed.lines.all())
    again = Refund.objects.get(pk=failed.pk)
    again.pk, again.stripe_id, again.last_error, again.created_at = None, None, "", now()
    again.status, again.retry_of, again.key = RefundStatus.APPROVED, failed, payments.new_key(failed.key.rpartition(":")[0])
    again.save(force_insert=True)
    RefundLine.objects.bulk_create(
        RefundLine(refund=again, invoice_line_id=line.invoice_line_id, amount_usd_cents=line.amount_usd_cents) for line in lines
    )
    failed.status = RefundStatus.REPLACED
    failed.save(update_fields=["status"])
    if again.order is None:
        promise_sending(again)
    _note(again, "refund_again", by=by, then=[Effect.SEND_REFUNDS])
    close_task(f"refund-failed:{failed.stripe_id or failed.key}", by=by)
    return again


@retried
@transaction.atomic
def given_by_hand(refund_id: int, *, by: "By", proof: str) -> Refund:
    """Finance has given the money back outside Stripe (a manual payment, or a card that takes nothing back), with a written proof."""
    if not proof.strip():
        raise Invalid(_("Please say what proves it."), field="proof")
    refund = _decidable(refund_id, by=by, statuses=(RefundStatus.FAILED, RefundStatus.APPROVED))
    if refund.status == RefundStatus.APPROVED and refund.payment_intent_id:
        raise Conflict(_("This refund is on its way to Stripe."), code="refund_under_way")
    if refund.status == RefundStatus.FAILED and not _is_still_due(refund):
        raise RefundTooLarge
    ledger.book(
        order=refund.order,
        invoice=refund.invoice,
        kind=LedgerKind.REFUND,
        amount_cents=-refund.amount_usd_cents,
        source="manual",
        reference=refund.key,
        note=proof.strip(),
    )
    refund.status, refund.approved_by, refund.note = RefundStatus.BY_HAND, by.user, proof.strip()[:300]
    refund.save(update_fields=["status", "approved_by", "note"])
    _note(refund, "refund_by_hand", by=by, proof=refund.note)
    close_task(f"refund-by-hand:{refund.key}", by=by)
    close_task(f"refund-failed:{refund.stripe_id or refund.key}", by=by)
    return refund


def _is_still_due(failed: Refund) -> bool:
    """A failed refund holds nothing back: its payment, or its lines, may have gone back otherwise meanwhile."""
    parts = list(failed.lines.select_related("invoice_line"))
    rest = giving_back.rest_of_lines(part.invoice_line for part in parts)
    gone = any(part.amount_usd_cents > rest[part.invoice_line_id] for part in parts)
    return not gone and (failed.payment is None or ledger.left_cents(failed.payment) >= failed.amount_usd_cents)


def _decidable(refund_id: int, *, by: "By", statuses: tuple[RefundStatus, ...], second: bool = False) -> Refund:
    """The refund and its order under their locks, if this person may decide on it now."""
    from workflow.transitions import TransitionRefused, lock_order

    order_id = Refund.objects.filter(pk=refund_id).values_list("order_id", flat=True).first()
    order = lock_order(order_id) if order_id else None
    refund = Refund.objects.select_for_update().filter(pk=refund_id).first()
    if refund is None:
        raise NotFound
    if not by.roles & DECIDERS or by.user is None:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if second and refund.status == RefundStatus.PROPOSED and by.user.pk == refund.proposed_by_id:
        raise TransitionRefused(_("A second person of finance, or the owner, must approve this refund."), code="not_allowed")
    if refund.status not in statuses:
        raise TransitionRefused(_("This refund is “%(status)s” by now.") % {"status": refund.get_status_display()})
    refund.order = order
    return refund


def _note(refund: Refund, name: str, *, by: "By", then: Iterable[Effect] = (), **facts: Any) -> None:
    """The decision in the order's journal."""
    from workflow.transitions import record

    if refund.order is None:
        return
    facts = {"refund_usd_cents": refund.amount_usd_cents, **facts}
    record(refund.order, name=name, from_state=refund.order.state, by=by, facts=facts, then=then, live="order.invoice")


def by_hand_task(refund: Refund) -> None:
    text, usd = gettext_noop("A payment recorded by hand must be given back by hand: %(usd)s."), format_usd(refund.amount_usd_cents)
    staff_task(key=f"refund-by-hand:{refund.key}", kind="refund_by_hand", order=refund.order, text=text, usd=usd)
