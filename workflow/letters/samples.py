"""A believable order that nobody made: what previews and tests of letters are written about.

Its rows are built and never saved, and it is billed by the functions and the fees that bill real orders. Nothing here writes, locks or
sends: previews are shown on a GET.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.timezone import localdate, now

from core.accounts.models import User
from integrations.couriers import COURIERS
from workflow import pricing, storage
from workflow.invoices import Changes
from workflow.letters.about import About
from workflow.models import (
    Adjustment,
    AdjustmentRoute,
    ExchangeRate,
    FeePolicy,
    Inspection,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Item,
    ItemStatus,
    LineKind,
    Order,
    OrderEvent,
    Parcel,
    Quote,
    Refund,
    RefundStatus,
    Verdict,
)
from workflow.storage import Storage

#: in the shape of a number, and none that is ever given out (they have no letter O)
NUMBER = "BD-SAMPL-ORDER"
DIFFERENCE_KRW = 42_000
WEIGHT_G, VOLUME_CM3 = 1_850, 9_600
RATE = Decimal("1391.25")


@dataclass(frozen=True)
class Words:
    """What staff would have written on such an order."""

    names: tuple[str, str, str]
    options: tuple[str, str, str]
    verdicts: tuple[str, str, str]
    question: str
    message: str
    reason: str
    disposed: str
    found: str


WORDS = {
    "ko": Words(
        names=("울 니트 가디건", "수분 세럼 50 ml", "보조 배터리 20,000 mAh"),
        options=("네이비, M", "", ""),
        verdicts=("", "화장품은 12개까지 통관됩니다.", "이 용량의 배터리는 항공으로 보낼 수 없습니다."),
        question="주문하신 네이비 색상은 2주 뒤에 들어옵니다. 기다리시겠어요, 아니면 차콜로 바꿀까요?",
        message="주문하신 상품이 모두 창고에 도착했습니다. 오늘 안에 무게를 재고 배송비를 알려 드릴게요.",
        reason="상점이 문을 닫았습니다.",
        disposed="보관 기간이 끝난 상품을 재활용 업체에 넘겼습니다.",
        found="왼쪽 소매에 3cm쯤 올이 풀린 곳이 있습니다.",
    ),
    "en": Words(
        names=("Wool cardigan", "Hydrating serum 50 ml", "Power bank 20,000 mAh"),
        options=("navy, M", "", ""),
        verdicts=("", "Up to twelve cosmetics pass customs.", "Batteries of this size may not fly."),
        question="Navy comes back in two weeks. Would you like to wait, or shall we take charcoal instead?",
        message="Everything you ordered has arrived. We weigh it today and will then tell you the delivery fee.",
        reason="The shop has closed down.",
        disposed="Handed to the recycling company after the end of storage.",
        found="A thread has come loose on the left sleeve, about an inch long.",
    ),
}


@dataclass(frozen=True)
class Sample(About):
    """What `About` reads from the database, answered from here."""

    bills: dict[str, Invoice] = field(default_factory=dict)

    @cached_property
    def items(self) -> list[Item]:
        return list(self.order._prefetched_objects_cache["items"])  # type: ignore[attr-defined]

    @property
    def admin_page(self) -> str:
        return f"{settings.PUBLIC_BASE_URL}/admin/workflow/order/"

    def pay_page(self, kind: str) -> str:
        return f"{settings.PUBLIC_BASE_URL}/pay/sample"

    @property
    def track_page(self) -> str:
        return f"{settings.PUBLIC_BASE_URL}/track/sample"

    def invoice(self, kind: str) -> Invoice:
        return self.bills[kind]

    def numbered_invoice(self, number: int) -> Invoice:
        return next(invoice for invoice in self.bills.values() if invoice.number == number)

    def message(self) -> str:
        return WORDS[self.locale].message

    def asked_inspections(self) -> list[Inspection]:
        found = WORDS[self.locale].found
        return [Inspection(item=self.items[0], number=1, verdict=Verdict.DAMAGED, note=found, answer_by=now() + timedelta(days=7))]

    def lines(self, invoice: Invoice) -> list[InvoiceLine]:
        return list(invoice._prefetched_objects_cache["lines"])  # type: ignore[attr-defined]

    def changes(self, invoice: Invoice) -> Changes | None:
        return None

    def earlier_fee(self, invoice: Invoice) -> Invoice | None:
        return None

    def refunds_of_cancelling(self) -> list[Refund]:
        bill = self.bills[InvoiceKind.ITEMS]
        return [Refund(order=self.order, invoice=bill, amount_usd_cents=bill.amount_usd_cents, status=RefundStatus.APPROVED)]


# --- Its rows -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """What the sample is billed by; asked for once a page."""

    rate: ExchangeRate
    policy: FeePolicy


def terms_in_force() -> Terms:
    """As real orders are billed: the last rate, the fees in force; made up where there are none yet."""
    rate = pricing.last_rate() or ExchangeRate(krw_per_usd=RATE, source="sample", as_of=localdate())
    policy = FeePolicy.objects.filter(valid_from__lte=now()).order_by("-valid_from").first() or FeePolicy(valid_from=now())
    return Terms(rate, policy)


#: events that are told of in quite another way where the facts are others: what it is called -> the event
VARIANTS = {
    "difference_with_delivery": "difference",
    "cancel_unpaid": "cancel",
    "disposed": "cancel",
    "return_lost": "record_return",
    "delivery_in_part": "record_delivery",
    **{f"parcel_{status}": "parcel_trouble" for status in ("customs", "attempt_failed", "available_for_pickup", "returning", "returned")},
}


def sample(what: str, *, locale: str, terms: Terms, actor: str = "staff") -> Sample:
    """The order as it is when this event (or a variant of one) happens to it; reminders are written about no event, and read none."""
    order = _order(locale)
    if what == "cancel_unpaid":
        order.items_paid_at = None
    if what in ("return_lost", "parcel_lost", "delivery_in_part"):
        order.parcels.all()[0].lost_at = now()
    bills = _bills(order, terms)
    about = Sample(order, locale, bills=bills)
    name = VARIANTS.get(what, what)
    event = OrderEvent(order=order, number=1, name=name, to_state=order.state, actor=actor, at=now())
    event.facts = _facts(about, what)
    return Sample(order, locale, event, bills)


def sample_storage(terms: Terms, *, kind: str, lead: int) -> Storage:
    """The clock of the sample order, so many days before a step."""
    of = storage.Terms.of(terms.policy)
    days = of.free_days if kind == "storage_free" else of.max_days
    return Storage(used=max(0, days - lead) * storage.DAY, terms=of, runs=True, at=now())


def _order(locale: str) -> Order:
    at, words = now(), WORDS[locale]
    order = Order(
        pk=0, number=NUMBER, customer=User(nickname="Minji", locale=locale), recipient_name="Kim Minji", recipient_phone="+16505550100",
        line1="1600 Amphitheatre Parkway", city="Mountain View", region="CA", postal_code="94043", country="US",
        pay_by=at + timedelta(days=3), items_paid_at=at, delivered_at=at, closed_at=at, question=words.question, asked_at=at,
        delivery_fee_krw=0,
    )  # fmt: skip
    _remember(order, items=_items(order, words), parcels=[_parcel(order)])
    return order


def _items(order: Order, words: Words) -> list[Item]:
    prices, quantities, statuses = (49_000, 18_500, 32_000), (1, 2, 1), (ItemStatus.PRICED, ItemStatus.PRICED, ItemStatus.REJECTED)
    rows = zip(words.names, words.options, words.verdicts, prices, quantities, statuses, strict=True)
    return [
        Item(
            pk=0, order=order, position=position, url="https://smartstore.naver.com/sample", name=name, options=options,
            screening_note=verdict, price_krw=price, quantity=quantity, status=status,
        )
        for position, (name, options, verdict, price, quantity, status) in enumerate(rows, start=1)
    ]  # fmt: skip


def _parcel(order: Order) -> Parcel:
    courier = next(iter(COURIERS))
    number = "986578788855"
    return Parcel(
        order=order, position=1, weight_g=WEIGHT_G, volume_cm3=VOLUME_CM3, courier=courier, tracking_number=number, handed_over_at=now()
    )


def _remember(row: Any, **related: list[Any]) -> None:
    """As if they had been read: `row.items.all()` answers them, and the database is not asked."""
    row._prefetched_objects_cache = related


def _bills(order: Order, terms: Terms) -> dict[str, Invoice]:
    rate, policy = terms.rate, terms.policy
    quote = Quote(
        order=order, version=1, krw_per_usd=rate.krw_per_usd, rate_source=rate.source, rate_as_of=rate.as_of, policy=policy
    )  # fmt: skip
    parcel = pricing.estimate([], weight_g=WEIGHT_G, volume_cm3=VOLUME_CM3, rate=rate, policy=policy)
    dearer = Adjustment(order=order, item=order.items.all()[0], difference_krw=DIFFERENCE_KRW)
    lines = {
        InvoiceKind.ITEMS: pricing.items_quote(order, rate=rate, policy=policy).lines,
        InvoiceKind.DELIVERY: [line for line in parcel.lines if line.kind in (LineKind.DELIVERY, LineKind.CARD_FEE)],
        InvoiceKind.ADJUSTMENT: pricing.difference_lines([dearer], quote=quote),
    }
    return {kind: _bill(order, quote, kind, number=number, lines=lines[kind]) for number, kind in enumerate(lines, start=1)}


def _bill(order: Order, quote: Quote, kind: str, *, number: int, lines: Any) -> Invoice:
    krw, cents = sum(line.amount_krw for line in lines), sum(line.amount_usd_cents for line in lines)
    invoice = Invoice(
        order=order, kind=kind, number=number, quote=quote, amount_krw=krw, amount_usd_cents=cents, pay_by=now() + timedelta(days=3)
    )
    rows = [
        InvoiceLine(
            invoice=invoice, position=position, kind=line.kind, item=line.item, quantity=line.quantity, fee=line.fee,
            amount_krw=line.amount_krw, amount_usd_cents=line.amount_usd_cents,
        )
        for position, line in enumerate(lines, start=1)
    ]  # fmt: skip
    _remember(invoice, lines=rows)
    return invoice


# --- What the event says --------------------------------------------------------------------------------------------------


def _facts(about: Sample, what: str) -> dict[str, Any]:
    """The facts that the event's own function would write; of an event without a line here, none."""
    words = WORDS[about.locale]
    back = about.bills[InvoiceKind.ITEMS].amount_usd_cents
    second = about.lines(about.bills[InvoiceKind.ITEMS])[1].amount_usd_cents
    extra = about.bills[InvoiceKind.ADJUSTMENT]
    parcel = about.order.parcels.all()[0]
    dearer = {"differences_krw": {"1": DIFFERENCE_KRW}, "invoice": extra.number}
    tables: dict[str, dict[str, Any]] = {
        "reject_quote": {"reason": words.reason},
        "cancel": {"reason": words.reason, "refunds_usd_cents": back},
        "sold_out": {"items": {"2": True}, "refunds_usd_cents": second},
        "cancel_unpaid": {"reason": words.reason},
        "disposed": {"reason": words.disposed, "disposal": 1, "storage_days": 61},
        "parcel_lost": {"parcel": 1, "proof": ""},
        "extend_storage": {"days": 14, "reason": words.reason},
        "difference": {**dearer, "route": AdjustmentRoute.INVOICE},
        "difference_with_delivery": {**dearer, "route": AdjustmentRoute.DELIVERY},
        "difference_paid": {"invoice": extra.number, "amount_usd_cents": extra.amount_usd_cents},
        "difference_unpaid": {"items": {"1": True}, "refund_usd_cents": back - second},
        "refund": {"refund_usd_cents": second},
        "refund_approved": {"refund_usd_cents": second},
        "label_parcels": {"parcel": 1, "courier": parcel.courier, "tracking_number": parcel.tracking_number, "corrected": {"1": ["", ""]}},
    }
    if VARIANTS.get(what, what) == "parcel_trouble":
        return {"parcel": 1, "status": what.removeprefix("parcel_") if what in VARIANTS else "exception"}
    return tables.get(what, {})
