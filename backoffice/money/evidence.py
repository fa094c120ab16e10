"""Everything that an answer to a dispute needs, gathered from the books in a fixed number of statements. How it reads for Stripe:
`evidence_text.py`; for us: templates/backoffice/money/dispute.html.

Photos of the parcels and the messages with the customer belong here too, once there are any.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q

from core.notices.models import Notice
from workflow.invoices import line_title
from workflow.models import Dispute, Invoice, Item, LedgerEntry, Order, OrderEvent, Parcel, Refund
from workflow.models.orders import ItemStatus
from workflow.process import State

DELIVERED = (State.DELIVERED, State.COMPLETED)
#: what the journal says of what was asked, agreed and delivered
TOLD = (
    "request_quote", "change_request", "approve_quote", "confirm_item_prices", "ask", "answer", "record_item_payment",
    "confirm_delivery_fee", "record_delivery_payment", "ship", "record_delivery", "complete", "record_return", "cancel",
)  # fmt: skip
QUESTIONS = ("ask", "answer")
MOST_NOTICES = 100


@dataclass(frozen=True)
class Evidence:
    dispute: Dispute
    order: Order | None
    earlier_orders: int = 0
    earlier_delivered: int = 0
    items: list[Item] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    def event(self, name: str) -> OrderEvent | None:
        return next((event for event in self.events if event.name == name), None)

    @property
    def delivery_proof(self) -> str:
        """What staff wrote down where delivery was recorded by hand, without the courier's scan."""
        recorded = self.event("record_delivery")
        return str(recorded.facts.get("proof") or "") if recorded else ""

    @property
    def questions(self) -> list[tuple[OrderEvent, str]]:
        """Each question and answer with its words, as the notice of it said them to the customer."""
        words = {notice.key: notice.text for notice in self.notices if notice.kind in QUESTIONS}
        asked = [event for event in self.events if event.name in QUESTIONS]
        return [(event, words.get(f"order:{event.order_id}:{event.number}:{event.name}", "")) for event in asked]

    @property
    def approved(self) -> list[Item]:
        return [item for item in self.items if item.status not in (ItemStatus.REQUESTED, ItemStatus.REJECTED)]

    def lines(self, locale: str) -> list[tuple[Invoice, list[tuple[str, Any]]]]:
        """Each invoice that was paid, with the titles of its lines."""
        return [(one, [(line_title(line, locale=locale), line) for line in one.lines.all()]) for one in self.invoices if one.paid_at]


def gather(dispute: Dispute) -> Evidence:
    if dispute.order_id is None:
        entries = LedgerEntry.objects.filter(payment_intent_id=dispute.payment_intent_id or "-").order_by("pk")
        return Evidence(dispute, None, entries=list(entries[:MOST_NOTICES]))
    order = Order.objects.select_related("customer").get(pk=dispute.order_id)
    earlier = Order.objects.filter(customer=order.customer_id, pk__lt=order.pk)
    counts = earlier.aggregate(all=Count("pk"), delivered=Count("pk", filter=Q(state__in=DELIVERED)))
    return Evidence(
        dispute,
        order,
        earlier_orders=counts["all"],
        earlier_delivered=counts["delivered"],
        items=list(order.items.all()),
        invoices=list(order.invoices.select_related("quote").prefetch_related("lines__item", "lines__invoice__quote__policy")),
        entries=list(order.ledger.order_by("number")),
        events=list(OrderEvent.objects.filter(order=order, name__in=TOLD).select_related("user").order_by("number")),
        notices=_notices(order),
        parcels=list(order.parcels.prefetch_related("scans", "items")),
        refunds=list(order.refunds.order_by("pk")),
    )


def _notices(order: Order) -> list[Notice]:
    """What the customer was told about the order, oldest first; by the range of keys that begin with its subject."""
    ours = Notice.objects.filter(key__gte=f"{order.subject}:", key__lt=f"{order.subject};")
    return list(ours.exclude(kind__startswith="staff_").defer("html").order_by("created_at", "pk")[:MOST_NOTICES])
