"""What of which payment goes back: by the state of the order when it is cancelled, and for an item that leaves it.

Sums only; `refunds.py` makes refunds of them. The preview that a customer or staff see and the refunds that are made come from the same
functions, so they are equal to the cent. Refunds are in the dollars that were charged; won only say which part of a line goes back.

By state (docs: the table in `process.py`'s `cancel`):
* nothing bought yet: everything, fees too;
* an item that is not bought, or leaves through our fault: its line and its share of the service fee, whole;
* an item that was bought: what the shop gives back, the service fee kept;
* delivery that was paid and not used: with its card fee, less a repacking fee; freight of a journey that was made is kept, and so is
  storage;
* an item that the customer has (another parcel of the order came back): nothing, it is theirs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import Invalid
from core.money import krw_to_usd_cents, part
from workflow import ledger, shipping
from workflow.models import Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, Item, ItemStatus, LedgerEntry, LedgerKind, LineKind, Order
from workflow.models.ledger import REFUND_WITHOUT_EFFECT


@dataclass(frozen=True)
class Part:
    """What of one invoice line goes back."""

    line: InvoiceLine
    amount_usd_cents: int


@dataclass(frozen=True)
class Back:
    """What of one payment goes back."""

    payment: LedgerEntry
    parts: tuple[Part, ...]

    @property
    def amount_usd_cents(self) -> int:
        return sum(one.amount_usd_cents for one in self.parts)

    @property
    def invoice(self) -> Invoice:
        assert self.payment.invoice is not None
        return self.payment.invoice


def total_cents(backs: Iterable[Back]) -> int:
    return sum(back.amount_usd_cents for back in backs)


# --- Cancelling -----------------------------------------------------------------------------------------------------------


def cancellation(order: Order, *, facts: Mapping[str, Any]) -> list[Back]:
    """What goes back of each payment if the order is cancelled now, or was cancelled a moment ago. Reads only.

    `facts`: `our_fault`, and `shops_give_back_krw`, won by item position (as text) for items that were bought.
    """
    our_fault = bool(facts.get("our_fault"))
    whole = is_untouched(order) or our_fault
    given = _checked(order, facts.get("shops_give_back_krw") or {})
    theirs = {item.pk for item in order.items.all() if shipping.is_with_customer(order, item)}
    found = []
    for paid in captures(order):
        found.append((paid, _of_payment(order, paid, whole=whole, our_fault=our_fault, given=given, theirs=theirs)))
    return _within_what_is_left(found)


def is_untouched(order: Order) -> bool:
    """Nothing was bought yet."""
    return order.purchased_at is None and not any(was_bought(item) for item in order.items.all())


def was_bought(item: Item) -> bool:
    """Also one that has left with a refund since: staff decided then what of it goes back, the rest was spent at the shop."""
    return item.was_bought or (item.status == ItemStatus.REFUNDED and item.paid_price_krw is not None)


def nothing_was_ever_bought(order: Order) -> bool:
    """As `is_untouched`, also of an order that has ended; what turned out to be sold out was never bought."""
    bought = (item for item in order.items.all() if item.paid_price_krw is not None and item.status != ItemStatus.UNAVAILABLE)
    return order.purchased_at is None and not any(bought)


def captures(order: Order) -> list[LedgerEntry]:
    """The paid invoices' rows, newest first: what goes back is taken from the last payment first."""
    rows = order.ledger.filter(kind=LedgerKind.CAPTURE, invoice__isnull=False).select_related("invoice__quote__policy")
    return list(rows.order_by("-id"))


def _checked(order: Order, given: Mapping[str, Any]) -> dict[int, int]:
    """Won by item id that the shops give back; never more than was billed for the item."""
    by_position = {str(item.position): item for item in order.items.all()}
    checked = {}
    for position, krw in given.items():
        item = by_position.get(str(position))
        if item is None or isinstance(krw, bool) or not isinstance(krw, int) or krw < 0:
            raise Invalid(field="shops_give_back_krw")
        checked[item.pk] = krw
    return checked


def _of_payment(
    order: Order, paid: LedgerEntry, *, whole: bool, our_fault: bool, given: dict[int, int], theirs: Collection[int]
) -> list[Part]:
    assert paid.invoice is not None
    lines = _lines(paid.invoice)
    parts = _item_parts(lines, whole=whole, given=given, theirs=theirs)
    if paid.invoice.kind == InvoiceKind.DELIVERY:
        parts += _freight_parts(order, paid.invoice, lines, our_fault=our_fault)
    return parts


def _lines(invoice: Invoice) -> list[InvoiceLine]:
    return list(invoice.lines.select_related("item").order_by("position"))


def _item_parts(lines: Sequence[InvoiceLine], *, whole: bool, given: dict[int, int], theirs: Collection[int]) -> list[Part]:
    """Items and what was added to their prices; `given` is used up as it goes. The service fee follows the items that go back whole; of
    those that the customer has (`theirs`) neither price nor fee goes back."""
    shares = fee_shares(lines)
    parts: list[Part] = []
    for line in lines:
        if line.item is None or line.item_id in theirs:
            continue
        if whole or not was_bought(line.item):
            parts.append(Part(line, line.amount_usd_cents))
            parts += [Part(fee, cents) for fee, cents in shares.get(line.pk, ())]
        elif krw := min(given.get(line.item.pk, 0), line.amount_krw):
            given[line.item.pk] -= krw
            parts.append(Part(line, part(line.amount_usd_cents, of=krw, whole=line.amount_krw)))
    return parts


def _freight_parts(order: Order, invoice: Invoice, lines: Sequence[InvoiceLine], *, our_fault: bool) -> list[Part]:
    freight = [Part(line, line.amount_usd_cents) for line in lines if line.item is None]
    if our_fault:
        return freight
    freight = [one for one in freight if one.line.kind != LineKind.STORAGE]  # those days were used
    if invoice != _unused_delivery(order):
        return []
    quote = invoice.quote
    kept = krw_to_usd_cents(quote.policy.repack_fee_krw, krw_per_usd=quote.krw_per_usd)
    return _less(freight, kept)


def _less(parts: Iterable[Part], kept: int) -> list[Part]:
    """The parts less a sum, taken from the first of them."""
    rest = []
    for one in parts:
        taken = min(kept, one.amount_usd_cents)
        kept -= taken
        rest.append(Part(one.line, one.amount_usd_cents - taken))
    return rest


def _unused_delivery(order: Order) -> Invoice | None:
    """The delivery invoice that was paid and whose journey has not begun; freight of a journey that was made is kept.

    By the order's times and not by its state: the plan is written when the order is `cancelled` already.
    """
    if order.delivery_paid_at is None or order.shipped_at is not None:
        return None
    return order.invoices.filter(kind=InvoiceKind.DELIVERY, status=InvoiceStatus.PAID).order_by("-number").first()


# --- Items that leave -----------------------------------------------------------------------------------------------------


def of_items(order: Order, items: Iterable[Item]) -> list[Back]:
    """Everything that was paid for these items: their lines, what was added to their prices, their share of the service fee."""
    leaving = {item.pk for item in items}
    found = []
    for paid in captures(order):
        assert paid.invoice is not None
        lines = _lines(paid.invoice)
        shares = fee_shares(lines)
        parts = []
        for line in lines:
            if line.item_id in leaving:
                parts += [Part(line, line.amount_usd_cents), *(Part(fee, cents) for fee, cents in shares.get(line.pk, ()))]
        found.append((paid, parts))
    return _within_what_is_left(found)


def fee_shares(lines: Sequence[InvoiceLine]) -> dict[int, list[tuple[InvoiceLine, int]]]:
    """By item line, its share of each service fee line. The shares of all items add up to the fee to the cent, whatever the order in
    which items leave: each is the difference of two roundings of the running sum."""
    items = [line for line in lines if line.kind == LineKind.ITEM]
    in_cents = any(line.amount_usd_cents for line in items)  # a few won are no cent, and their fee is at least the minimum
    weights = [line.amount_usd_cents if in_cents else line.amount_krw for line in items]
    shares: dict[int, list[tuple[InvoiceLine, int]]] = {}
    for fee in (line for line in lines if line.kind == LineKind.SERVICE_FEE):
        before = so_far = 0
        for line, weight in zip(items, weights, strict=True):
            so_far += weight
            upto = part(fee.amount_usd_cents, of=so_far, whole=sum(weights))
            shares.setdefault(line.pk, []).append((fee, upto - before))
            before = upto
    return shares


# --- Never more than is left ----------------------------------------------------------------------------------------------


def of_lines(order: Order, wanted: Mapping[int, int]) -> list[Back]:
    """Chosen cents of chosen invoice lines, by line id; Invalid where a line holds less than that, or is none of the order's paid ones."""
    found, left_to_find = [], dict(wanted)
    for paid in captures(order):
        assert paid.invoice is not None
        parts = [Part(line, cents) for line in _lines(paid.invoice) if (cents := left_to_find.pop(line.pk, 0))]
        found.append((paid, parts))
    backs = _within_what_is_left(found)
    if left_to_find or total_cents(backs) != sum(wanted.values()):
        raise Invalid(field="lines", code="refund_too_large")
    return backs


def rest_of_lines(lines: Iterable[InvoiceLine]) -> dict[int, int]:
    """Cents by line id that did not go back yet."""
    from workflow.models import RefundLine

    lines = list(lines)
    rest = {line.pk: line.amount_usd_cents for line in lines}
    gone = RefundLine.objects.filter(invoice_line__in=lines).exclude(refund__status__in=REFUND_WITHOUT_EFFECT)
    for line_id, cents in gone.values_list("invoice_line_id", "amount_usd_cents"):
        rest[line_id] -= cents
    return rest


def _within_what_is_left(found: Iterable[tuple[LedgerEntry, list[Part]]]) -> list[Back]:
    """Cut the parts to what their lines and their payment still hold (a refund made in Stripe's dashboard names no lines)."""
    backs = []
    for paid, parts in found:
        rest, left, cut = rest_of_lines(one.line for one in parts), ledger.left_cents(paid), []
        for one in parts:
            cents = max(0, min(one.amount_usd_cents, rest[one.line.pk], left))
            rest[one.line.pk] -= cents
            left -= cents
            cut.append((one.line, cents))
        merged: dict[int, tuple[InvoiceLine, int]] = {}
        for line, cents in cut:
            merged[line.pk] = (line, merged.get(line.pk, (line, 0))[1] + cents)
        kept = tuple(Part(line, cents) for line, cents in sorted(merged.values(), key=lambda one: one[0].position) if cents)
        if kept:
            backs.append(Back(paid, kept))
    return backs
