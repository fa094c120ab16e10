"""The fees: which are in force, were and will be; one is added with an example of what it costs, and taken back before it holds.

The rules are in `workflow/fees.py`.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from backoffice import fee_words
from backoffice.access import acting
from backoffice.fee_example import ExampleForm, example
from backoffice.fee_forms import PolicyForm, as_typed
from backoffice.pages import Page, moment
from core.errors import BidangilError
from workflow import fees
from workflow.models import FeePolicy


class FeePolicyPage(Page):
    """A policy is added, never changed: quotes refer to the one they were made with."""

    list_display = ("since", "until", "standing", "service_fee", "delivery", "card_fee", "take_back")
    list_display_links = ("since",)
    ordering = ("-valid_from",)
    show_full_result_count = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[FeePolicy]:
        later = FeePolicy.objects.filter(valid_from__gt=OuterRef("valid_from")).order_by("valid_from")
        return FeePolicy.objects.annotate(until=Subquery(later.values("valid_from")[:1]))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """By the moment they begin; there are never many."""
        return ChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow.add_feepolicy")

    # --- Pages ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        today = policy = _in_force()
        form, example_form = PolicyForm(request.POST or None, initial=as_typed(today)), ExampleForm(request.POST.dict())
        if form.is_valid():
            if "preview" not in request.POST and self._added(request, form):
                return HttpResponseRedirect(self.list_url())
            policy = FeePolicy(**form.cleaned_data)
        shown = {"form": form, "example_form": example_form, "example": None if form.errors else example(policy, example_form, today=today)}
        return self._page(request, "add", {"title": _("New fees"), **shown}, status=422 if form.errors else 200)

    def _added(self, request: HttpRequest, form: PolicyForm) -> bool:
        try:
            policy = fees.add_policy(by=acting(request), **form.cleaned_data)
        except BidangilError as refused:
            form.add_error(refused.field, str(refused))
            return False
        self.log_addition(request, policy, [{"added": {}}])
        messages.success(request, _("The new fees are saved."))
        return True

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        policy = self._policy(request, object_id)
        example_form = ExampleForm(request.GET.dict())
        shown = {"example_form": example_form, "example": example(policy, example_form, today=_in_force())}
        return self._page(request, "policy", {**_heading(policy), **shown})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        policy = self._policy(request, object_id)
        if request.method != "POST":
            return self._page(request, "take_back", _heading(policy))
        try:
            fees.remove_policy(policy.pk, by=acting(request))
        except BidangilError as refused:
            messages.error(request, str(refused))
        else:
            self.log_deletions(request, [policy])
            messages.success(request, _("The planned fees are taken back."))
        return HttpResponseRedirect(self.list_url())

    def _policy(self, request: HttpRequest, object_id: str) -> FeePolicy:
        is_key = object_id.isascii() and object_id.isdecimal() and len(object_id) < 19
        policy = self.get_queryset(request).filter(pk=object_id).first() if is_key else None
        if policy is None:
            raise Http404
        return policy

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "list_url": self.list_url(), **shown}
        return render(request, f"backoffice/fees/{name}.html", context, status=status)

    # --- Columns ---

    @admin.display(description=_("valid from"))
    def since(self, policy: FeePolicy) -> Any:
        return moment(policy.valid_from)

    @admin.display(description=_("until"))
    def until(self, policy: Any) -> Any:
        return moment(policy.until)

    @admin.display(description=_("status"))
    def standing(self, policy: FeePolicy) -> SafeString:
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', *fee_words.standing(policy))

    @admin.display(description=_("service fee"))
    def service_fee(self, policy: FeePolicy) -> SafeString:
        return _cell(fee_words.service_fee(policy))

    @admin.display(description=_("delivery"))
    def delivery(self, policy: FeePolicy) -> SafeString:
        return _cell(fee_words.delivery(policy))

    @admin.display(description=_("card fee"))
    def card_fee(self, policy: FeePolicy) -> SafeString:
        return _cell(fee_words.card_fee(policy))

    @admin.display(description="")
    def take_back(self, policy: FeePolicy) -> Any:
        if policy.valid_from <= now():
            return ""
        url = reverse("admin:workflow_feepolicy_delete", args=[policy.pk])
        return format_html('<a class="bo-button bo-button--small" href="{}">{}</a>', url, _("Take back"))


def _cell(part: fee_words.Part) -> SafeString:
    more = format_html_join("", '<br><span class="bo-soft">{}</span>', ((words,) for words in part.more))
    return format_html('<span class="bo-number">{}</span>{}', part.main, more)


def _heading(policy: Any) -> dict[str, Any]:
    tone, standing = fee_words.standing(policy)
    planned = policy.valid_from > now()
    return {"title": _("Fees"), "policy": policy, "parts": fee_words.parts(policy), "tone": tone, "standing": standing, "planned": planned}


def _in_force() -> FeePolicy:
    """The defaults where there is none yet, so that one can be added."""
    return FeePolicy.objects.filter(valid_from__lte=now()).order_by("-valid_from").first() or FeePolicy()
