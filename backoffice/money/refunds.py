"""Refunds: who asked for them and why, and the second person's buttons. The rules are in `workflow/refunds.py`."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.money import refund_report
from backoffice.money.decisions import DECISIONS, Decision, decide, offered, why_not
from backoffice.money.filters import FieldFilter, order_pk
from backoffice.money.shown import REFUND_TONES, MoneyList, MoneyPage, Tab, amount, at_stripe, link_to, pill
from backoffice.orders.history import happening
from backoffice.pages import ChoiceFilter, KeysetChangeList, moment, order_link
from workflow.invoices import line_title
from workflow.models import LedgerEntry, OrderEvent, Refund, RefundReason, RefundStatus

#: what the journal says of an order's refunds
EVENTS = (
    "refund", "refund_approved", "refund_declined", "refund_again", "refund_by_hand", "refund_found",
    "cancel", "sold_out", "difference_unpaid", "disputed",
)  # fmt: skip
WAITING = Q(status__in=(RefundStatus.PROPOSED, RefundStatus.FAILED))
BY_HAND = Q(status=RefundStatus.APPROVED, payment_intent_id="")
#: reasons have no index of their own: the year that is looked at has
REASONS_LOOK_BACK = timedelta(days=366)


class StatusFilter(ChoiceFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("needs a decision")), ("hand", _("to be given by hand")), *RefundStatus.choices]

    def pick(self, queryset: QuerySet[Refund], value: str) -> QuerySet[Refund]:
        return queryset.filter({"waiting": WAITING, "hand": BY_HAND}.get(value) or Q(status=value))


class ReasonFilter(FieldFilter):
    title, parameter_name, options = _("reason (of the last year)"), "reason", RefundReason.choices

    def pick(self, queryset: QuerySet[Refund], value: str) -> QuerySet[Refund]:
        recent = queryset.filter(status__in=RefundStatus.values, created_at__gte=now() - REASONS_LOOK_BACK)
        return super().pick(recent, value)


class RefundList(MoneyList):
    """Each row with what the person who looks at it may do."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        by = acting(request)
        for refund in self.result_list:
            refund.offered, refund.why_not = offered(refund, by=by), why_not(refund, by=by)


class RefundPage(MoneyPage):
    list_display = ("made", "order_number", "sum", "why", "state", "who", "buttons")
    list_display_links = None
    list_filter = (StatusFilter, ReasonFilter)
    search_fields = ("key",)
    search_help_text = _("Order number, payment, or refund at Stripe, exactly")
    template = "backoffice/money/refund.html"
    tabs = (
        Tab(_("All"), {}),
        Tab(_("Needs a decision"), {"status": "waiting"}),
        Tab(_("To be given by hand"), {"status": "hand"}),
        Tab(pgettext_lazy("refunds", "At Stripe"), {"status": "sent"}),
        Tab(_("Refunded"), {"status": "succeeded"}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return Refund.objects.prefetch_related("order", "invoice", "proposed_by", "approved_by")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return RefundList

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str) -> tuple[QuerySet[Refund], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if pk := order_pk(term):
            return queryset.filter(order=pk), False
        found = {*Refund.objects.filter(stripe_id=term).values_list("pk", flat=True)}
        found |= {*Refund.objects.filter(payment_intent_id=term).values_list("pk", flat=True)[:50]}
        return queryset.filter(pk__in=found), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        links = [(reverse("admin:workflow_refund_report"), "bar_chart", _("Refunds by reason"))]
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("report/", view(self.report), name="workflow_refund_report"),
            *(path(f"<int:pk>/{name}/", view(self.decision), {"name": name}, name=f"workflow_refund_{name}") for name in DECISIONS),
            *super().get_urls(),
        ]

    # --- What is decided ---

    def decision(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        self.must(request, "change")
        made: Decision = DECISIONS[name]
        if not made.asks:
            return self.pressed(request, lambda: made.run(pk, by=acting(request), text=""), done=made.done)
        return decide(request, self.row(request, pk), made, frame=self.frame(request))

    def report(self, request: HttpRequest) -> HttpResponse:
        self.must(request, "view")
        return refund_report.page(request, frame=self.frame(request))

    # --- The page of one ---

    def details(self, request: HttpRequest, row: Refund) -> dict[str, Any]:
        by, locale = acting(request), get_language() or "en"
        lines = row.lines.select_related("invoice_line__item", "invoice_line__invoice__quote__policy")
        return {
            "title": f"{_('Refund')} {row.order.number if row.order else ''}".strip(),
            "tone": REFUND_TONES.get(RefundStatus(row.status), "nobody"),
            "offered": offered(row, by=by),
            "why_not": why_not(row, by=by),
            "lines": [(line_title(line.invoice_line, locale=locale), line) for line in lines],
            "events": [happening(event) for event in _events_of(row)],
            "entries": LedgerEntry.objects.filter(
                source__in=("stripe", "manual"), kind__in=("refund", "refund_reversal"), reference__in=[row.stripe_id or row.key, row.key]
            ),
            "reason": reason_words(row.reason),
            "payment_url": at_stripe("payments", row.payment_intent_id) if row.payment_intent_id else "",
            "earlier": row.retry_of,
            "later": Refund.objects.filter(retry_of=row).first(),
        }

    # --- Columns ---

    @admin.display(description=_("made"))
    def made(self, refund: Refund) -> Any:
        return link_to(refund, moment(refund.created_at))

    @admin.display(description=_("order"))
    def order_number(self, refund: Refund) -> Any:
        return order_link(refund.order)

    @admin.display(description=_("amount"))
    def sum(self, refund: Refund) -> SafeString:
        return amount(refund.amount_usd_cents)

    @admin.display(description=_("reason"))
    def why(self, refund: Refund) -> SafeString:
        note = format_html('<span class="bo-under"><bdi>{}</bdi></span>', refund.note) if refund.note else ""
        return format_html("{}{}", reason_words(refund.reason), note)

    @admin.display(description=_("status"))
    def state(self, refund: Refund) -> SafeString:
        error = format_html('<span class="bo-under bo-under--bad"><bdi>{}</bdi></span>', refund.last_error) if refund.last_error else ""
        return format_html("{}{}", status_pill(refund), error)

    @admin.display(description=_("proposed · decided"))
    def who(self, refund: Refund) -> SafeString:
        return format_html(
            '<bdi>{}</bdi><span class="bo-under"><bdi>{}</bdi></span>', refund.proposed_by or _("by itself"), refund.approved_by or "–"
        )

    @admin.display(description="")
    def buttons(self, refund: Any) -> SafeString:
        if refund.why_not:
            return format_html('<span class="bo-under bo-row__why">{}</span>', refund.why_not)
        pressed = ((self._button(refund, made),) for made in refund.offered)
        return format_html('<span class="bo-row">{}</span>', format_html_join("", "{}", pressed))

    def _button(self, refund: Refund, made: Decision) -> SafeString:
        if not made.asks:
            return self.post_button(refund, made.name, made.label)
        url = made.url(refund)
        return format_html('<a class="bo-button bo-button--small" data-dialog href="{}">{}</a>', url, made.short or made.label)


def status_pill(refund: Refund) -> SafeString:
    status = RefundStatus(refund.status)
    return pill(REFUND_TONES.get(status, "nobody"), status.label)


def reason_words(reason: str) -> Any:
    """As texts, the reasons of refunds made before there was a list of them."""
    return RefundReason(reason).label if reason in RefundReason.values else format_html("<bdi>{}</bdi>", reason)


def _events_of(refund: Refund) -> QuerySet[OrderEvent]:
    """The decisions on the order's money since the refund was made; an event and its refund are written within one transaction."""
    since = refund.created_at - timedelta(seconds=5)
    return OrderEvent.objects.filter(order=refund.order_id, name__in=EVENTS, at__gte=since).select_related("user").order_by("-number")[:30]
