"""The ledger: money that moved, of the whole business or of one order. As a file for a spreadsheet: `backoffice/exports`."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.money.amounts import money
from backoffice.money.filters import FieldFilter, order_pk
from backoffice.money.ledger_of_order import statement
from backoffice.money.shown import MoneyList, MoneyPage, Tab, amount, at_stripe, code, invoice_link, link_to
from backoffice.money.spans import FROM, TO, Span, presets
from backoffice.money.words import note_words
from backoffice.pages import ChoiceFilter, KeysetChangeList, moment, order_link
from workflow.lookup import normalise_number
from workflow.models import LedgerEntry, LedgerKind, Order

SOURCES = (("stripe", "Stripe"), ("manual", _("by hand")))
#: rows of one payment or reference, payments in other currencies; more are not one person's question
MOST = 200


class KindFilter(FieldFilter):
    title, parameter_name, options = _("kind"), "kind", LedgerKind.choices


class SourceFilter(FieldFilter):
    title, parameter_name, options = _("source"), "source", SOURCES


class CurrencyFilter(ChoiceFilter):
    title, parameter_name = _("currency"), "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("usd", "USD"), ("other", _("others"))]

    def pick(self, queryset: QuerySet[LedgerEntry], value: str) -> QuerySet[LedgerEntry]:
        if value == "usd":
            return queryset.filter(currency="usd")
        # Our invoices are in dollars: other money came as a payment nobody expected, and what went back of it has its payment's id.
        foreign = LedgerEntry.objects.filter(kind=LedgerKind.UNAPPLIED).exclude(currency="usd").order_by("-pk")
        intents = list(foreign.values_list("payment_intent_id", flat=True)[:MOST])
        return queryset.filter(payment_intent_id__in=intents).exclude(currency="usd")


@dataclass(frozen=True)
class KindSum:
    """What the rows of a kind come to."""

    kind: Any
    count: int
    cents: int
    currency: str


class LedgerList(MoneyList):
    """Narrowed by days too; with the sums of a month at most."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {name: value for name, value in super().get_filters_params(params).items() if name not in (FROM, TO)}

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[LedgerEntry]:
        return Span.of(request.GET).narrow(super().get_queryset(request, *args, **kwargs))

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.span = Span.of(request.GET)
        self.summed = self.span.summed()
        self.sums = sums(self.queryset if self.summed == self.span else self.summed.narrow(self.queryset))
        self.kept = [(name, value) for name, value in request.GET.items() if name in ("kind", "source", "currency", "q")]

    def presets(self) -> list[tuple[Any, str, bool]]:
        return [(label, self.get_query_string(_days(span), remove=["before", "after"]), self.span == span) for label, span in presets()]


def _days(span: Span) -> dict[str, str]:
    return {FROM: f"{span.first}", TO: f"{span.last}"}


def sums(rows: QuerySet[LedgerEntry]) -> list[KindSum]:
    """By kind and currency, in the order of the kinds. One statement."""
    order = {kind: place for place, kind in enumerate(LedgerKind.values)}
    found = rows.order_by().values("kind", "currency").annotate(count=Count("pk"), cents=Sum("amount_cents"))
    read = sorted(found, key=lambda row: (order.get(row["kind"], 99), row["currency"] != "usd", row["currency"]))
    labels = dict(LedgerKind.choices)
    return [KindSum(labels.get(row["kind"], row["kind"]), row["count"], row["cents"], row["currency"]) for row in read]


class LedgerPage(MoneyPage):
    list_display = ("booked", "what", "order_number", "sum", "reference_code", "words")
    list_filter = (KindFilter, SourceFilter, CurrencyFilter)
    list_display_links = None
    search_fields = ("reference",)
    search_help_text = _("Order number, payment intent or reference, exactly")
    template = "backoffice/money/entry.html"
    list_before_template = "backoffice/money/ledger_top.html"
    kept_by_tabs = (FROM, TO)
    tabs = (
        Tab(_("All"), {}),
        Tab(_("Payments"), {"kind": LedgerKind.CAPTURE}),
        Tab(_("Nobody expected"), {"kind": LedgerKind.UNAPPLIED}),
        Tab(_("Refunds"), {"kind": LedgerKind.REFUND}),
        Tab(_("Failed refunds"), {"kind": LedgerKind.REFUND_REVERSAL}),
        Tab(_("Disputes"), {"kind": LedgerKind.DISPUTE}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.prefetch_related("order", "invoice")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return LedgerList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        term = search_term.strip()
        return (queryset.filter(named(term)) if term else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        self.must(request, "view")
        if request.GET.get("order"):
            return self.of_order(request, request.GET["order"])
        return super().changelist_view(request, extra_context)

    def of_order(self, request: HttpRequest, said: str) -> HttpResponse:
        """Only what concerns one order, oldest first."""
        order = Order.objects.select_related("customer").filter(number=normalise_number(said) or "-").first()
        context = {**self.frame(request), "title": _("Ledger of an order"), "order": order, "said": said, "original": order}
        context |= statement(order) if order else {}
        return render(request, "backoffice/money/ledger_of_order.html", context, status=200 if order else 404)

    def details(self, request: HttpRequest, row: LedgerEntry) -> dict[str, Any]:
        return {
            "title": gettext("Ledger entry"),
            "sum": money(row.amount_cents, currency=row.currency),
            "payment_url": at_stripe("payments", row.payment_intent_id) if row.payment_intent_id.startswith("pi_") else "",
            "refunds": row.refunds.order_by("pk"),
        }

    # --- Columns ---

    @admin.display(description=_("booked"))
    def booked(self, entry: LedgerEntry) -> SafeString:
        return link_to(entry, moment(entry.booked_at))

    @admin.display(description=_("kind"))
    def what(self, entry: LedgerEntry) -> SafeString:
        source = dict(SOURCES).get(entry.source, entry.source)
        return format_html('{}<span class="bo-under">{}</span>', LedgerKind(entry.kind).label, source)

    @admin.display(description=_("order · invoice"))
    def order_number(self, entry: LedgerEntry) -> SafeString | str:
        if entry.order is None:
            return "–"
        return format_html(
            '{}<span class="bo-under">{}</span>', order_link(entry.order), invoice_link(entry.invoice) if entry.invoice else ""
        )

    @admin.display(description=_("amount"))
    def sum(self, entry: LedgerEntry) -> SafeString:
        return amount(entry.amount_cents, currency=entry.currency)

    @admin.display(description=_("reference"))
    def reference_code(self, entry: LedgerEntry) -> SafeString:
        intent = entry.payment_intent_id if entry.payment_intent_id != entry.reference else ""
        return format_html('{}<span class="bo-under">{}</span>', code(entry.reference), code(intent) if intent else "")

    @admin.display(description=_("note"))
    def words(self, entry: LedgerEntry) -> SafeString:
        return format_html('<span class="bo-under"><bdi>{}</bdi></span>', note_words(entry.note))


def named(term: str) -> Q:
    """The rows of an order, of a payment or of a reference, each by an index of its own."""
    if pk := order_pk(term):
        return Q(order=pk)
    found = set(LedgerEntry.objects.filter(payment_intent_id=term).values_list("pk", flat=True)[:MOST])
    by_reference = LedgerEntry.objects.filter(source__in=[name for name, _label in SOURCES], kind__in=LedgerKind.values, reference=term)
    return Q(pk__in=found | set(by_reference.values_list("pk", flat=True)[:MOST]))
