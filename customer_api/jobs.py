"""The periodic job of the customers' door (its table is core/schedules.py); safe to run at any time."""

from datetime import timedelta

from django.utils.timezone import now

from core.accounts.models import WrongPasswords
from customer_api.idempotency import KEPT_FOR
from customer_api.models import KeptAnswer

BATCH = 1000


def trim() -> int:
    """Delete kept answers and counted tries past their time, in short steps; returns how many rows."""
    old = (
        KeptAnswer.objects.filter(created_at__lt=now() - KEPT_FOR),
        WrongPasswords.objects.filter(changed_at__lt=now() - timedelta(days=1)),
    )
    gone = 0
    for rows in old:
        while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            gone += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return gone
