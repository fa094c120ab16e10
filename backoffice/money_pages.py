"""Refunds, the ledger, Stripe's events and rates: lists to look things up in. A refund can be approved. Fees: `fee_pages.py`."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.pages import ChoiceFilter, Page, moment, order_link
from core.money import format_usd
from workflow import refunds
from workflow.models import LedgerEntry, LedgerKind, Refund, RefundStatus, StripeEvent

REFUND_TONES = {RefundStatus.SUCCEEDED: "good", RefundStatus.FAILED: "bad", RefundStatus.DECLINED: "nobody"}


def amount(cents: int, *, currency: str = "usd") -> SafeString:
    words = format_usd(cents) if currency == "usd" else f"{cents} {currency}"
    return format_html('<span class="bo-number">{}</span>', words)


class RefundStatusFilter(ChoiceFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(RefundStatus.choices)

    def pick(self, queryset: QuerySet[Refund], value: str) -> QuerySet[Refund]:
        return queryset.filter(status=value)


class RefundPage(Page):
    list_display = ("key", "order_number", "sum", "state", "reason", "proposer", "approver", "made", "approve_button")
    list_display_links = ("key",)
    list_filter = (RefundStatusFilter,)
    fields = readonly_fields = (
        "key", "order_number", "sum", "state", "reason", "stripe_id", "payment_intent_id", "proposer", "approver", "made", "last_error",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return Refund.objects.prefetch_related("order", "proposed_by", "approved_by")

    def get_urls(self) -> list[URLPattern]:
        approve = path("<int:pk>/approve/", self.admin_site.admin_view(self.approve), name="workflow_refund_approve")
        return [approve, *super().get_urls()]

    def approve(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.pressed(request, lambda: refunds.approve(pk, by=acting(request)), done=_("The refund is approved and goes to Stripe."))

    def may_press(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow.change_refund")

    @admin.display(description=_("order"))
    def order_number(self, refund: Refund) -> Any:
        return order_link(refund.order)

    @admin.display(description=_("amount"))
    def sum(self, refund: Refund) -> SafeString:
        return amount(refund.amount_usd_cents)

    @admin.display(description=_("status"))
    def state(self, refund: Refund) -> SafeString:
        tone = REFUND_TONES.get(RefundStatus(refund.status), "staff")
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, RefundStatus(refund.status).label)

    @admin.display(description=_("proposed by"), empty_value="–")
    def proposer(self, refund: Refund) -> Any:
        return refund.proposed_by

    @admin.display(description=_("approved by"), empty_value="–")
    def approver(self, refund: Refund) -> Any:
        return refund.approved_by

    @admin.display(description=_("made"))
    def made(self, refund: Refund) -> Any:
        return moment(refund.created_at)

    @admin.display(description="")
    def approve_button(self, refund: Refund) -> Any:
        return self.row_button("approve", refund.pk, _("Approve")) if refund.status == RefundStatus.PROPOSED else ""


class LedgerKindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(LedgerKind.choices)

    def pick(self, queryset: QuerySet[LedgerEntry], value: str) -> QuerySet[LedgerEntry]:
        return queryset.filter(kind=value)


class LedgerPage(Page):
    list_display = ("booked", "kind", "order_number", "sum", "source", "reference", "note")
    list_filter = (LedgerKindFilter,)
    fields = readonly_fields = ("booked", "kind", "order_number", "sum", "source", "reference", "payment_intent_id", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.prefetch_related("order")

    @admin.display(description=_("booked"))
    def booked(self, entry: LedgerEntry) -> Any:
        return moment(entry.booked_at)

    @admin.display(description=_("order"))
    def order_number(self, entry: LedgerEntry) -> Any:
        return order_link(entry.order)

    @admin.display(description=_("amount"))
    def sum(self, entry: LedgerEntry) -> SafeString:
        return amount(entry.amount_cents, currency=entry.currency)


class SettledFilter(ChoiceFilter):
    title, parameter_name = _("settled"), "settled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("not yet")), ("yes", _("settled"))]

    def pick(self, queryset: QuerySet[StripeEvent], value: str) -> QuerySet[StripeEvent]:
        return queryset.filter(settled_at__isnull=value == "no")


class StripeEventPage(Page):
    list_display = ("event_id", "type", "received", "settled", "outcome", "tries")
    list_filter = (SettledFilter,)
    search_fields = ("=event_id",)
    fields = readonly_fields = ("event_id", "type", "received", "settled", "outcome", "tries", "body")

    @admin.display(description=_("received"))
    def received(self, event: StripeEvent) -> Any:
        return moment(event.received_at)

    @admin.display(description=_("settled"))
    def settled(self, event: StripeEvent) -> Any:
        return moment(event.settled_at)

    @admin.display(description=_("tries"))
    def tries(self, event: StripeEvent) -> int:
        return event.attempts

    @admin.display(description=_("body"))
    def body(self, event: StripeEvent) -> SafeString:
        return format_html('<pre class="bo-pre">{}</pre>', json.dumps(event.payload, indent=2, ensure_ascii=False, sort_keys=True))


class ExchangeRatePage(Page):
    list_display = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")
    fields = readonly_fields = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")

    @admin.display(description=_("fetched"))
    def fetched(self, rate: Any) -> Any:
        return moment(rate.fetched_at)
