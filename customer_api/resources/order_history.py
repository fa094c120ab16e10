"""What happened to an order, in words for its customer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router

from core import events
from core.errors import NotFound
from customer_api.paging import Paging, key_of, next_cursor, refuse_unknown
from customer_api.schema import Out, Page
from customer_api.security import Asked
from workflow import queries
from workflow.models import OrderEvent
from workflow.process import TRANSITIONS

router = Router(tags=["Orders"])

#: what is not a transition; those have their label in workflow/process.py
HAPPENED: Mapping[str, Any] = {
    "request_quote": _("Quote requested"),
    "change_request": _("Request changed"),
    "hold": _("Put on hold"),
    "release": _("Hold ended"),
    "ask": _("We asked you something"),
    "answer": _("Question answered"),
    "message": _("Message"),
    "screen_items": _("Items checked"),
    "price_items": _("Items priced"),
    "buy_items": _("Items bought"),
    "receive_items": _("Items arrived"),
    "expect_items": _("Parcels of the shops under way to us"),
    "undo_arrival": _("Arrival taken back"),
    "inspect": _("Item inspected"),
    "undo_inspection": _("Inspection taken back"),
    "ask_inspection": _("We asked you about an inspected item"),
    "answer_inspection": _("You decided about an inspected item"),
    "end_inspection": _("Inspection ended"),
    "pack_parcels": _("Parcels packed"),
    "choose_couriers": _("Courier chosen"),
    "set_delivery_fee": _("Delivery fee set"),
    "label_parcels": _("Tracking number entered"),
    "storage_day": _("Delivery bill brought up to the day"),
    "extend_storage": _("Storage put off"),
    "receive_back": _("Received back"),
    "parcel_lost": _("Parcel given up for lost"),
    "look_now": _("Courier asked"),
    "parcel_trouble": _("Parcel held up"),
    "sold_out": _("Item sold out, its money goes back"),
    "difference": _("Item dearer than quoted"),
    "difference_paid": _("Price difference paid"),
    "difference_withdrawn": _("Price difference withdrawn"),
    "difference_unpaid": _("Price difference not paid, item left with its money"),
    "refund": _("Refund being prepared"),
    "refund_approved": _("Refund approved"),
    "refund_by_hand": _("Refund given"),
    "refund_found": _("Refund made"),
}


class EventOut(Out):
    number: int
    name: str
    label: str
    from_state: str
    to_state: str
    by: str
    at: datetime


def event_out(event: OrderEvent) -> EventOut:
    """Without its facts: they hold what we paid at the shop and what staff write to each other."""
    label = TRANSITIONS[event.name].label if event.name in TRANSITIONS else HAPPENED.get(event.name, event.name)
    return EventOut(
        number=event.number,
        name=event.name,
        label=str(label),
        from_state=event.from_state,
        to_state=event.to_state,
        by=event.actor,
        at=event.at,
    )


@router.get("/{number}/events", response=Page[EventOut])
def list_order_events(request: Asked, response: HttpResponse, number: str, paging: Query[Paging]) -> Page[EventOut]:
    """Oldest first."""
    refuse_unknown(request, Paging)
    user = request.auth
    response["Event-Stream-Position"] = events.position(events.user_channel(user.pk))
    order_id = queries.order_id_of(user.pk, number)
    if order_id is None:
        raise NotFound
    name = f"events:{order_id}"
    rows = queries.events_page(order_id, but=queries.AMONG_STAFF, after_number=key_of(name, paging.cursor), limit=paging.limit)
    return Page[EventOut](
        items=[event_out(row) for row in rows[: paging.limit]],
        next_cursor=next_cursor(name, (row.number for row in rows), limit=paging.limit),
    )
