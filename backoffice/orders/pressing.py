"""Buttons over money that waits for a person: a refund, money that nobody expected, a bill over a price difference. Each is one call of
`workflow/`; a refusal is a message.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.money.decisions import DECISIONS
from backoffice.orders import beside, reading
from backoffice.orders.money import refund_row
from core.errors import BidangilError
from workflow import adjustments, refunds, unapplied
from workflow.models import LedgerEntry, Order
from workflow.transitions import By


def decide(request: HttpRequest, order_id: int, refund_id: int, name: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    decision = DECISIONS.get(name)
    order = reading.load(order_id)
    refund = next((found for found in order.refunds.all() if found.pk == refund_id), None)
    if decision is None or refund is None:
        raise Http404
    if not acting(request).roles & refunds.DECIDERS:
        raise PermissionDenied
    return beside.answer(
        request,
        order,
        decision,
        run=lambda text: decision.run(refund.pk, by=acting(request), text=text),
        action=reverse("admin:workflow_order_decide", args=[order_id, refund_id, name]),
        frame=frame,
        refund=refund_row(refund, order, by=acting(request)),
    )


# --- One button each ------------------------------------------------------------------------------------------------------


def settle_unapplied(request: HttpRequest, order_id: int, payment_id: int, what: str) -> HttpResponse:
    """`apply` to an open invoice, or give `back`."""
    acts: dict[str, tuple[Callable[..., Any], Any]] = {
        "apply": (unapplied.apply, _("The payment is applied to the bill.")),
        "back": (unapplied.give_back, _("The payment goes back.")),
    }
    if what not in acts or not LedgerEntry.objects.filter(pk=payment_id, order_id=order_id).exists():
        raise Http404
    act, done = acts[what]
    return _pressed(request, order_id, lambda by: act(payment_id, by=by), roles=unapplied.DECIDERS, done=done)


def withdraw_difference(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take back the bill over a price difference; where its session is open, as soon as Stripe has closed it."""
    version = request.POST.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None

    def act(by: By) -> Order:
        return adjustments.ask_to_end(order_id, by=by, seen_version=seen)

    done = _("The bill over the price difference is withdrawn, as soon as its checkout session is closed at Stripe.")
    return _pressed(request, order_id, act, roles=adjustments.SELLERS, done=done)


def _pressed(request: HttpRequest, order_id: int, act: Callable[[By], Any], *, roles: frozenset[Any], done: Any) -> HttpResponse:
    by = acting(request)
    if not by.roles & roles:
        raise PermissionDenied
    try:
        act(by)
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
