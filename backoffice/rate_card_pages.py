"""The rate cards: what couriers cost, which card holds, will and did; one is added (from nothing, or as a copy of another), taken back
before it holds, and a parcel is tried on all of them.

The rules are in `workflow/rate_cards.py`.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from backoffice import fee_words
from backoffice.access import acting
from backoffice.pages import ChoiceFilter, Page, moment
from backoffice.rate_card_forms import CardForm, TryForm, as_typed
from backoffice.words import courier_name
from core.errors import BidangilError
from core.money import format_krw
from workflow import rate_cards, work
from workflow.invoices import percent
from workflow.models import RateCard


class StandingFilter(ChoiceFilter):
    title, parameter_name = _("status"), "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("held", _("in force")), ("planned", _("planned")), ("past", _("past"))]

    def pick(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        begun, planned, followed = Q(valid_from__lte=now()), Q(valid_from__gt=now()), Q(until__lte=now())
        # not `~followed`: nothing is known of the last card's end, and NULL is neither
        held = begun & (Q(until=None) | Q(until__gt=now()))
        return queryset.filter({"held": held, "planned": planned, "past": followed}[value])


class CourierFilter(ChoiceFilter):
    title, parameter_name = _("courier"), "courier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(work.courier_names().items())

    def pick(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(courier=value)


class RateCardPage(Page):
    """A card is added, never changed: fees were proposed by it."""

    list_display = ("name", "destination", "since", "until", "standing", "reach", "surcharge", "take_back")
    list_display_links = ("name",)
    list_filter = (StandingFilter, CourierFilter)
    list_before_template = "backoffice/rate_cards/list_top.html"
    ordering = ("courier", "country", "-valid_from")
    show_full_result_count = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[RateCard]:
        return rate_cards.with_end()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """By courier and country; there are never many."""
        return ChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": _("Rate cards"), "try_form": TryForm({}), **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow.add_ratecard")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("try/", view(self.try_view), name="workflow_ratecard_try"), *super().get_urls()]

    # --- Pages ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """`?of=` a card's key begins with its values."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        of = self._card(request, request.GET["of"]) if request.GET.get("of") else None
        initial = as_typed(of or RateCard())
        form = CardForm(request.POST, request.FILES, initial=initial) if request.method == "POST" else CardForm(initial=initial)
        if form.is_bound and form.is_valid() and not form.row_errors and self._is_to_be_saved(request, form) and self._added(request, form):
            return HttpResponseRedirect(self.list_url())
        is_wrong = bool(form.is_bound and (form.errors or form.row_errors))
        shown = {"title": _("New rate card"), "form": form, "of": of, "is_wrong": is_wrong}
        return self._page(request, "add", shown, status=422 if is_wrong else 200)

    @staticmethod
    def _is_to_be_saved(request: HttpRequest, form: CardForm) -> bool:
        """What was read from a list is shown as rows first: nobody saves prices unseen."""
        return "more" not in request.POST and "read" not in request.POST and not form.is_list_given

    def _added(self, request: HttpRequest, form: CardForm) -> bool:
        try:
            card = rate_cards.add_card(by=acting(request), **form.card())
        except BidangilError as refused:
            form.refuse(refused)
            return False
        self.log_addition(request, card, [{"added": {}}])
        messages.success(request, _("The rate card is saved."))
        return True

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, "card", self._heading(request, self._card(request, object_id)))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        card = self._card(request, object_id)
        if request.method != "POST":
            return self._page(request, "take_back", self._heading(request, card))
        try:
            rate_cards.remove_card(card.pk, by=acting(request))
        except BidangilError as refused:
            messages.error(request, str(refused))
        else:
            self.log_deletions(request, [card])
            messages.success(request, _("The planned rate card is taken back."))
        return HttpResponseRedirect(self.list_url())

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What a parcel costs by every card that holds; changes nothing."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.GET.dict())
        prices = form.prices() if form.is_valid() else None
        return self._page(request, "try", {"title": _("Try a parcel"), "try_form": form, "prices": prices})

    def _card(self, request: HttpRequest, key: str) -> Any:
        is_key = key.isascii() and key.isdecimal() and len(key) < 19
        card = self.get_queryset(request).select_related("made_by").filter(pk=key).first() if is_key else None
        if card is None:
            raise Http404
        return card

    def _heading(self, request: HttpRequest, card: Any) -> dict[str, Any]:
        tone, standing = fee_words.standing(card)
        return {
            "title": _("Rate card"),
            "card": card,
            "tone": tone,
            "standing": standing,
            "planned": card.valid_from > now(),
            "fuel": percent(card.fuel_surcharge_bp),
            "may_edit": self.has_add_permission(request),
        }

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "list_url": self.list_url(), **shown}
        return render(request, f"backoffice/rate_cards/{name}.html", context, status=status)

    # --- Columns ---

    @admin.display(description=_("courier"))
    def name(self, card: RateCard) -> Any:
        return format_html('{}<br><span class="bo-soft"><bdi>{}</bdi></span>', courier_name(card.courier), card.note)

    @admin.display(description=_("destination"))
    def destination(self, card: RateCard) -> Any:
        return card.country or _("all others")

    @admin.display(description=_("valid from"))
    def since(self, card: RateCard) -> Any:
        return moment(card.valid_from)

    @admin.display(description=_("until"))
    def until(self, card: Any) -> Any:
        return moment(card.until)

    @admin.display(description=_("status"))
    def standing(self, card: RateCard) -> SafeString:
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', *fee_words.standing(card))

    @admin.display(description=_("steps"))
    def reach(self, card: RateCard) -> SafeString:
        first, last = card.steps[0], card.steps[-1]
        count = ngettext("%(count)s step", "%(count)s steps", len(card.steps)) % {"count": len(card.steps)}
        most = gettext("parcels up to %(grams)s g") % {"grams": f"{card.max_g:,}"}
        words = '<span class="bo-number">{} – {}</span><br><span class="bo-soft">{}, <span class="bo-number">{}</span></span>'
        return format_html(words, format_krw(first["krw"]), format_krw(last["krw"]), count, most)

    @admin.display(description=_("fuel surcharge"))
    def surcharge(self, card: RateCard) -> str:
        return percent(card.fuel_surcharge_bp) if card.fuel_surcharge_bp else "–"

    @admin.display(description="")
    def take_back(self, card: RateCard) -> Any:
        if card.valid_from <= now():
            return ""
        url = reverse("admin:workflow_ratecard_delete", args=[card.pk])
        return format_html('<a class="bo-button bo-button--small" href="{}">{}</a>', url, _("Take back"))
