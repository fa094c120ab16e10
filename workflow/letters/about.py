"""What a letter is about, and how its things are written: addresses, sums, items, lines of an invoice."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from core.money import format_usd
from core.notices import Pair
from workflow import road
from workflow.invoices import Changes, line_title, what_changed
from workflow.letters.moments import day_and_hour, english_day, korean_day
from workflow.models import (
    Inspection,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Item,
    Order,
    OrderEvent,
    OrderMessage,
    PayLink,
    Refund,
    RefundStatus,
    TrackLink,
)

KOREAN = "ko"
ITEM_NAME = 60


@dataclass(frozen=True)
class About:
    """One order, for one reader; `event` is what happened, None for a reminder.

    Whatever a letter reads beside the order and the event, it reads through a method from here: `samples.py` answers them for an order
    that nobody made.
    """

    order: Order
    locale: str
    event: OrderEvent | None = None

    @property
    def korean(self) -> bool:
        return self.locale == KOREAN

    @property
    def number(self) -> str:
        return self.order.number

    @property
    def facts(self) -> dict[str, Any]:
        return self.event.facts if self.event else {}

    @cached_property
    def items(self) -> list[Item]:
        return list(self.order.items.select_related("restriction"))

    # --- addresses

    @property
    def page(self) -> str:
        return f"{settings.PUBLIC_BASE_URL}/orders/{self.order.number}"

    @property
    def admin_page(self) -> str:
        return f"{settings.PUBLIC_BASE_URL}/admin/workflow/order/{self.order.pk}/change/"

    def pay_page(self, kind: str) -> str:
        return f"{settings.PUBLIC_BASE_URL}/pay/{PayLink.objects.get(order=self.order, kind=kind).token}"

    @property
    def track_page(self) -> str:
        """Where anybody with the link sees how far the parcels are."""
        return road.track_url(TrackLink.objects.filter(order=self.order).values_list("token", flat=True).first())

    # --- words

    def sum(self, *, krw: int, cents: int) -> str:
        """`12,000원 · $8.93`, `₩12,000 · $8.93`"""
        won = f"{krw:,}원" if self.korean else f"₩{krw:,}"
        return f"{won} · {format_usd(cents)}"

    def moment(self, at: Any) -> str:
        return day_and_hour(at, region=self.order.region, country=self.order.country, locale=self.locale)

    def item(self, item: Item) -> str:
        """What the customer will recognise: our name for it, else the shop, with the options they chose."""
        name = item.name or (urlsplit(item.url).hostname or str(item)).removeprefix("www.")
        return _cut(f"{name} ({item.options})" if item.options else name)

    def quantity(self, item: Item) -> str:
        return f"{item.quantity}개" if self.korean else f"× {item.quantity}"

    def invoice_rows(self, invoice: Invoice) -> tuple[Pair, ...]:
        return tuple((self.line(line), self.sum(krw=line.amount_krw, cents=line.amount_usd_cents)) for line in self.lines(invoice))

    def line(self, line: InvoiceLine) -> str:
        return line_title(line, locale=self.locale)

    def invoice_total(self, invoice: Invoice) -> Pair:
        return ("합계" if self.korean else "Total", self.sum(krw=invoice.amount_krw, cents=invoice.amount_usd_cents))

    def rate(self, invoice: Invoice) -> str:
        quote = invoice.quote
        if self.korean:
            return f"적용 환율: 1달러 = {quote.krw_per_usd:,.2f}원 ({korean_day(quote.rate_as_of)} 기준). 카드에는 달러로 결제됩니다."
        return f"Exchange rate: $1 = ₩{quote.krw_per_usd:,.2f}, as of {english_day(quote.rate_as_of)}. Cards are charged in U.S. dollars."

    # --- what was true when it happened

    def invoice(self, kind: str) -> Invoice:
        """The invoice of a kind that the event is about: the last one written by then."""
        found = Invoice.objects.filter(order=self.order, kind=kind).select_related("quote__policy")
        if self.event is not None:
            found = found.filter(created_at__lte=self.event.at)
        return found.latest("number")

    def paid_invoice(self, kind: str) -> Invoice:
        """The invoice that a payment event settled."""
        number = self.facts.get("invoice")
        if number is None:
            return self.invoice(kind)
        return self.numbered_invoice(number)

    def numbered_invoice(self, number: int) -> Invoice:
        return Invoice.objects.select_related("quote__policy").get(order=self.order, number=number)

    @property
    def is_lost(self) -> bool:
        """Of the journey that ended: every parcel that is not with the customer was given up for lost. What came back from an earlier
        journey is aside."""
        left = [parcel for parcel in self.order.parcels.all() if not parcel.delivered_at and (parcel.lost_at or not parcel.closed_at)]
        return bool(left) and all(parcel.lost_at for parcel in left)

    def message(self) -> str:
        """What was written to the customer, word for word."""
        return OrderMessage.objects.values_list("text", flat=True).get(order=self.order, pk=self.facts["message"])

    def asked_inspections(self) -> list[Inspection]:
        """The inspections that this question was about, as far as they are open; by their items' positions."""
        rows = Inspection.objects.filter(item__order=self.order, item__position__in=self.facts["asked"], ended_at=None)
        return list(rows.filter(asked_at__isnull=False).select_related("item").order_by("item__position"))

    def lines(self, invoice: Invoice) -> list[InvoiceLine]:
        lines = list(invoice.lines.select_related("item"))
        for line in lines:
            line.invoice = invoice
        return lines

    def changes(self, invoice: Invoice) -> Changes | None:
        """What differs from the version before; None for a first one."""
        return what_changed(invoice)

    def earlier_fee(self, invoice: Invoice) -> Invoice | None:
        """The delivery invoice before this one."""
        found = Invoice.objects.filter(order=self.order, kind=InvoiceKind.DELIVERY, number__lt=invoice.number)
        return found.order_by("-number").first()

    def refunds_of_cancelling(self) -> list[Refund]:
        """Those that the cancelling made and that nobody had to approve."""
        assert self.event is not None
        planned = Refund.objects.filter(order=self.order, created_at__range=(self.order.closed_at, self.event.at), approved_by=None)
        return list(planned.exclude(status=RefundStatus.PROPOSED).select_related("invoice"))


def _cut(text: str) -> str:
    return text if len(text) <= ITEM_NAME else text[: ITEM_NAME - 1].rstrip() + "…"
