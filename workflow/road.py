"""A parcel's way as its customer reads of it, in the API and on the public tracking page: five steps and plain words.

Scans come from the present label alone: what was said of a number that was corrected is for staff.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.couriers import COURIERS, TrackingStatus
from workflow import labels
from workflow.models import Order, Parcel, TrackingEvent, TrackLink

#: the newest scans of a parcel; nobody reads more, and couriers repeat themselves
MOST_SCANS = 50


class Leg(IntEnum):
    HANDED_OVER = 1
    UNDER_WAY = 2
    CUSTOMS = 3
    NEAR = 4
    DELIVERED = 5


LEG_WORDS: dict[Leg, Any] = {
    Leg.HANDED_OVER: _("Handed over"),
    Leg.UNDER_WAY: _("Under way"),
    Leg.CUSTOMS: _("Customs"),
    Leg.NEAR: _("Almost there"),
    Leg.DELIVERED: _("Delivered"),
}
#: how far a status shows that the parcel came; what is missing here says nothing of it
LEG_OF = {
    TrackingStatus.IN_TRANSIT: Leg.UNDER_WAY,
    TrackingStatus.CUSTOMS: Leg.CUSTOMS,
    TrackingStatus.OUT_FOR_DELIVERY: Leg.NEAR,
    TrackingStatus.AVAILABLE_FOR_PICKUP: Leg.NEAR,
    TrackingStatus.ATTEMPT_FAILED: Leg.NEAR,
    TrackingStatus.DELIVERED: Leg.DELIVERED,
}
#: scans at the recipient's own place, which the public page does not name
AT_THE_DOOR = frozenset(status for status, leg in LEG_OF.items() if leg >= Leg.NEAR)
STATUS_WORDS: dict[str, Any] = {
    TrackingStatus.PENDING: _("With the courier, no record yet"),
    TrackingStatus.INFO_RECEIVED: _("Announced to the courier"),
    TrackingStatus.IN_TRANSIT: _("Under way"),
    TrackingStatus.CUSTOMS: _("At customs"),
    TrackingStatus.OUT_FOR_DELIVERY: _("Out for delivery"),
    TrackingStatus.AVAILABLE_FOR_PICKUP: _("Ready to be picked up"),
    TrackingStatus.ATTEMPT_FAILED: _("Delivery was tried"),
    TrackingStatus.EXCEPTION: _("Held up"),
    TrackingStatus.RETURNING: _("On its way back to us"),
    TrackingStatus.RETURNED: _("Came back to us"),
    TrackingStatus.DELIVERED: _("Delivered"),
    TrackingStatus.CANCELLED: _("Not sent with this number"),
}
#: what it means and what to do, where a word alone would leave one wondering
ADVICE: dict[str, Any] = {
    TrackingStatus.PENDING: _("It may take a day until the courier shows the first step."),
    TrackingStatus.CUSTOMS: _("Customs look at what comes into the country. This usually takes a few days."),
    TrackingStatus.AVAILABLE_FOR_PICKUP: _("Please pick it up soon; the courier's page says where and until when."),
    TrackingStatus.ATTEMPT_FAILED: _("The courier could not hand it over. It usually tries again; its page says when."),
    TrackingStatus.EXCEPTION: _("Something holds it up. We look into it and write to you if we need anything."),
    TrackingStatus.RETURNING: _("The courier could not deliver it and brings it back to us. We will write to you."),
    TrackingStatus.RETURNED: _("The courier could not deliver it. It is safe with us; we have written to you."),
    TrackingStatus.CANCELLED: _("The courier voided this number. We look into it."),
}


def status_words(status: str) -> str:
    return str(STATUS_WORDS.get(status, status))


def words_of(parcel: Parcel) -> str:
    return gettext("Lost") if parcel.lost_at else status_words(parcel.status)


def advice_of(parcel: Parcel) -> str:
    """Empty where the words alone say enough."""
    return (
        gettext("The courier cannot find it. We will write to you about what comes next.")
        if parcel.lost_at
        else str(ADVICE.get(parcel.status, ""))
    )


def courier_label(parcel: Parcel) -> str:
    courier = COURIERS.get(parcel.courier)
    return courier.label if courier else parcel.courier


def track_url(token: str | None) -> str:
    """The public page; empty for an order that was not shipped yet."""
    return f"{settings.PUBLIC_BASE_URL}/track/{token}" if token else ""


def leg_of(parcel: Parcel, scans: Iterable[TrackingEvent]) -> Leg:
    """How far it came at most: a scan "in transit" after customs takes nothing back."""
    said = [parcel.status, *(scan.status for scan in scans)]
    if parcel.delivered_at:
        return Leg.DELIVERED
    reached = [LEG_OF.get(TrackingStatus(status), Leg.HANDED_OVER) for status in said if status in list(TrackingStatus)]
    return min(max(reached, default=Leg.HANDED_OVER), Leg.NEAR)


def goes_back(parcel: Parcel) -> bool:
    return parcel.status in (TrackingStatus.RETURNING, TrackingStatus.RETURNED, TrackingStatus.CANCELLED)


def newest_scans() -> Prefetch:
    """As `newest_scans` of each parcel: those of its present label, newest first; one statement for all."""
    rows = TrackingEvent.objects.filter(labels.scans_of_present_label()).order_by("-at", "-id")
    return Prefetch("scans", rows[:MOST_SCANS], to_attr="newest_scans")


def order_behind(token: str) -> tuple[Order, list[Parcel]] | None:
    """What the public page is about, without anything about a person: the order and its parcels on the road, or lost there; those of an
    earlier journey aside. Three statements."""
    link = TrackLink.objects.select_related("order").only("order__number", "order__state").filter(token=token).first()
    if link is None:
        return None
    sent = Parcel.objects.filter(Q(closed_at=None) | Q(lost_at__isnull=False), order_id=link.order_id, handed_over_at__isnull=False)
    return link.order, list(sent.prefetch_related(newest_scans()).order_by("position"))
