"""Cancelling an order: what exactly would go back, or why not; and doing it. The rules are workflow/refunds.py and process.py."""

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from core.accounts.models import User
from customer_api.idempotency import once
from customer_api.resources.order_answers import LineOut, OrderOut, line_out
from customer_api.resources.orders import my_order, my_order_id, order_now
from customer_api.schema import In, Out
from customer_api.security import Asked
from customer_api.texts import Text
from workflow import refunds
from workflow.models import LedgerEntry, Order
from workflow.process import TRANSITIONS
from workflow.transitions import By, TransitionRefused, check, perform

router = Router(tags=["Orders"])


class PaymentBack(Out):
    """What goes back of one payment."""

    kind: str
    invoice: int
    paid_usd_cents: int
    refund_usd_cents: int
    lines: list[LineOut] = Field(description="The invoice's lines where the whole payment goes back.")


class Cancellation(Out):
    allowed: bool
    code: str | None = Field(description="Why not: `cancel_needs_staff`, `transition_refused` …; null where it is allowed.")
    detail: str | None
    refund_usd_cents: int
    payments: list[PaymentBack]


class CancelRequest(In):
    reason: Annotated[str, Text(longest=500, shortest=1, lines=True)]


@router.get("/{number}/cancellation", response=Cancellation)
def preview_cancellation(request: Asked, number: str) -> Cancellation:
    user: User = request.auth
    order = my_order(user, number)
    refused = _why_not(order, by=By.customer(user))
    if refused is not None:
        return Cancellation(allowed=False, code=refused.code, detail=str(refused), refund_usd_cents=0, payments=[])
    back = [_payment(order, capture, cents) for capture, cents in refunds.cancellation(order, facts={})]
    return Cancellation(allowed=True, code=None, detail=None, refund_usd_cents=sum(one.refund_usd_cents for one in back), payments=back)


def _why_not(order: Order, *, by: By) -> TransitionRefused | None:
    try:
        check(order, TRANSITIONS["cancel"], by=by, facts={"reason": "asked"})
    except TransitionRefused as refused:
        return refused
    return None


def _payment(order: Order, capture: LedgerEntry, refund_usd_cents: int) -> PaymentBack:
    invoice: Any = next(one for one in order.invoices.all() if one.pk == capture.invoice_id)
    whole = refund_usd_cents == capture.amount_cents
    return PaymentBack(
        kind=invoice.kind,
        invoice=invoice.number,
        paid_usd_cents=capture.amount_cents,
        refund_usd_cents=refund_usd_cents,
        lines=[line_out(line) for line in invoice.lines.all()] if whole else [],
    )


@router.post("/{number}/cancel", response=OrderOut)
def cancel_order(request: Asked, number: str, body: CancelRequest) -> HttpResponse:
    """Close the order; what the preview names goes back by itself."""
    user: User = request.auth
    order_id = my_order_id(user, number)

    def act() -> OrderOut:
        perform(order_id, "cancel", by=By.customer(user), reason=body.reason)
        return order_now(user, number)

    return once(request, act)
