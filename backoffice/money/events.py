"""Stripe's events: what each brought about, and a button that lets one be settled again."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.money.filters import FieldFilter
from backoffice.money.shown import MoneyList, MoneyPage, Tab, link_to, pill
from backoffice.pages import ChoiceFilter, KeysetChangeList, moment
from backoffice.privacy import shown_json
from workflow import settlement
from workflow.models import StripeEvent

#: types and outcomes have no index of their own: the time that is looked at has
LOOK_BACK = timedelta(days=90)
#: how an outcome begins -> tone, what it says at a glance
OUTCOMES: dict[str, tuple[str, Any]] = {
    "payment recorded": ("good", _("payment recorded")),
    "payment in process": ("customer", _("payment in process")),
    "payment failed": ("nobody", _("payment failed")),
    "session closed": ("nobody", _("session closed")),
    "still open": ("nobody", _("session still open")),
    "already": ("nobody", _("known already")),
    "old news": ("nobody", _("known already")),
    "unapplied": ("staff", _("payment nobody expected")),
    "kept aside": ("staff", _("kept aside")),
    "ignored": ("nobody", _("not for us")),
    "no refunds": ("nobody", _("no refunds")),
    "refund failed": ("bad", _("refund failed")),
    "refund": ("good", _("refund booked")),
    "dispute won": ("good", _("dispute won")),
    "dispute lost": ("bad", _("dispute lost")),
    "dispute": ("bad", _("dispute booked")),
}
#: `istartswith`: what MariaDB compares byte by byte (`startswith`) it does not look up in an index
FAMILIES = {
    "checkout": (_("Checkout sessions"), Q(type__istartswith="checkout.")),
    "refund": (_("Refunds"), Q(type__istartswith="refund.") | Q(type="charge.refunded")),
    "dispute": (_("Disputes"), Q(type__istartswith="charge.dispute.")),
}


def other_types() -> list[str]:
    """The types there are that belong to no family. Asked for by name, as events of none of some types are found in no index; the few
    types there are, the index by type tells."""
    known = StripeEvent.objects.order_by().values_list("type", flat=True).distinct()
    families = ("checkout.", "refund.", "charge.dispute.")
    return [name for name in known if not name.lower().startswith(families) and name != "charge.refunded"]


class SettledFilter(ChoiceFilter):
    title, parameter_name = _("settled"), "settled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("not yet")), ("yes", _("settled")), ("aside", _("kept aside (90 days)"))]

    def pick(self, queryset: QuerySet[StripeEvent], value: str) -> QuerySet[StripeEvent]:
        if value == "aside":
            return queryset.filter(received_at__gte=now() - LOOK_BACK, outcome__istartswith="kept aside")
        return queryset.filter(settled_at__isnull=value == "no")


class TypeFilter(FieldFilter):
    title, parameter_name = _("type (90 days)"), "type"
    options = (*((name, label) for name, (label, _which) in FAMILIES.items()), ("other", _("Others")))

    def pick(self, queryset: QuerySet[StripeEvent], value: str) -> QuerySet[StripeEvent]:
        recent = queryset.filter(received_at__gte=now() - LOOK_BACK)
        return recent.filter(FAMILIES[value][1] if value in FAMILIES else Q(type__in=other_types()))


class EventList(MoneyList):
    """Each row knows whether the person who looks at it may settle it again."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        may = request.user.has_perm("workflow.change_stripeevent")
        for event in self.result_list:
            event.may_again = may


class StripeEventPage(MoneyPage):
    list_display = ("received", "name", "settled", "what_came", "tries", "again_button")
    list_display_links = None
    list_filter = (SettledFilter, TypeFilter)
    search_fields = ("=event_id",)
    search_help_text = _("The event's id, exactly")
    template = "backoffice/money/event.html"
    tabs = (
        Tab(_("All"), {}),
        Tab(_("Not yet settled"), {"settled": "no"}),
        Tab(_("Kept aside"), {"settled": "aside"}),
        *(Tab(label, {"type": name}) for name, (label, _which) in FAMILIES.items()),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[StripeEvent]:
        return StripeEvent.objects.defer("payload")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return EventList

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:pk>/again/", self.admin_site.admin_view(self.again), name="workflow_stripeevent_again"),
            *super().get_urls(),
        ]

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.must(request, "change")
        return self.pressed(request, lambda: settlement.settle_again(pk, by=acting(request)), done=_("It is settled again in a moment."))

    def details(self, request: HttpRequest, row: StripeEvent) -> dict[str, Any]:
        tone, words = outcome_of(row)
        return {
            "title": row.type,
            "tone": tone,
            "words": words,
            "body": json.dumps(shown_json(request, row.payload), indent=2, ensure_ascii=False, sort_keys=True),
            "may_again": request.user.has_perm("workflow.change_stripeevent"),
        }

    # --- Columns ---

    @admin.display(description=_("received"))
    def received(self, event: StripeEvent) -> Any:
        return moment(event.received_at)

    @admin.display(description=_("event"))
    def name(self, event: StripeEvent) -> SafeString:
        words = format_html("<bdi>{}</bdi>", event.type or "?")
        return format_html('{}<span class="bo-under bo-mono"><bdi>{}</bdi></span>', link_to(event, words), event.event_id)

    @admin.display(description=_("settled"))
    def settled(self, event: StripeEvent) -> Any:
        return moment(event.settled_at)

    @admin.display(description=_("outcome"))
    def what_came(self, event: StripeEvent) -> SafeString:
        tone, words = outcome_of(event)
        more = event.outcome.partition(": ")[2].replace("_", " ")
        return format_html('{}<span class="bo-under"><bdi>{}</bdi></span>', pill(tone, words), more) if more else pill(tone, words)

    @admin.display(description=_("tries"))
    def tries(self, event: StripeEvent) -> int:
        return event.attempts

    @admin.display(description="")
    def again_button(self, event: Any) -> Any:
        return self.post_button(event, "again", _("Settle again")) if event.may_again else ""


def outcome_of(event: StripeEvent) -> tuple[str, Any]:
    """The tone and the words of what an event brought about."""
    if event.settled_at is None:
        return ("bad", _("not settled")) if event.attempts else ("customer", _("waiting"))
    known = next((said for start, said in OUTCOMES.items() if event.outcome.startswith(start)), None)
    return known or ("nobody", event.outcome or _("settled"))
