"""The log of staff's reading of customers' personal data. One INSERT at most; what was noted within the hour is noted."""

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.core.cache import cache
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.errors import Invalid
from workflow.models import Order, PersonalDataRead
from workflow.models.reading import How

HOUR_S = 3600
#: how long data stay in clear for who asked to be shown them
SHOWN_FOR = timedelta(minutes=10)


def note_opened(user: User, *, customer_id: int, order: Order | None, fields: Collection[str]) -> None:
    """A page with these data in clear was opened; once a person, order (or customer) and hour, however often it is fetched."""
    subject = f"order:{order.pk}" if order else f"customer:{customer_id}"
    hour = int(now().timestamp()) // HOUR_S
    once = f"{user.pk}:{subject}:{hour}"
    if cache.get(f"readings:{once}"):
        return
    row = PersonalDataRead(user=user, order=order, customer_id=customer_id, how=How.OPENED, fields=_list(fields), once=once)
    # Another process may have noted it: its row stands.
    PersonalDataRead.objects.bulk_create([row], ignore_conflicts=True)
    cache.set(f"readings:{once}", True, HOUR_S)


def show(user: User, *, order: Order, fields: Collection[str], reason: str) -> None:
    """The person gets to see these fields of this order for ten minutes; raises Invalid without a reason."""
    said = " ".join(reason.split())
    if len(said) < 3:
        raise Invalid(_("Please say in a few words what you need it for."), code="reason_required", field="reason")
    PersonalDataRead.objects.create(
        user=user,
        order=order,
        customer_id=order.customer_id,
        how=How.SHOWN,
        fields=_list(fields),
        reason=said[:200],
        once=f"shown:{secrets.token_hex(16)}",
    )


def shown_to(user: User, order: Order) -> frozenset[str]:
    """The fields of this order that the person may see right now because they asked. One query."""
    recent = PersonalDataRead.objects.filter(user=user, order=order, how=How.SHOWN, at__gt=now() - SHOWN_FOR)
    return frozenset(name for fields in recent.values_list("fields", flat=True) for name in fields.split(","))


def _list(fields: Collection[str]) -> str:
    return ",".join(sorted(str(name) for name in fields))
