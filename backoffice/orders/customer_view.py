"""What the customer sees of an order, in their two languages: the five steps, whose move it is, what is to be paid. From the functions
that the customers' API answers with, so that both say the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.orders import reading
from backoffice.orders.money import pay_url
from core.accounts.models import Locale
from workflow import inspection_rows, inspection_words, photos
from workflow.invoices import line_title
from workflow.models import Inspection, Invoice, InvoiceLine, Item, Order
from workflow.photos import Link
from workflow.process import Step, Waits

#: to the customer
WAITING_WORDS = {
    Waits.STAFF: _("It is our turn."),
    Waits.CUSTOMER: _("It is your turn."),
    Waits.COURIER: _("The courier is on the way."),
    Waits.NOBODY: _("Nothing is left to do."),
}


@dataclass(frozen=True)
class OpenBill:
    kind: str
    lines: list[tuple[str, InvoiceLine]]
    invoice: Invoice
    pay_url: str


@dataclass(frozen=True)
class Finding:
    """What was found of an item, as the customer reads it, with the photos they see."""

    item: str
    found: str
    note: str
    photos: list[Link]
    choice: str
    answer_by: datetime | None


@dataclass(frozen=True)
class View:
    """All words of one language."""

    locale: str
    language: str
    is_theirs: bool
    state: str
    waiting: str
    steps: list[tuple[Step, str, str]]
    held: str
    due: str
    bills: list[OpenBill]
    findings: list[Finding]


def views(order: Order) -> list[View]:
    """The customer's own language first."""
    found = inspection_rows.of_items([item.pk for item in order.items.all()])
    latest = [(item, found[item.pk][-1]) for item in order.items.all() if item.pk in found]
    return sorted((_view(order, locale, latest) for locale in Locale.values), key=lambda view: not view.is_theirs)


def _view(order: Order, locale: str, latest: Iterable[tuple[Item, Inspection]]) -> View:
    with translation.override(locale):
        return View(
            locale=locale,
            language=str(Locale(locale).label),
            is_theirs=locale == order.customer.locale,
            state=str(order.get_state_display()),
            waiting=str(WAITING_WORDS[order.waiting_on]),
            steps=[(step, str(step.label), _status(step, order)) for step in Step],
            held=gettext("The order is on hold.") if order.hold_reason else "",
            due=gettext("To be paid"),
            bills=[_bill(invoice, order, locale) for invoice in order.invoices.all() if invoice.is_open],
            findings=[_finding(item, inspection, locale) for item, inspection in latest],
        )


def _finding(item: Item, inspection: Inspection, locale: str) -> Finding:
    return Finding(
        item=str(item),
        found=inspection_words.found(inspection.verdict, locale=locale),
        note=inspection.note,
        photos=photos.links(photos.live(inspection), lifetime=photos.FOR_STAFF),
        choice=inspection_words.wish(inspection.choice, locale=locale) if inspection.choice else "",
        answer_by=inspection.answer_by if inspection.is_open and not inspection.choice else None,
    )


def _status(step: Step, order: Order) -> str:
    return "now" if step == order.step else "done" if step < order.step else "ahead"


def _bill(invoice: Invoice, order: Order, locale: str) -> OpenBill:
    return OpenBill(
        kind=str(invoice.get_kind_display()),
        lines=[(line_title(line, locale=locale), line) for line in invoice.lines.all()],
        invoice=invoice,
        pay_url=pay_url(order, invoice),
    )


def show(request: HttpRequest, order_id: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    order = reading.load(order_id)
    context = {**frame, **reading.heading(order), "title": _("What the customer sees"), "views": views(order)}
    return render(request, "backoffice/order/customer_view.html", context)
