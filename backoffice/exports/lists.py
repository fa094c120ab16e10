"""Which lists can be exported, and each one's columns in the order shown. To add a column: one line here.

A customer's personal data goes through `privacy.shown`; amounts of money are decimals in the currency's unit, won are whole numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backoffice.access import PEOPLE_SEEN_BY, holds
from backoffice.exports.cells import Value
from backoffice.money.amounts import plain_amount
from backoffice.money.words import note_words
from backoffice.privacy import Personal, shown
from backoffice.words import WAITS_WORDS, courier_name, task_kind
from core.accounts.models import User
from workflow import hand_over
from workflow.models import Attempt, Invoice, InvoiceStatus, Item, LedgerEntry, Order, Parcel, Refund, RefundReason, StaffTask

MOST_ROWS, MOST_PEOPLE = 100_000, 10_000
Reader = Callable[[Any, HttpRequest], Value]


@dataclass(frozen=True)
class Column:
    name: str
    label: Any
    value: Reader
    #: ticked until the person has chosen for themselves
    usual: bool = True
    width: int = 18


@dataclass(frozen=True)
class Export:
    """One kind of row of a list: the list's own rows, or what belongs to them."""

    name: str
    label: Any
    model: type[Model]
    #: with everything that the columns look at, in a fixed number of statements
    rows: Callable[[], QuerySet[Any]]
    columns: tuple[Column, ...]
    most: int = MOST_ROWS
    #: by which field the rows belong to those of the list; empty for the list's own
    of: str = ""
    oldest_first: bool = False
    #: who may have it beside those who may see the model's rows; None: they all
    only: frozenset[Any] | None = None
    #: what the list's rows are narrowed to
    narrow: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows

    def may(self, request: HttpRequest) -> bool:
        if self.only is not None:
            return holds(request, self.only)
        return request.user.has_perm(f"{self.model._meta.app_label}.view_{self.model._meta.model_name}")

    def chosen(self, names: list[str]) -> list[Column]:
        """The columns of these names, in the order shown."""
        return [column for column in self.columns if column.name in names]


def text(path: str) -> Reader:
    """The field at the end of `order.number`; nothing where something on the way is missing."""
    names = path.split(".")

    def read(row: Any, _request: HttpRequest) -> Value:
        for name in names:
            if row is None:
                return None
            row = getattr(row, name)
        return row if row is None or isinstance(row, str | int | Decimal) or hasattr(row, "tzinfo") else str(row)

    return read


def choice(field: str) -> Reader:
    """The words of a field with choices."""
    return lambda row, _request: str(getattr(row, f"get_{field}_display")())


def personal(what: Personal, path: str) -> Reader:
    read = text(path)
    return lambda row, request: shown(request, what, str(read(row, request) or ""))


def dollars(field: str) -> Reader:
    def read(row: Any, _request: HttpRequest) -> Value:
        cents = getattr(row, field)
        return None if cents is None else Decimal(plain_amount(cents))

    return read


def person(field: str) -> Reader:
    return lambda row, _request: str(getattr(row, field) or "")


# --- Orders and what they consist of --------------------------------------------------------------------------------------


def _billed(order: Order, _request: HttpRequest) -> Value:
    cents = [one.amount_usd_cents for one in order.invoices.all() if one.status in (InvoiceStatus.OPEN, InvoiceStatus.PAID)]
    return Decimal(plain_amount(sum(cents))) if cents else None


def _paid(order: Order, _request: HttpRequest) -> Value:
    return Decimal(plain_amount(sum(one.amount_usd_cents for one in order.invoices.all() if one.status == InvoiceStatus.PAID)))


def _goods(order: Order, _request: HttpRequest) -> Value:
    return sum(item.line_krw or 0 for item in order.items.all() if item.is_live)


def _tracking(order: Order, _request: HttpRequest) -> Value:
    return ", ".join(parcel.tracking_number for parcel in order.parcels.all() if parcel.tracking_number)


def _address(path: str) -> Reader:
    return personal(Personal.ADDRESS, path)


ORDERS = Export(
    "orders",
    _("Orders"),
    Order,
    lambda: Order.objects.prefetch_related("customer", "items", "invoices", "parcels"),
    (
        Column("number", _("order"), text("number")),
        Column("customer", _("customer"), text("customer.nickname")),
        Column("email", _("e-mail"), personal(Personal.EMAIL, "customer.email"), usual=False, width=28),
        Column("state", _("state"), choice("state"), width=24),
        Column("waiting", _("waiting on"), lambda row, _r: str(WAITS_WORDS[row.waiting_on])),
        Column("since", _("since"), text("state_since")),
        Column("requested", _("requested"), text("requested_at")),
        Column("items", _("items"), lambda row, _r: sum(item.is_live for item in row.items.all()), width=8),
        Column("goods_krw", _("goods (won)"), _goods),
        Column("billed_usd", _("billed (USD)"), _billed),
        Column("paid_usd", _("paid (USD)"), _paid),
        Column("delivery_fee_krw", _("delivery fee (won)"), text("delivery_fee_krw"), usual=False),
        Column("hold", _("on hold because"), text("hold_reason"), usual=False, width=28),
        Column("recipient", _("recipient"), personal(Personal.NAME, "recipient_name"), usual=False),
        Column("phone", _("recipient's phone"), personal(Personal.PHONE, "recipient_phone"), usual=False),
        Column("line1", _("address line 1"), _address("line1"), usual=False, width=28),
        Column("line2", _("address line 2"), _address("line2"), usual=False),
        Column("city", _("city"), _address("city"), usual=False),
        Column("region", _("state or region"), _address("region"), usual=False),
        Column("postal_code", _("postal code"), _address("postal_code"), usual=False),
        Column("country", _("country"), text("country"), usual=False, width=8),
        Column("tracking", _("tracking numbers"), _tracking),
        Column("items_paid", _("items paid"), text("items_paid_at"), usual=False),
        Column("shipped", _("shipped"), text("shipped_at"), usual=False),
        Column("delivered", _("delivered"), text("delivered_at"), usual=False),
        Column("closed", _("closed"), text("closed_at"), usual=False),
        Column("closed_reason", _("reason of the end"), text("closed_reason"), usual=False, width=28),
        Column("note", _("note of the customer"), text("note"), usual=False, width=28),
    ),
)  # fmt: skip
ITEMS = Export(
    "items",
    _("Items"),
    Item,
    lambda: Item.objects.prefetch_related("order", "parcel"),
    (
        Column("order", _("order"), text("order.number")),
        Column("position", _("position"), text("position"), width=8),
        Column("state", _("state of the order"), lambda row, _r: str(row.order.get_state_display()), width=24),
        Column("status", _("status"), choice("status")),
        Column("name", _("product name"), text("name"), width=28),
        Column("url", _("product address"), text("url"), width=36),
        Column("options", _("options"), text("options")),
        Column("quantity", _("quantity"), text("quantity"), width=8),
        Column("price_krw", _("unit price (won)"), text("price_krw")),
        Column("line_krw", _("in all (won)"), text("line_krw")),
        Column("shop_order_number", _("shop order number"), text("shop_order_number")),
        Column("paid_price_krw", _("paid in all (won)"), text("paid_price_krw")),
        Column("screening_note", _("screening note"), text("screening_note"), usual=False, width=28),
        Column("note", _("note"), text("note"), usual=False, width=28),
        Column("arrived", _("arrived"), text("arrived_at"), usual=False),
        Column("inspected", _("inspected"), text("inspected_at"), usual=False),
        Column("parcel", _("parcel"), text("parcel.position"), usual=False, width=8),
        Column("tracking_number", _("tracking number"), text("parcel.tracking_number"), usual=False),
    ),
    of="order",
)
PARCELS = Export(
    "parcels",
    _("Parcels"),
    Parcel,
    lambda: Parcel.objects.prefetch_related("order"),
    (
        Column("order", _("order"), text("order.number")),
        Column("position", _("parcel"), text("position"), width=8),
        Column("courier", _("courier"), lambda row, _r: str(courier_name(row.courier))),
        Column("tracking_number", _("tracking number"), text("tracking_number"), width=24),
        Column("status", _("status"), text("status")),
        Column("weight_g", _("weight (g)"), text("weight_g")),
        Column("volume_cm3", _("volume (cm³)"), text("volume_cm3")),
        Column("length_cm", _("length (cm)"), text("length_cm"), usual=False, width=8),
        Column("width_cm", _("width (cm)"), text("width_cm"), usual=False, width=8),
        Column("height_cm", _("height (cm)"), text("height_cm"), usual=False, width=8),
        Column("handed_over", _("handed over"), text("handed_over_at")),
        Column("delivered", _("delivered"), text("delivered_at")),
        Column("last_look", _("last look"), text("polled_at"), usual=False),
        Column("recipient", _("recipient"), personal(Personal.NAME, "order.recipient_name"), usual=False),
        Column("phone", _("recipient's phone"), personal(Personal.PHONE, "order.recipient_phone"), usual=False),
        Column("country", _("country"), text("order.country"), usual=False, width=8),
    ),
    of="order",
)

HAND_OVER = Export(
    "hand_over",
    _("Hand-over"),
    Parcel,
    lambda: hand_over.with_pieces(Parcel.objects.all()),
    (
        Column("courier", _("courier"), lambda row, _r: str(courier_name(row.courier))),
        Column("tracking_number", _("tracking number"), text("tracking_number"), width=24),
        Column("order", _("order"), text("order.number")),
        Column("position", _("parcel"), text("position"), width=8),
        Column("country", _("country"), text("order.country"), width=8),
        Column("weight_g", _("weight (g)"), text("weight_g")),
        Column("pieces", _("pieces"), text("pieces"), width=8),
        Column("handed_over", _("handed over"), text("handed_over_at")),
    ),
)

# --- Money ----------------------------------------------------------------------------------------------------------------

INVOICES = Export(
    "invoices",
    _("Invoices"),
    Invoice,
    lambda: Invoice.objects.prefetch_related("order", "quote"),
    (
        Column("issued", _("issued"), text("created_at")),
        Column("order", _("order"), text("order.number")),
        Column("number", _("number"), text("number"), width=8),
        Column("kind", _("kind"), choice("kind")),
        Column("status", _("status"), choice("status")),
        Column("amount_krw", _("amount (won)"), text("amount_krw")),
        Column("amount_usd", _("amount (USD)"), dollars("amount_usd_cents")),
        Column("rate", _("won for a dollar"), text("quote.krw_per_usd")),
        Column("pay_by", _("to be paid by"), text("pay_by")),
        Column("paid", _("paid"), text("paid_at")),
    ),
)
PAYMENTS = Export(
    "payments",
    _("Payments"),
    Attempt,
    lambda: Attempt.objects.prefetch_related("invoice__order"),
    (
        Column("opened", _("opened"), text("created_at")),
        Column("order", _("order"), text("invoice.order.number")),
        Column("invoice", _("invoice"), text("invoice")),
        Column("amount_usd", _("amount (USD)"), lambda row, _r: Decimal(plain_amount(row.invoice.amount_usd_cents))),
        Column("status", _("status"), choice("status")),
        Column("session", _("session"), text("session_id"), width=36),
        Column("payment_intent", _("payment intent"), text("payment_intent_id"), width=32),
        Column("key", _("idempotency key"), text("key"), usual=False, width=28),
        Column("expires", _("session ends"), text("expires_at"), usual=False),
        Column("error", _("last error"), text("last_error"), usual=False, width=28),
    ),
)
REFUNDS = Export(
    "refunds",
    _("Refunds"),
    Refund,
    lambda: Refund.objects.prefetch_related("order", "invoice", "proposed_by", "approved_by"),
    (
        Column("made", _("made"), text("created_at")),
        Column("order", _("order"), text("order.number")),
        Column("invoice", _("invoice"), text("invoice")),
        Column("amount_usd", _("amount (USD)"), dollars("amount_usd_cents")),
        Column("reason", _("reason"), lambda row, _r: str(dict(RefundReason.choices).get(row.reason, row.reason))),
        Column("note", _("note"), text("note"), width=28),
        Column("status", _("status"), choice("status")),
        Column("proposed_by", _("proposed by"), person("proposed_by")),
        Column("approved_by", _("decided by"), person("approved_by")),
        Column("payment_intent", _("payment intent"), text("payment_intent_id"), usual=False, width=32),
        Column("stripe_id", _("refund at Stripe"), text("stripe_id"), usual=False, width=32),
        Column("error", _("last error"), text("last_error"), usual=False, width=28),
    ),
)
LEDGER = Export(
    "ledger",
    _("Ledger"),
    LedgerEntry,
    lambda: LedgerEntry.objects.prefetch_related("order", "invoice"),
    (
        Column("number", _("number"), text("number"), width=8),
        Column("booked", _("booked (Seoul)"), text("booked_at")),
        Column("order", _("order"), text("order.number")),
        Column("invoice", _("invoice"), text("invoice")),
        Column("kind", _("kind"), choice("kind")),
        Column("amount", _("amount"), lambda row, _r: Decimal(plain_amount(row.amount_cents, currency=row.currency))),
        Column("currency", _("currency"), lambda row, _r: row.currency.upper(), width=8),
        Column("source", _("source"), text("source"), width=8),
        Column("reference", _("reference"), text("reference"), width=32),
        Column("payment_intent", _("payment intent"), text("payment_intent_id"), width=32),
        Column("note", _("note"), lambda row, _r: note_words(row.note), width=28),
    ),
    oldest_first=True,
)

# --- Tasks and people -----------------------------------------------------------------------------------------------------

TASKS = Export(
    "tasks",
    _("Tasks"),
    StaffTask,
    lambda: StaffTask.objects.prefetch_related("order", "done_by"),
    (
        Column("what", _("what is the matter"), text("words"), width=48),
        Column("kind", _("kind"), lambda row, _r: str(task_kind(row.kind))),
        Column("order", _("order"), text("order.number")),
        Column("since", _("since"), text("created_at")),
        Column("done", _("done"), text("done_at")),
        Column("done_by", _("done by"), person("done_by")),
    ),
)
CUSTOMERS = Export(
    "customers",
    _("Customers"),
    User,
    lambda: User.objects.filter(is_staff=False).annotate(order_count=Count("orders")),
    (
        Column("email", _("e-mail"), personal(Personal.EMAIL, "email"), width=28),
        Column("nickname", _("nickname"), text("nickname")),
        Column("phone", _("phone"), personal(Personal.PHONE, "phone")),
        Column("locale", _("language"), choice("locale")),
        Column("joined", _("joined"), text("joined_at")),
        Column("orders", _("orders"), text("order_count"), width=8),
    ),
    most=MOST_PEOPLE,
    only=PEOPLE_SEEN_BY,
    narrow=lambda rows: rows.filter(is_staff=False),
)

#: what each model's list offers, the list's own rows first
OF_LIST: dict[type[Model], tuple[Export, ...]] = {
    Order: (ORDERS, ITEMS, PARCELS),
    Invoice: (INVOICES,),
    Attempt: (PAYMENTS,),
    Refund: (REFUNDS,),
    LedgerEntry: (LEDGER,),
    StaffTask: (TASKS,),
    User: (CUSTOMERS,),
}
#: all of them; the hand-over list of a day has a page of its own (`backoffice/hand_over.py`)
EXPORTS = (*(export for exports in OF_LIST.values() for export in exports), HAND_OVER)
LABELS = {export.name: export.label for export in EXPORTS}
