"""Who else has an order's page open now. Each open page beats every 30 s; a row that has not beaten for 90 s is nobody.

In the database, because a page is served by any of several web processes.
"""

from datetime import timedelta

from django.utils.timezone import now

from core.retries import retried
from workflow.models import OrderViewer
from workflow.transitions import By

GONE_AFTER = timedelta(seconds=90)


@retried
def beat(order_id: int, *, by: By) -> None:
    """This person's page of the order is open. Also clears away what is over, of this order and of this person."""
    mine = OrderViewer.objects.filter(order_id=order_id, user=by.user)
    if not mine.update(seen_at=now()):
        OrderViewer.objects.bulk_create([OrderViewer(order_id=order_id, user=by.user, seen_at=now())], ignore_conflicts=True)
    over = now() - GONE_AFTER
    OrderViewer.objects.filter(order_id=order_id, seen_at__lt=over).delete()
    OrderViewer.objects.filter(user=by.user, seen_at__lt=over).delete()


def leave(order_id: int, *, by: By) -> None:
    OrderViewer.objects.filter(order_id=order_id, user=by.user).delete()


def others(order_id: int, *, by: By) -> list[str]:
    """The nicknames of everybody else who is looking at it. One statement."""
    here = OrderViewer.objects.filter(order_id=order_id, seen_at__gte=now() - GONE_AFTER).exclude(user=by.user)
    return sorted(here.values_list("user__nickname", flat=True))
