"""Parcels as the warehouse makes them: hand-over and opening again. What couriers say of them is `tracking.py`."""

from datetime import datetime

from integrations.couriers import TrackingStatus
from workflow.labels import end_labels
from workflow.models import Item, Order, Parcel, TrackLink


def hand_over(order: Order, *, at: datetime) -> None:
    """The parcels are with the courier from now on; the first look at each is due at once. The order has its public page."""
    parcels = [parcel for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]
    for parcel in parcels:
        parcel.handed_over_at = parcel.next_poll_at = at
        parcel.poll_failures = 0
    Parcel.objects.bulk_update(parcels, ["handed_over_at", "next_poll_at", "poll_failures"])
    TrackLink.objects.get_or_create(order=order)


def end_by_hand(order: Order, *, delivered_at: datetime | None) -> None:
    """Staff know what became of the open parcels: delivered at this moment, or (None) back with us."""
    parcels = [parcel for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]
    for parcel in parcels:
        parcel.status = TrackingStatus.DELIVERED if delivered_at else TrackingStatus.RETURNED
        parcel.delivered_at, parcel.next_poll_at = delivered_at, None
    Parcel.objects.bulk_update(parcels, ["status", "delivered_at", "next_poll_at"])


def unpack(order: Order, *, at: datetime) -> None:
    """Parcels that came back are closed and kept for the record, their labels are used up; their items wait to be packed again."""
    came_back = [parcel for parcel in order.parcels.all() if not parcel.delivered_at and not parcel.closed_at]
    for parcel in came_back:
        parcel.closed_at, parcel.next_poll_at = at, None
    end_labels([parcel.pk for parcel in came_back], at=at)
    Parcel.objects.bulk_update(order.parcels.all(), ["closed_at", "next_poll_at"])
    Item.objects.filter(order=order, parcel__in=[parcel for parcel in order.parcels.all() if not parcel.delivered_at]).update(parcel=None)
