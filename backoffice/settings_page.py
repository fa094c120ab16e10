"""The settings: one page of cards that lead to whatever the owner can set. A new setting: a line in `CARDS`.

A card is shown to whoever may open its page; one whose page does not exist is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.access import PEOPLE_SEEN_BY, holds
from backoffice.letters import pages as letters
from workflow import pricing
from workflow.invoices import fee_words
from workflow.letters.catalogue import entries
from workflow.models import FeePolicy
from workflow.transitions import roles_held


@dataclass(frozen=True)
class Card:
    title: Any
    text: Any
    icon: str
    #: of its page
    name: str
    may: Callable[[HttpRequest], bool]
    #: the value in force, in a line; asked for only on the page
    current: Callable[[], str] = str
    query: str = ""

    @property
    def url(self) -> str:
        """ "" where there is no such page."""
        try:
            return reverse(self.name) + self.query
        except NoReverseMatch:
            return ""

    @property
    def now(self) -> str:
        return self.current()


def holding(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def fee_in_force() -> str:
    policy = FeePolicy.objects.filter(valid_from__lte=now()).order_by("-valid_from").first()
    if policy is None:
        return ""
    fee = fee_words(policy.service_fee_bp, flat_krw=policy.service_fee_flat_krw)
    return _("%(fee)s service fee since %(day)s") % {"fee": fee, "day": f"{localtime(policy.valid_from):%Y-%m-%d}"}


def rate_in_use() -> str:
    rate = pricing.last_rate()
    return _("₩%(won)s for $1, as of %(day)s") % {"won": f"{rate.krw_per_usd:,.2f}", "day": f"{rate.as_of:%Y-%m-%d}"} if rate else ""


def letters_sent() -> str:
    count = len(entries())
    return ngettext("%(count)s letter, in Korean and English", "%(count)s letters, in Korean and English", count) % {"count": count}


CARDS = (
    Card(
        gettext_lazy("Fees"), gettext_lazy("What we take for buying and sending, from when on."), "percent",
        "admin:workflow_feepolicy_changelist", holding("workflow.view_feepolicy"), fee_in_force,
    ),
    Card(
        gettext_lazy("Exchange rates"), gettext_lazy("What our sources said, and which rate new quotes use."), "currency_exchange",
        "admin:workflow_exchangerate_changelist", holding("workflow.view_exchangerate"), rate_in_use,
    ),
    Card(
        gettext_lazy("Restricted goods"), gettext_lazy("What cannot be bought or sent, and where to."), "block",
        "admin:workflow_restriction_changelist", holding("workflow.view_restriction"),
    ),
    Card(
        gettext_lazy("Couriers"), gettext_lazy("Who carries parcels, and how often we ask them."), "local_shipping",
        "admin:couriers", holding("workflow.view_couriersetting"),
    ),
    Card(
        gettext_lazy("Rate cards"), gettext_lazy("What couriers cost by weight and country, from when on."), "price_check",
        "admin:workflow_ratecard_changelist", holding("workflow.view_ratecard"),
    ),
    Card(
        gettext_lazy("Promise clocks"), gettext_lazy("How long each step may take before it is late."), "timer",
        "admin:promises", holding("workflow.view_order"),
    ),
    Card(
        gettext_lazy("Templates of notices"), gettext_lazy("Every letter to customers and staff, and a test of it to yourself."), "drafts",
        "admin:letters", letters.may, letters_sent,
    ),
    Card(
        gettext_lazy("Staff"), gettext_lazy("Who works here, and in which roles."), "badge",
        "admin:accounts_user_changelist", lambda request: holds(request, PEOPLE_SEEN_BY), query="?who=staff",
    ),
    Card(
        gettext_lazy("Roles"), gettext_lazy("What each role may see and do."), "shield_person",
        "admin:roles", lambda request: bool(roles_held(request.user)),  # type: ignore[arg-type]
    ),
)  # fmt: skip


def cards(request: HttpRequest) -> list[Card]:
    return [card for card in CARDS if card.may(request) and card.url]


def urls(site: Any) -> list[URLPattern]:
    def page(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found = cards(request)
        if not found:
            raise PermissionDenied
        context = {**site.each_context(request), "title": gettext_lazy("Settings"), "is_fullwidth": "1", "cards": found}
        return render(request, "backoffice/settings.html", context)

    return [path("settings/", site.admin_view(page), name="settings")]
