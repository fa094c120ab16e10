"""Parcels as the warehouse makes them: hand-over and opening again. What couriers say of them is `tracking/`; receiving what came back
and giving up what is lost `returns.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop

from integrations.couriers import TrackingStatus
from workflow.labels import end_labels
from workflow.models import Item, ItemStatus, Order, Parcel, TrackLink
from workflow.tasks import close_task, staff_task

if TYPE_CHECKING:
    from workflow.transitions import By


def hand_over(order: Order, *, at: datetime) -> None:
    """The parcels are with the courier from now on; the first look at each is due at once. The order has its public page.

    A box whose items all left the order since it was packed stays here, closed: nobody would ever deliver it.
    """
    parcels = [parcel for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]
    for parcel in parcels:
        if parcel.is_empty(order):
            parcel.closed_at = at
        else:
            parcel.handed_over_at = parcel.next_poll_at = at
            parcel.poll_failures = 0
    Parcel.objects.bulk_update(parcels, ["handed_over_at", "next_poll_at", "poll_failures", "closed_at"])
    TrackLink.objects.get_or_create(order=order)


def end_by_hand(order: Order, *, delivered_at: datetime | None) -> None:
    """Staff know what became of the open parcels: delivered at this moment, or (None) back with us."""
    parcels = [parcel for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]
    for parcel in parcels:
        parcel.status = TrackingStatus.DELIVERED if delivered_at else TrackingStatus.RETURNED
        parcel.delivered_at, parcel.next_poll_at = delivered_at, None
    Parcel.objects.bulk_update(parcels, ["status", "delivered_at", "next_poll_at"])


def unpack(order: Order, parcels: Iterable[Parcel], *, at: datetime) -> None:
    """Parcels that came back are closed and kept for the record, their labels are used up; their items wait to be packed again."""
    parcels = [parcel for parcel in parcels if not parcel.delivered_at and not parcel.closed_at]
    for parcel in parcels:
        parcel.closed_at, parcel.next_poll_at = at, None
    end_labels([parcel.pk for parcel in parcels], at=at)
    Parcel.objects.bulk_update(parcels, ["closed_at", "next_poll_at"])
    ids = {parcel.pk for parcel in parcels}
    back = [item for item in order.items.all() if item.parcel_id in ids]
    for item in back:
        item.parcel = None
        if item.status == ItemStatus.SHIPPED:
            item.status = ItemStatus.INSPECTED
    Item.objects.bulk_update(back, ["parcel", "status"])


def close(order: Order, *, at: datetime) -> None:
    """The order is over: nobody waits for its parcels any more, and no courier is asked about them. Those that were delivered stay so."""
    parcels = [parcel for parcel in order.parcels.all() if not parcel.delivered_at and not parcel.closed_at]
    for parcel in parcels:
        parcel.closed_at, parcel.next_poll_at = at, None
    end_labels([parcel.pk for parcel in parcels], at=at)
    Parcel.objects.bulk_update(parcels, ["closed_at", "next_poll_at"])


def end_of_journey(parcels: Sequence[Parcel]) -> tuple[Any, dict[str, str]] | None:
    """The move that the parcels of a shipped order ask for, and its facts: delivered with the last that was; come back when all that is
    left did, or is lost; None while one is still under way."""
    delivered = [parcel.delivered_at for parcel in parcels if parcel.delivered_at]
    still_open = [parcel for parcel in parcels if not parcel.delivered_at and not parcel.closed_at]
    if delivered and not still_open:
        return Order.record_delivery, {"delivered_at": max(delivered).isoformat()}
    if parcels and all(parcel.status == TrackingStatus.RETURNED for parcel in still_open):
        return Order.record_return, {}
    return None


def is_with_customer(order: Order, item: Item) -> bool:
    """Its parcel was delivered, whatever becomes of the others."""
    return any(parcel.pk == item.parcel_id and parcel.delivered_at for parcel in order.parcels.all())


# --- What came back -------------------------------------------------------------------------------------------------------


def ask_about_return(order: Order) -> None:
    """Staff receive it, hear what the customer wants, and send it again or cancel."""
    text = gettext_noop("Parcels came back or are lost. Receive them, and send them again or cancel, as the customer decides.")
    staff_task(key=_return_key(order), kind="returned", order=order, text=text)


def settle_return(order: Order, *, by: "By") -> None:
    close_task(_return_key(order), by=by)


def _return_key(order: Order) -> str:
    """Of this stay: an order may come back more than once."""
    began = order.storage_began_at
    return f"{order.subject}:returned:{int(began.timestamp()) if began else 0}"
