"""An order with everything that its pages, the guards and the forms look at, in a fixed number of queries; and what each of its pages
begins with.
"""

from typing import Any

from django.db.models import Prefetch
from django.http import Http404

from backoffice.orders.journey import journey
from backoffice.words import TURNS, WAITS_WORDS, tone_of
from workflow import zones
from workflow.models import Adjustment, Attempt, Invoice, InvoiceLine, Item, Order, OrderEvent, Refund, StaffTask, TrackingEvent
from workflow.photos import prefetched


def load(order_id: int) -> Order:
    """The order with what its page, the guards and the forms look at; 404 if there is none."""
    order = (
        Order.objects.select_related("customer", "rate_at_request", "assigned_to")
        .prefetch_related(
            Prefetch("items", Item.objects.select_related("restriction", "screened_by")),
            Prefetch("parcels__scans", TrackingEvent.objects.order_by("-at", "-id")),
            Prefetch("invoices", Invoice.objects.select_related("quote__policy").order_by("number")),
            Prefetch("invoices__lines", InvoiceLine.objects.select_related("item").order_by("position")),
            Prefetch("invoices__attempts", Attempt.objects.order_by("generation")),
            Prefetch("refunds", Refund.objects.select_related("proposed_by", "approved_by").prefetch_related("lines")),
            prefetched("items__photos"),
            prefetched("parcels__photos"),
            "ledger",
            "disputes",
            Prefetch("adjustments", Adjustment.objects.select_related("item").order_by("id")),
            "pay_links",
            Prefetch("events", OrderEvent.objects.select_related("user").order_by("-number")),
            Prefetch("tasks", StaffTask.objects.filter(done_at=None).order_by("created_at")),
        )
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise Http404
    return order


def heading(order: Order) -> dict[str, Any]:
    """What every page about the order begins with."""
    return {
        "order": order,
        "original": order,  # the name of it in the header's trail
        "turn": TURNS[order.state],
        "tone": tone_of(order.state, order.waiting_on),
        "waiting_on": WAITS_WORDS[order.waiting_on],
        "waits": str(order.waiting_on),
        "journey": journey(order),
        "there": zones.there(region=order.region, country=order.country),
    }
