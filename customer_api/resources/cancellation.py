"""Cancelling an order: what exactly would go back, or why not; and doing it. The rules are workflow/giving_back.py and process.py."""

from typing import Annotated

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from core.accounts.models import User
from customer_api.idempotency import once
from customer_api.resources.order_answers import OrderOut
from customer_api.resources.orders import my_order, my_order_id, order_now
from customer_api.schema import In, Out, language
from customer_api.security import Asked
from customer_api.texts import Text
from workflow import giving_back
from workflow.giving_back import Back, Part
from workflow.invoices import line_title
from workflow.models import Order
from workflow.process import TRANSITIONS
from workflow.transitions import By, TransitionRefused, check, perform

router = Router(tags=["Orders"])


class LineBack(Out):
    kind: str
    title: str
    amount_usd_cents: int = Field(description="What goes back.")
    of_usd_cents: int = Field(description="What was paid.")


class PaymentBack(Out):
    """What goes back of one payment."""

    kind: str
    invoice: int
    paid_usd_cents: int
    refund_usd_cents: int
    lines: list[LineBack] = Field(description="Line by line, what goes back of each.")


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
    back = [_payment(one) for one in giving_back.cancellation(order, facts={})]
    return Cancellation(allowed=True, code=None, detail=None, refund_usd_cents=sum(one.refund_usd_cents for one in back), payments=back)


def _why_not(order: Order, *, by: By) -> TransitionRefused | None:
    try:
        check(order, TRANSITIONS["cancel"], by=by, facts={"reason": "asked"})
    except TransitionRefused as refused:
        return refused
    return None


def _payment(back: Back) -> PaymentBack:
    return PaymentBack(
        kind=back.invoice.kind,
        invoice=back.invoice.number,
        paid_usd_cents=back.payment.amount_cents,
        refund_usd_cents=back.amount_usd_cents,
        lines=[_line(part) for part in back.parts],
    )


def _line(part: Part) -> LineBack:
    line = part.line
    return LineBack(
        kind=line.kind,
        title=line_title(line, locale=language()),
        amount_usd_cents=part.amount_usd_cents,
        of_usd_cents=line.amount_usd_cents,
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
