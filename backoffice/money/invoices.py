"""Invoices: what was billed when, at which rate, what became of it, and what changed against the version before."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backoffice.money.filters import FieldFilter, order_pk
from backoffice.money.refunds import reason_words, status_pill
from backoffice.money.shown import ATTEMPT_TONES, INVOICE_TONES, MoneyPage, Tab, amount, link_to, pill
from backoffice.pages import moment, order_link
from core.money import format_krw
from workflow.invoices import line_title
from workflow.models import Attempt, AttemptStatus, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, PayLink


class StatusFilter(FieldFilter):
    title, parameter_name, options = _("status"), "status", InvoiceStatus.choices


class KindFilter(FieldFilter):
    title, parameter_name, options = _("kind"), "kind", InvoiceKind.choices


class InvoicePage(MoneyPage):
    list_display = ("issued", "order_number", "name", "state", "won", "dollars", "until", "paid")
    list_display_links = None
    list_filter = (StatusFilter, KindFilter)
    search_fields = ("order__number",)
    search_help_text = _("Order number, exactly")
    template = "backoffice/money/invoice.html"
    tabs = (
        Tab(_("All"), {}),
        *(Tab(label, {"status": status}) for status, label in InvoiceStatus.choices),
        Tab(_("Price differences"), {"kind": "adjustment"}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return Invoice.objects.prefetch_related("order")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str) -> tuple[QuerySet[Invoice], bool]:
        return (queryset.filter(order=order_pk(search_term)) if search_term.strip() else queryset), False

    def details(self, request: HttpRequest, row: Invoice) -> dict[str, Any]:
        bill, earlier = Bill.of(row), _earlier(row)
        token = PayLink.objects.filter(order=row.order_id, kind=row.kind).values_list("token", flat=True).first() if row.is_open else ""
        return {
            "title": f"{row.order.number} {row}",
            "tone": INVOICE_TONES.get(InvoiceStatus(row.status), "nobody"),
            "bill": bill,
            "earlier": earlier,
            "changes": changes(Bill.of(earlier), bill) if earlier else [],
            "pay_url": f"{settings.PUBLIC_BASE_URL}/pay/{token}" if token else "",
            "attempts": [(attempt, attempt_pill(attempt)) for attempt in row.attempts.order_by("-generation")],
            "may_attempts": request.user.has_perm("workflow.view_attempt"),
            "entries": row.ledger.order_by("pk") if request.user.has_perm("workflow.view_ledgerentry") else None,
            "refunds": _refunds(row) if request.user.has_perm("workflow.view_refund") else None,
            "may_policy": request.user.has_perm("workflow.view_feepolicy"),
        }

    # --- Columns ---

    @admin.display(description=_("issued"))
    def issued(self, invoice: Invoice) -> Any:
        return link_to(invoice, moment(invoice.created_at))

    @admin.display(description=_("order"))
    def order_number(self, invoice: Invoice) -> Any:
        return order_link(invoice.order)

    @admin.display(description=_("invoice"))
    def name(self, invoice: Invoice) -> SafeString:
        return link_to(invoice, str(invoice))

    @admin.display(description=_("status"))
    def state(self, invoice: Invoice) -> SafeString:
        status = InvoiceStatus(invoice.status)
        return pill(INVOICE_TONES.get(status, "nobody"), status.label)

    @admin.display(description=_("won"))
    def won(self, invoice: Invoice) -> SafeString:
        return format_html('<span class="bo-number bo-soft">{}</span>', format_krw(invoice.amount_krw))

    @admin.display(description=_("dollars"))
    def dollars(self, invoice: Invoice) -> SafeString:
        return amount(invoice.amount_usd_cents)

    @admin.display(description=_("to be paid by"))
    def until(self, invoice: Invoice) -> Any:
        return moment(invoice.pay_by)

    @admin.display(description=_("paid"))
    def paid(self, invoice: Invoice) -> Any:
        return moment(invoice.paid_at)


def attempt_pill(attempt: Attempt) -> SafeString:
    if attempt.processing:
        return pill("customer", _("payment in process"))
    status = AttemptStatus(attempt.status)
    return pill(ATTEMPT_TONES.get(status, "nobody"), status.label)


def _refunds(invoice: Invoice) -> list[Any]:
    rows = invoice.refunds.order_by("pk")
    return [(refund, status_pill(refund), reason_words(refund.reason)) for refund in rows]


# --- What changed ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bill:
    """An invoice with the titles of its lines."""

    invoice: Invoice
    lines: list[tuple[str, InvoiceLine]]

    @classmethod
    def of(cls, invoice: Invoice) -> "Bill":
        locale = get_language() or "en"
        lines = invoice.lines.select_related("item", "invoice__quote__policy").order_by("position")
        return cls(invoice, [(line_title(line, locale=locale), line) for line in lines])

    def by_thing(self) -> dict[tuple[str, int | None], tuple[str, InvoiceLine]]:
        """An item's line is known by its item, a fee's by its kind."""
        return {(line.kind, line.item_id): (title, line) for title, line in self.lines}


@dataclass(frozen=True)
class Change:
    """What a line was before (None: not on the bill) and is now."""

    title: str
    before: InvoiceLine | None
    after: InvoiceLine | None

    @property
    def cents(self) -> int:
        return (self.after.amount_usd_cents if self.after else 0) - (self.before.amount_usd_cents if self.before else 0)


def changes(before: Bill, after: Bill) -> list[Change]:
    """Each line that is not as it was, in the order of the newer bill, then those that are gone."""
    old, new = before.by_thing(), after.by_thing()
    found = [Change((new.get(key) or old[key])[0], _line(old, key), _line(new, key)) for key in _keys(new, old)]
    return [one for one in found if one.before is None or one.after is None or _said(one.before) != _said(one.after)]


def _line(bill: dict[Any, tuple[str, InvoiceLine]], key: Any) -> InvoiceLine | None:
    return bill[key][1] if key in bill else None


def _keys(new: Iterable[Any], old: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys([*new, *old]))


def _said(line: InvoiceLine) -> tuple[int, int, int]:
    return line.quantity, line.amount_krw, line.amount_usd_cents


def _earlier(invoice: Invoice) -> Invoice | None:
    """The version before: of the same order and kind."""
    same = Invoice.objects.filter(order=invoice.order_id, kind=invoice.kind, number__lt=invoice.number)
    return same.select_related("quote").order_by("-number").first()
