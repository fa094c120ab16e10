"""Money that nobody expected: paid twice, too late, of another amount, on a bill that was withdrawn, or for no order of ours.

It is booked as unapplied with a task for staff, never lost and never an exception. What came too late, or to an order that is closed,
goes back by itself; of the rest staff say with one click what becomes of it: it pays an open invoice, or it goes back.
"""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.errors import Conflict, NotFound
from core.retries import retried
from workflow import ledger, payments, refunds
from workflow.models import Invoice, InvoiceKind, InvoiceStatus, LedgerEntry, LedgerKind, Order, Refund
from workflow.process import CLOSED, Role
from workflow.tasks import close_task, staff_task

if TYPE_CHECKING:
    from workflow.transitions import By

#: who says what becomes of it
DECIDERS = frozenset({Role.FINANCE, Role.OWNER})


def task_key(payment: LedgerEntry) -> str:
    return f"unapplied:{payment.reference}"


@transaction.atomic
def book(
    *, order: Order | None, invoice: Invoice | None, amount_cents: int, currency: str, payment_intent_id: str, why: str
) -> LedgerEntry | None:
    """Book money that nobody asked for, and put it before staff. None if it was booked before. Under the order's lock, if there is one."""
    entry = ledger.book(
        order=order,
        invoice=invoice,
        kind=LedgerKind.UNAPPLIED,
        amount_cents=amount_cents,
        source="stripe",
        reference=payment_intent_id,
        currency=currency,
        payment_intent_id=payment_intent_id,
        note=why,
    )
    staff_task(key=f"unapplied:{payment_intent_id}", kind="unapplied_money", order=order, text=why)
    if entry is not None and _goes_back_by_itself(entry):
        refunds.give_back_unapplied(entry, by=None, note=gettext_noop("It came too late."))
        close_task(task_key(entry))
    return entry


def _goes_back_by_itself(entry: LedgerEntry) -> bool:
    """To a closed order, or after its quote had run out: there is nothing left that it could pay for."""
    if entry.currency != "usd" or entry.order is None:
        return False
    late = entry.invoice is not None and entry.invoice.status == InvoiceStatus.EXPIRED
    return late or entry.order.state in CLOSED


# --- What staff make of it ------------------------------------------------------------------------------------------------


def invoice_for(payment: LedgerEntry, *, order: Order) -> Invoice | None:
    """The invoice of the order that this money can pay: the dearest open one that it is enough for."""
    left = ledger.left_cents(payment)
    payable = [payments.payable_invoice(order, kind=kind) for kind in InvoiceKind.values]
    fitting = [invoice for invoice in payable if invoice is not None and invoice.amount_usd_cents <= left]
    return max(fitting, key=lambda invoice: invoice.amount_usd_cents, default=None)


@retried
@transaction.atomic
def apply(payment_id: int, *, by: "By", order_number: str = "") -> Order:
    """Let it pay an open invoice of its order (or of the one named, if it came without); what is left over goes back.

    Raises Conflict where no invoice is open that it is enough for.
    """
    from workflow import adjustments
    from workflow.settlement import RECORD_OF
    from workflow.transitions import perform

    payment, order = _decidable(payment_id, by=by, order_number=order_number)
    if order is None:
        raise NotFound(field="order")
    invoice = invoice_for(payment, order=order)
    if invoice is None:
        raise Conflict(_("No invoice of this order is open that the payment is enough for."), code="nothing_to_pay")
    facts = {"proof": payment.reference, "unapplied": payment.pk}
    if invoice.kind == InvoiceKind.ADJUSTMENT:
        adjustments.record_payment(order.pk, by=by, **facts)
    else:
        perform(order.pk, RECORD_OF[InvoiceKind(invoice.kind)], by=by, **facts)
    refunds.give_back_unapplied(payment, by=by)
    close_task(task_key(payment), by=by)
    return order


@retried
@transaction.atomic
def give_back(payment_id: int, *, by: "By") -> Refund:
    """Send it back where it came from."""
    payment, _order = _decidable(payment_id, by=by)
    refund = refunds.give_back_unapplied(payment, by=by)
    assert refund is not None  # `_decidable` has just seen that something is left
    close_task(task_key(payment), by=by)
    return refund


def _decidable(payment_id: int, *, by: "By", order_number: str = "") -> tuple[LedgerEntry, Order | None]:
    from workflow.transitions import TransitionRefused, lock_order

    payment = LedgerEntry.objects.filter(pk=payment_id, kind=LedgerKind.UNAPPLIED).first()
    if payment is None:
        raise NotFound
    if not by.roles & DECIDERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    order_id = payment.order_id
    if order_id is None and order_number:
        order_id = Order.objects.filter(number=order_number.strip().upper()).values_list("pk", flat=True).first()
    order = lock_order(order_id) if order_id else None
    # Its own lock too: without an order of its own, two people may mean two orders.
    payment = LedgerEntry.objects.select_for_update().get(pk=payment_id)
    if payment.order_id is not None:
        payment.order = order
    if payment.currency != "usd":
        raise Conflict(_("Only dollars can be applied or given back from here; use Stripe's dashboard."), code="other_currency")
    if not ledger.left_cents(payment):
        raise Conflict(_("Nothing of this payment is left."), code="nothing_left")
    return payment, order
