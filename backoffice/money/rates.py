"""Exchange rates as the sources gave them, with the one in use marked: a list to look things up in."""

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backoffice.pages import Page, moment
from workflow.models import ExchangeRate
from workflow.pricing import usable_rate


class ExchangeRatePage(Page):
    list_display = ("fetched", "rate", "source", "day", "standing")
    fields = readonly_fields = ("fetched", "rate", "source", "day", "standing")

    def get_queryset(self, request: HttpRequest) -> Any:
        used = usable_rate()
        return super().get_queryset(request).annotate(in_use=ExpressionWrapper(Q(pk=used.pk if used else None), BooleanField()))

    @admin.display(description=_("fetched"))
    def fetched(self, rate: ExchangeRate) -> Any:
        return moment(rate.fetched_at)

    @admin.display(description=_("won for a dollar"))
    def rate(self, rate: Any) -> SafeString:
        return format_html('<span class="bo-number">₩{}</span>', f"{rate.krw_per_usd:,.2f}")

    @admin.display(description=_("as of"))
    def day(self, rate: ExchangeRate) -> str:
        return rate.as_of.isoformat()

    @admin.display(description=_("status"))
    def standing(self, rate: Any) -> SafeString | str:
        """Prices are confirmed at the one in use; a refused one says why it is not."""
        if rate.refused_because:
            return format_html('<span class="bo-error">{}</span>', rate.refused_because)
        return format_html('<span class="bo-pill bo-pill--good">{}</span>', _("in use")) if rate.in_use else ""
