"""The button "Show": a customer's data in clear for one order, one person and ten minutes, on a reason; and the owner's page of who
read what.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backoffice import privacy
from backoffice.pages import ChoiceFilter, Page, came_from, moment, order_link
from backoffice.privacy import Personal
from core.accounts.models import User, normalise_email
from core.errors import BidangilError
from workflow.lookup import normalise_number
from workflow.models import Order, PersonalDataRead
from workflow.models.reading import How


def urls(site: Any) -> list[URLPattern]:
    return [path("personal/<int:order_id>/show/", site.admin_view(show), name="show_personal")]


def show(request: HttpRequest, order_id: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm("workflow.view_order"):
        raise PermissionDenied
    order = get_object_or_404(Order, pk=order_id)
    try:
        if not privacy.show(request, order, reason=request.POST.get("reason", "")):
            raise PermissionDenied
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Shown to you for ten minutes. It is written down who read it and why."))
    return HttpResponseRedirect(came_from(request, default=reverse("admin:workflow_order_change", args=[order.pk])))


class HowFilter(ChoiceFilter):
    title, parameter_name = _("how"), "how"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(How.choices)

    def pick(self, queryset: QuerySet[PersonalDataRead], value: str) -> QuerySet[PersonalDataRead]:
        return queryset.filter(how=value)


class ReadingPage(Page):
    list_display = ("when", "who", "whose", "order_number", "what", "how_words", "why")
    list_display_links = None
    list_filter = (HowFilter,)
    search_fields = ("=order__number",)
    search_help_text = _("Order number, or the e-mail of a colleague or a customer, exactly")
    fields = readonly_fields = ("when", "who", "whose", "order_number", "what", "how_words", "why")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonalDataRead]:
        return PersonalDataRead.objects.prefetch_related("user", "customer", "order")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PersonalDataRead], search_term: str
    ) -> tuple[QuerySet[PersonalDataRead], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            person = User.objects.filter(email=normalise_email(term)).first()
            field = "user" if person and person.is_staff else "customer"
            return queryset.filter(**{field: person}) if person else queryset.none(), False
        order = Order.objects.filter(number=normalise_number(term) or "-").first()
        return queryset.filter(order=order) if order else queryset.none(), False

    # --- Columns ---

    @admin.display(description=_("when"))
    def when(self, row: PersonalDataRead) -> Any:
        return moment(row.at)

    @admin.display(description=_("read by"))
    def who(self, row: PersonalDataRead) -> SafeString:
        return _person(row.user)

    @admin.display(description=_("whose data"))
    def whose(self, row: PersonalDataRead) -> SafeString:
        return _person(row.customer)

    @admin.display(description=_("order"))
    def order_number(self, row: PersonalDataRead) -> Any:
        return order_link(row.order)

    @admin.display(description=_("which data"))
    def what(self, row: PersonalDataRead) -> str:
        return ", ".join(str(Personal(name).label) for name in row.fields.split(",") if name in Personal.values)

    @admin.display(description=_("how it was read"))
    def how_words(self, row: PersonalDataRead) -> SafeString:
        tone = "staff" if row.how == How.SHOWN else "nobody"
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, How(row.how).label)

    @admin.display(description=_("reason given"))
    def why(self, row: PersonalDataRead) -> SafeString:
        return format_html("<bdi>{}</bdi>", row.reason or "–")


def _person(user: User) -> SafeString:
    return format_html('<a class="bo-link" href="{}"><bdi>{}</bdi></a>', reverse("admin:accounts_user_change", args=[user.pk]), user)
