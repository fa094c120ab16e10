"""Exchange rates as the sources gave them: a list to look things up in."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from backoffice.pages import Page, moment


class ExchangeRatePage(Page):
    list_display = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")
    fields = readonly_fields = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")

    @admin.display(description=_("fetched"))
    def fetched(self, rate: Any) -> Any:
        return moment(rate.fetched_at)
