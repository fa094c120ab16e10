"""What goes to the couriers on a day: parcels handed over, and those that are ready (labelled, delivery paid) and still here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.timezone import localdate, make_aware

from workflow.models import Item, Order, Parcel
from workflow.process import State


@dataclass(frozen=True)
class CourierSum:
    courier: str
    parcels: int
    weight_g: int


def handed_over_on(day: date) -> QuerySet[Parcel]:
    """Of a day in Seoul, by courier, in the order of their keys: over the index of hand-over and courier."""
    start = make_aware(datetime.combine(day, time.min))
    rows = Parcel.objects.filter(handed_over_at__gte=start, handed_over_at__lt=start + timedelta(days=1))
    return with_pieces(rows).order_by("courier", "pk")


def ready(*, most: int) -> list[Parcel]:
    """Still here, those first whose delivery was paid first, at most so many. The orders come as their index of state and time has them,
    so that a long queue is not sorted for its first page."""
    waiting = _labelled()
    orders = Order.objects.filter(Exists(waiting.filter(order=OuterRef("pk"))), state=State.DELIVERY_PAID)
    first = list(orders.order_by("state_since", "pk").values_list("pk", flat=True)[:most])
    return list(with_pieces(waiting.filter(order__in=first)).order_by("order__state_since", "pk")[:most])


def _labelled() -> QuerySet[Parcel]:
    return Parcel.objects.filter(handed_over_at=None, closed_at=None).exclude(tracking_number="").exclude(courier="")


def count_ready() -> tuple[int, int, datetime | None]:
    """How many are ready, how many of them should have left before today, and since when the first waits. One statement."""
    midnight = make_aware(datetime.combine(localdate(), time.min))
    waiting = _labelled().filter(order__state=State.DELIVERY_PAID)
    found = waiting.aggregate(n=Count("pk"), late=Count("pk", filter=Q(order__state_since__lt=midnight)), since=Min("order__state_since"))
    return found["n"], found["late"], found["since"]


def with_pieces(rows: QuerySet[Parcel]) -> QuerySet[Parcel]:
    """With their orders, and how many pieces lie in each."""
    pieces = Item.objects.filter(parcel=OuterRef("pk")).order_by().values("parcel").annotate(sum=Sum("quantity")).values("sum")
    return rows.select_related("order").annotate(pieces=Coalesce(Subquery(pieces), 0))


def sums(day: date) -> list[CourierSum]:
    """By courier, over the whole day whatever is shown of it. One statement."""
    found = handed_over_on(day).order_by().values("courier").annotate(count=Count("pk"), weight=Coalesce(Sum("weight_g"), 0))
    return [CourierSum(row["courier"], row["count"], row["weight"]) for row in found.order_by("courier")]


def is_late(parcel: Parcel) -> bool:
    """Paid before today: it should have left."""
    return localdate(parcel.order.state_since) < localdate()


def late_first(parcels: Sequence[Parcel]) -> list[Parcel]:
    return sorted(parcels, key=lambda parcel: not is_late(parcel))
