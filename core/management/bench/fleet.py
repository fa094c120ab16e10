"""A fleet for measurements: so many shipped orders of one parcel each, whose numbers the sandbox knows. Rows only, in bulk; nothing is
queued, and no order was walked there.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from core.accounts.models import User
from workflow.models import Order, Parcel
from workflow.process import State

CUSTOMERS = 50
AT_A_TIME = 2_000


def handed_over(numbers: Sequence[str], *, courier: str, customers: int = CUSTOMERS) -> None:
    """A shipped order for each number, handed over an hour ago and due now."""
    at, name = now(), secrets.token_hex(4)
    people = User.objects.bulk_create(
        User(email=f"fleet-{name}-{place}@example.com", nickname=f"fleet-{name}-{place}") for place in range(customers)
    )
    people = list(User.objects.filter(email__startswith=f"fleet-{name}-"))
    for start in range(0, len(numbers), AT_A_TIME):
        some = numbers[start : start + AT_A_TIME]
        orders = [_order(people[place % customers]) for place in range(len(some))]
        Order.objects.bulk_create(orders)
        ids = dict(Order.objects.filter(number__in=[order.number for order in orders]).values_list("number", "pk"))
        Parcel.objects.bulk_create(
            Parcel(
                order_id=ids[order.number], position=1, courier=courier, tracking_number=number, weight_g=900,
                handed_over_at=at - timedelta(hours=1), next_poll_at=at,
            )
            for order, number in zip(orders, some, strict=True)
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
