"""Paying an invoice: the address of its open session at Stripe, or a promise that a job opens one (`order.invoice` follows)."""

from datetime import datetime
from typing import Literal

from django.db import transaction
from django.http import HttpResponse
from ninja import Router
from ninja.responses import Status

from core.accounts.models import User
from customer_api.idempotency import key_of
from customer_api.paying import wanted_session
from customer_api.resources.orders import my_order_id
from customer_api.schema import Nothing, Out
from customer_api.security import Asked

router = Router(tags=["Orders"])


class Payable(Out):
    checkout_url: str
    expires_at: datetime


class Preparing(Out):
    status: Literal["preparing"] = "preparing"


@router.post("/{number}/invoices/{kind}/checkout", response={200: Payable, 202: Preparing})
def open_checkout(
    request: Asked,
    response: HttpResponse,
    number: str,
    kind: Literal["items", "delivery", "adjustment"],
    body: Nothing | None = None,
) -> Status:
    """The same session on every call while it is open; an Idempotency-Key is taken and changes nothing."""
    key_of(request)
    user: User = request.auth
    order_id = my_order_id(user, number)
    with transaction.atomic():
        attempt = wanted_session(order_id, kind=kind)
    if attempt is None:
        response["Retry-After"] = "1"
        return Status(202, Preparing())
    return Status(200, Payable(checkout_url=attempt.url, expires_at=attempt.expires_at))
