"""The small pictures of one thing of an order, as its pages show them: `{% photos item %}`."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from backoffice.access import acting
from backoffice.privacy import Personal, sees
from workflow import photos
from workflow.models import Inspection, Item, ItemStatus, Order, Parcel

#: an item has nothing to be seen of before it is here
IN_OUR_HANDS = frozenset({ItemStatus.ARRIVED, ItemStatus.INSPECTED})
KINDS: dict[str, type[Item] | type[Inspection] | type[Parcel]] = {"item": Item, "inspection": Inspection, "parcel": Parcel}


@dataclass(frozen=True)
class Strip:
    """`hidden` photos are there but not for this person: labels on parcels say where they go."""

    name: str
    links: list[photos.Link]
    hidden: int
    #: where photos are added and removed; empty for who may not
    manage_url: str
    room: int
    most: int = field(default=photos.MOST_PER_SUBJECT)

    @classmethod
    def of(cls, request: HttpRequest, order: Order, owner: Any) -> "Strip":
        live = photos.live(owner)
        may_see = not isinstance(owner, Parcel) or sees(request, Personal.ADDRESS)
        kind = owner._meta.model_name
        may_manage = bool(acting(request).roles & photos.ADDERS) and may_see and (bool(live) or _may_have_some(order, owner))
        return cls(
            name=f"{kind}-{owner.pk}",
            links=photos.links(live, lifetime=photos.FOR_STAFF) if may_see else [],
            hidden=0 if may_see else len(live),
            manage_url=reverse("admin:workflow_order_photos", args=[order.pk, kind, owner.pk]) if may_manage else "",
            room=max(0, photos.MOST_PER_SUBJECT - len(live)),
        )


def _may_have_some(order: Order, owner: Any) -> bool:
    return not order.is_closed and (not isinstance(owner, Item) or owner.status in IN_OUR_HANDS)
