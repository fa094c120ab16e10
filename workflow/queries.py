"""What customers read of their orders, each in a fixed number of statements however many orders there are.

An order comes with everything that its answer and the guards of a customer's moves look at: `items`, `parcels`, `invoices` (each with
`lines` and its quote) and `refunds`, filled in here so that `.all()` on them asks nothing; and the sums of its ledger as `paid_cents`
and `refunded_cents`. Lists go by keyset over (customer, -id): page 1,000 costs what page 1 costs.
"""

from collections.abc import Collection, Iterable, Sequence

from django.db.models import Exists, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from workflow import inspection_rows, road
from workflow.intake import WantedItem, rows_of
from workflow.models import Dispute, Invoice, InvoiceLine, LedgerEntry, Order, OrderEvent, Parcel, PayLink, Refund, RefundStatus, TrackLink
from workflow.models.ledger import MONEY_BACK, MONEY_IN, OPEN_REFUND
from workflow.process import CLOSED


def orders_page(
    customer_id: int, *, states: Collection[str] | None = None, is_open: bool | None = None, before_id: int | None = None, limit: int
) -> list[Order]:
    """The customer's orders, newest first; one more than `limit` where there are more. 5 statements, one
    more where something was inspected."""
    rows = _orders(customer_id).order_by("-id")
    if states is not None:
        rows = rows.filter(state__in=states)
    if is_open is not None:
        rows = rows.exclude(state__in=CLOSED) if is_open else rows.filter(state__in=CLOSED)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return complete(rows[: limit + 1])


def order_of(customer_id: int, number: str) -> Order | None:
    """One order of the customer with its parcels' scans, or None. 5 statements."""
    return next(iter(complete(_orders(customer_id).filter(number=number), scans=True)), None)


def order_id_of(customer_id: int, number: str) -> int | None:
    return Order.objects.filter(customer_id=customer_id, number=number).values_list("pk", flat=True).first()


#: how staff decide on a refund and who of them looks after an order is not the customer's history, what comes of it is
AMONG_STAFF = frozenset({"refund_declined", "refund_again", "disputed", "take", "give", "let_go", "no_answer"})


def events_page(order_id: int, *, but: Collection[str] = (), after_number: int | None = None, limit: int) -> list[OrderEvent]:
    """An order's history, oldest first, without the events named `but`; one more than `limit` where there are more."""
    rows = OrderEvent.objects.filter(order_id=order_id, number__gt=after_number or 0).exclude(name__in=but).order_by("number")
    return list(rows[: limit + 1])


def just_made(order: Order, items: Sequence[WantedItem]) -> Order:
    """A new order as the functions above would give it, without asking again for what was written a moment ago."""
    _fill(order, items=rows_of(order, items), parcels=[], invoices=[], refunds=[], disputes=[])
    _attach_inspections([order])
    order.paid_cents = order.refunded_cents = 0  # type: ignore[attr-defined]
    order.track_token = None  # type: ignore[attr-defined]
    return order


# --- How they come complete -----------------------------------------------------------------------------------------------


def _orders(customer_id: int) -> QuerySet[Order]:
    return (
        Order.objects.filter(customer_id=customer_id)
        .select_related("rate_at_request")
        .annotate(
            paid_cents=_ledger_sum(MONEY_IN),
            refunded_cents=-_ledger_sum(MONEY_BACK),
            track_token=Subquery(TrackLink.objects.filter(order=OuterRef("pk")).values("token")[:1]),
            has_open_refund=Exists(Refund.objects.filter(order=OuterRef("pk"), status__in=OPEN_REFUND)),
            has_open_dispute=Exists(Dispute.objects.filter(order=OuterRef("pk"), closed_at=None)),
        )
    )


def _ledger_sum(kinds: Iterable[str]) -> Coalesce:
    rows = LedgerEntry.objects.filter(order=OuterRef("pk"), kind__in=kinds, currency="usd").order_by().values("order")
    return Coalesce(Subquery(rows.annotate(sum=Sum("amount_cents")).values("sum")), Value(0), output_field=IntegerField())


def complete(rows: QuerySet[Order], *, scans: bool = False) -> list[Order]:
    """The orders of a query of `_orders`, filled in."""
    parcels = Parcel.objects.prefetch_related(road.newest_scans()) if scans else Parcel.objects.all()
    orders = list(rows.prefetch_related("items", Prefetch("parcels", queryset=parcels)))
    invoices = _invoices_of(orders)
    _attach_inspections(orders)
    for order in orders:
        # One open refund stands for all: guards only ask whether there is one.
        refunds = [Refund(order=order, status=RefundStatus.SENT)] if order.has_open_refund else []  # type: ignore[attr-defined]
        disputes = [Dispute(order=order)] if order.has_open_dispute else []  # type: ignore[attr-defined]
        _fill(order, invoices=invoices.get(order.pk, []), refunds=refunds, disputes=disputes)
    return orders


def _attach_inspections(orders: Sequence[Order]) -> None:
    """Give each item its latest inspection as `inspected_as`, None where there is none; nothing is asked before anything arrived."""
    items = [item for order in orders for item in order.items.all()]
    looked_at = [item.pk for item in items if item.was_bought or item.arrived_at]
    found = inspection_rows.of_items(looked_at) if looked_at else {}
    for item in items:
        item.inspected_as = found[item.pk][-1] if item.pk in found else None  # type: ignore[attr-defined]


def _invoices_of(orders: Sequence[Order]) -> dict[int, list[Invoice]]:
    """Invoices with lines, quotes and pay tokens in one statement: an invoice always has a line."""
    token = PayLink.objects.filter(order=OuterRef("invoice__order"), kind=OuterRef("invoice__kind")).values("token")[:1]
    rows = (
        InvoiceLine.objects.filter(invoice__order__in=[order.pk for order in orders])
        .select_related("invoice__quote__policy")
        .annotate(pay_token=Subquery(token))
        .order_by("invoice__order", "invoice__number", "position")
    )
    items = {item.pk: item for order in orders for item in order.items.all()}
    seen: dict[int, Invoice] = {}
    lines: dict[int, list[InvoiceLine]] = {}
    for line in rows:
        line.invoice = seen.setdefault(line.invoice_id, line.invoice)
        if line.item_id is not None:
            line.item = items[line.item_id]
        lines.setdefault(line.invoice_id, []).append(line)
    found: dict[int, list[Invoice]] = {}
    for invoice in seen.values():
        invoice.pay_token = lines[invoice.pk][0].pay_token  # type: ignore[attr-defined]
        _fill(invoice, lines=lines[invoice.pk])
        found.setdefault(invoice.order_id, []).append(invoice)
    return found


def _fill(thing: Order | Invoice, **related: Sequence[object]) -> None:
    """Put what was read into the cache that Django's prefetching uses, so that `.all()` finds it there."""
    cache = thing.__dict__.setdefault("_prefetched_objects_cache", {})
    for name, rows in related.items():
        manager = getattr(thing, name)
        query = manager.get_queryset() if name not in cache else cache[name]
        query._result_cache = list(rows)
        query._prefetch_done = True
        cache[name] = query
