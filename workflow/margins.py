"""What an order earns us: what its customer paid and did not get back, less what we paid at the shops, in won at the rate of the paid
quote. Reads only what `order` was prefetched with: `items`, `ledger`, `refunds`, `disputes`, `events` and `invoices` with `lines` and
`quote`; nothing is asked of the database.

What Stripe keeps of a payment and what the courier charges us is not known here, so the margin is before both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from workflow.models import (
    Dispute,
    Invoice,
    InvoiceKind,
    InvoiceStatus,
    ItemStatus,
    LedgerEntry,
    LedgerKind,
    LineKind,
    Order,
    RefundStatus,
)
from workflow.models.ledger import MONEY_BACK, MONEY_IN, REFUND_WITHOUT_EFFECT

#: such refunds are decided on, and the ledger has nothing of them yet
NOT_BOOKED = (RefundStatus.APPROVED,)
GOODS = (LineKind.ITEM, LineKind.DIFFERENCE)


@dataclass(frozen=True)
class Sum:
    """Lines of paid invoices of some kinds, as they were billed."""

    krw: int
    usd_cents: int


@dataclass(frozen=True)
class Margin:
    """Sums are never negative but `earned_krw`, which is a loss then."""

    krw_per_usd: Decimal
    goods: Sum
    service_fees: Sum
    delivery: Sum
    card_fees: Sum
    #: by the ledger: everything that came in, and what of it went back
    paid_usd_cents: int
    back_usd_cents: int
    #: refunds that are decided and not at Stripe yet
    on_its_way_usd_cents: int
    #: what the customer's bank took by disputes and did not give back
    disputed_usd_cents: int
    #: money nobody expected and nobody has decided about: not ours
    unapplied_usd_cents: int
    #: not for items that the shop turned out not to have
    shops_krw: int
    #: what the shops give back for items of a cancelled order, as staff said
    shops_back_krw: int
    #: otherwise the shops will take more
    all_bought: bool

    @property
    def kept_usd_cents(self) -> int:
        """What of the customer's money is ours."""
        gone = self.back_usd_cents + self.on_its_way_usd_cents + self.disputed_usd_cents + self.unapplied_usd_cents
        return self.paid_usd_cents - gone

    @property
    def kept_krw(self) -> int:
        """Converted once, rounded half up."""
        return int((Decimal(self.kept_usd_cents) * self.krw_per_usd / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))

    @property
    def earned_krw(self) -> int:
        return self.kept_krw - self.shops_krw + self.shops_back_krw

    @property
    def percent(self) -> Decimal | None:
        """Of what was kept, to a tenth; None where nothing was."""
        if self.kept_krw <= 0:
            return None
        return (Decimal(self.earned_krw) * 100 / self.kept_krw).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def margin_of(order: Order) -> Margin | None:
    """None until the items are paid: there is no rate to reckon at."""
    paid = [invoice for invoice in order.invoices.all() if invoice.status == InvoiceStatus.PAID]
    quotes = [invoice.quote for invoice in paid if invoice.kind == InvoiceKind.ITEMS]
    if not quotes:
        return None
    ledger = list(order.ledger.all())
    left = left_by_payment(order)
    return Margin(
        krw_per_usd=quotes[-1].krw_per_usd,
        goods=_billed(paid, *GOODS),
        service_fees=_billed(paid, LineKind.SERVICE_FEE),
        delivery=_billed(paid, LineKind.DELIVERY, LineKind.STORAGE),
        card_fees=_billed(paid, LineKind.CARD_FEE),
        paid_usd_cents=_booked(ledger, *MONEY_IN),
        back_usd_cents=-_booked(ledger, *MONEY_BACK),
        on_its_way_usd_cents=sum(refund.amount_usd_cents for refund in order.refunds.all() if refund.status in NOT_BOOKED),
        disputed_usd_cents=-_booked(ledger, LedgerKind.DISPUTE, LedgerKind.DISPUTE_REVERSAL),
        unapplied_usd_cents=sum(left[entry.pk] for entry in ledger if entry.kind == LedgerKind.UNAPPLIED and entry.currency == "usd"),
        shops_krw=sum(item.paid_price_krw or 0 for item in order.items.all() if item.status != ItemStatus.UNAVAILABLE),
        shops_back_krw=_shops_back(order),
        all_bought=all(item.paid_price_krw is not None for item in order.items.all() if item.is_live),
    )


def _billed(invoices: Iterable[Invoice], *kinds: LineKind) -> Sum:
    lines = [line for invoice in invoices for line in invoice.lines.all() if line.kind in kinds]
    return Sum(krw=sum(line.amount_krw for line in lines), usd_cents=sum(line.amount_usd_cents for line in lines))


def _booked(ledger: Iterable[LedgerEntry], *kinds: LedgerKind) -> int:
    return sum(entry.amount_cents for entry in ledger if entry.kind in kinds and entry.currency == "usd")


def _shops_back(order: Order) -> int:
    """What staff said at the cancellation; with `our_fault` nobody asks the shop."""
    given = (event.facts.get("shops_give_back_krw") or {} for event in order.events.all() if event.name == "cancel")
    return sum(int(krw) for one in given for krw in one.values())


# --- What payments still hold ---------------------------------------------------------------------------------------------


def left_by_payment(order: Order) -> dict[int, int]:
    """`ledger.left_cents` of each of the order's payments, by the row's id, without asking the database once a payment."""
    rows = list(order.ledger.all())
    return {
        payment.pk: max(0, payment.amount_cents - _applied(payment, rows) - _given_back(order, payment) - _taken(order, payment))
        for payment in rows
        if payment.kind in (LedgerKind.CAPTURE, LedgerKind.UNAPPLIED)
    }


def _applied(payment: LedgerEntry, rows: Iterable[LedgerEntry]) -> int:
    if payment.kind != LedgerKind.UNAPPLIED:
        return 0
    origin = (payment.source, payment.reference)
    return -sum(row.amount_cents for row in rows if row.kind == LedgerKind.APPLIED and (row.source, row.reference) == origin)


def _given_back(order: Order, payment: LedgerEntry) -> int:
    refunds = (refund for refund in order.refunds.all() if refund.payment_id == payment.pk)
    return sum(refund.amount_usd_cents for refund in refunds if refund.status not in REFUND_WITHOUT_EFFECT)


def _taken(order: Order, payment: LedgerEntry) -> int:
    disputes = (dispute for dispute in order.disputes.all() if dispute.payment_id == payment.pk)
    return sum(dispute.amount_cents for dispute in disputes if has_taken(dispute))


def has_taken(dispute: Dispute) -> bool:
    """As `ledger.NOT_TAKEN` says it to the database."""
    return dispute.status not in ("won", "prevented") and not dispute.status.startswith("warning_")
