"""A fleet for measurements: so many shipped parcels, whose numbers the sandbox knows. Rows only, in bulk; nothing is
queued, and no order was walked there.
"""

import math
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from core.accounts.models import User
from workflow.bulk import in_steps
from workflow.models import Order, Parcel
from workflow.process import State

CUSTOMERS = 50
AT_A_TIME = 2_000


def handed_over(numbers: Sequence[str], *, courier: str, customers: int = CUSTOMERS, parcels_an_order: int = 1) -> None:
    """Shipped orders with a parcel for each number, handed over an hour ago and due now."""
    name = secrets.token_hex(4)
    User.objects.bulk_create(User(email=f"fleet-{name}-{n}@example.com", nickname=f"fleet-{name}-{n}") for n in range(customers))
    people = list(User.objects.filter(email__startswith=f"fleet-{name}-"))
    for some in in_steps(numbers, AT_A_TIME):
        orders = [_order(people[place % customers]) for place in range(math.ceil(len(some) / parcels_an_order))]
        Order.objects.bulk_create(orders)
        ids = dict(Order.objects.filter(number__in=[order.number for order in orders]).values_list("number", "pk"))
        of_order = [(ids[order.number], position) for order in orders for position in range(1, parcels_an_order + 1)]
        Parcel.objects.bulk_create(_parcel(*where, courier, number) for where, number in zip(of_order, some, strict=False))


def _parcel(order_id: int, position: int, courier: str, number: str) -> Parcel:
    at = now()
    return Parcel(
        order_id=order_id, position=position, courier=courier, tracking_number=number, weight_g=900,
        handed_over_at=at - timedelta(hours=1), next_poll_at=at,
    )  # fmt: skip


def _order(customer: User) -> Order:
    return Order(
        customer=customer, state=State.SHIPPED, recipient_name="Kim Minji", recipient_phone="+16505550100",
        line1="1600 Amphitheatre Parkway", city="Mountain View", region="CA", postal_code="94043", country="US",
    )  # fmt: skip


def due_now() -> None:
    """Every open parcel is due again."""
    Parcel.objects.filter(next_poll_at__isnull=False).update(next_poll_at=now())


def most_in_flight(requests: Sequence[dict[str, Any]]) -> int:
    """Of the sandbox's record: how many of these were under way at the same time."""
    moments: list[tuple[float, int]] = []
    for request in requests:
        began = datetime.fromisoformat(request["at"]).timestamp()
        moments += [(began, 1), (began + request["duration_ms"] / 1000, -1)]
    most = now_at_it = 0
    for _at, change in sorted(moments):
        now_at_it += change
        most = max(most, now_at_it)
    return most
