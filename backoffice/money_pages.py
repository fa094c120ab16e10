"""Exchange rates and fee policies: lists to look things up in. A fee policy can be added. All other money: `backoffice/money/`."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backoffice.pages import Page, moment
from workflow.models import FeePolicy


class ExchangeRatePage(Page):
    list_display = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")
    fields = readonly_fields = ("fetched", "krw_per_usd", "source", "as_of", "refused_because")

    @admin.display(description=_("fetched"))
    def fetched(self, rate: Any) -> Any:
        return moment(rate.fetched_at)


class FeePolicyPage(Page):
    """Fees in force from a moment on. A policy is added, never changed: quotes refer to the one they were made with."""

    list_display = ("since", "service_fee_bp", "card_fee_bp", "delivery_krw_per_kg", "volume_divisor")
    fields = ("valid_from", "service_fee_bp", "card_fee_bp", "delivery_krw_per_kg", "volume_divisor")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow.add_feepolicy")

    def get_readonly_fields(self, request: HttpRequest, obj: FeePolicy | None = None) -> tuple[str, ...]:
        return self.fields if obj else ()

    @admin.display(description=_("valid from"), ordering="valid_from")
    def since(self, policy: FeePolicy) -> Any:
        return moment(policy.valid_from)
