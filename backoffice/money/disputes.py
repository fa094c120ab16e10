"""Disputes: which are open and until when Stripe takes an answer; the page with what to answer is made by `evidence.py`."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backoffice import privacy
from backoffice.money import evidence, evidence_text
from backoffice.money.filters import order_pk
from backoffice.money.refunds import reason_words, status_pill
from backoffice.money.shown import MoneyPage, Tab, amount, at_stripe, link_to, pill
from backoffice.money.words import dispute_reason, dispute_status
from backoffice.orders.history import happening
from backoffice.orders.page import ParcelCard
from backoffice.pages import ChoiceFilter, moment, order_link
from backoffice.words import notice_kind
from workflow.models import Dispute

NEAR = timedelta(days=3)
ANSWERABLE = ("needs_response", "warning_needs_response")


class OpenFilter(ChoiceFilter):
    title, parameter_name = _("open"), "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("open")), ("no", _("closed"))]

    def pick(self, queryset: QuerySet[Dispute], value: str) -> QuerySet[Dispute]:
        return queryset.filter(closed_at__isnull=value == "yes")


class DisputePage(MoneyPage):
    list_display = ("opened", "order_number", "sum", "why", "state", "until", "closed")
    list_display_links = None
    list_filter = (OpenFilter,)
    search_fields = ("=stripe_id",)
    search_help_text = _("Order number, dispute or payment, exactly")
    template = "backoffice/money/dispute.html"
    tabs = (Tab(_("All"), {}), Tab(_("Open"), {"open": "yes"}), Tab(_("Closed"), {"open": "no"}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        return Dispute.objects.prefetch_related("order")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Dispute], search_term: str) -> tuple[QuerySet[Dispute], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if pk := order_pk(term):
            return queryset.filter(order=pk), False
        found = {*Dispute.objects.filter(stripe_id=term).values_list("pk", flat=True)}
        found |= {*Dispute.objects.filter(payment_intent_id=term).values_list("pk", flat=True)[:50]}
        return queryset.filter(pk__in=found), False

    def details(self, request: HttpRequest, row: Dispute) -> dict[str, Any]:
        found = evidence.gather(row)
        if found.order:
            privacy.opened(request, order=found.order)
        hide = partial(privacy.shown, request)
        tone, words = dispute_status(row.status)
        return {
            "title": f"{_('Dispute')} {row.order.number if row.order else row.stripe_id}",
            "tone": tone,
            "status": words,
            "reason": dispute_reason(row.reason),
            "is_near": is_near(row),
            "url_at_stripe": at_stripe("disputes", row.stripe_id),
            "found": found,
            "events": [happening(event) for event in found.events if event.name not in evidence.QUESTIONS],
            "questions": [(happening(event), words) for event, words in found.questions],
            "bills": found.lines(get_language() or "en"),
            "notices": [(one, notice_kind(one.kind), evidence_text.said_in(one), evidence_text.to(one, hide)) for one in found.notices],
            "parcels": [ParcelCard(parcel, parcel.items.all()) for parcel in found.parcels],
            "refunds": [(refund, status_pill(refund), reason_words(refund.reason)) for refund in found.refunds],
            "text": evidence_text.of(found, hide),
        }

    # --- Columns ---

    @admin.display(description=_("opened"))
    def opened(self, dispute: Dispute) -> SafeString:
        return link_to(dispute, moment(dispute.opened_at))

    @admin.display(description=_("order"))
    def order_number(self, dispute: Dispute) -> Any:
        return order_link(dispute.order)

    @admin.display(description=_("amount"))
    def sum(self, dispute: Dispute) -> SafeString:
        return amount(dispute.amount_cents, currency=dispute.currency)

    @admin.display(description=_("reason"))
    def why(self, dispute: Dispute) -> SafeString:
        return format_html("<bdi>{}</bdi>", dispute_reason(dispute.reason))

    @admin.display(description=_("status"))
    def state(self, dispute: Dispute) -> SafeString:
        return pill(*dispute_status(dispute.status))

    @admin.display(description=_("answer until"))
    def until(self, dispute: Dispute) -> SafeString:
        look = "bo-error bo-error--strong" if is_near(dispute) else ""
        return format_html('<span class="{}">{}</span>', look, moment(dispute.due_by))

    @admin.display(description=_("closed"))
    def closed(self, dispute: Dispute) -> Any:
        return moment(dispute.closed_at)


def is_near(dispute: Dispute) -> bool:
    """Whether Stripe soon takes no answer any more (or takes none already)."""
    return dispute.is_open and dispute.status in ANSWERABLE and dispute.due_by is not None and dispute.due_by < now() + NEAR
