"""People, for the owner: find somebody, make staff, change roles, close an account. The rules are in `core/accounts/staff.py`."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice import privacy
from backoffice.access import PEOPLE_SEEN_BY, holds
from backoffice.pages import ChoiceFilter, Page, moment
from core.accounts import staff, two_steps
from core.accounts.models import Locale, User, normalise_email
from core.errors import BidangilError
from workflow.process import Role

MOST_EVENTS = 20


class WhoFilter(ChoiceFilter):
    title, parameter_name = _("who"), "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("staff", _("staff")), ("customers", _("customers"))]

    def pick(self, queryset: QuerySet[User], value: str) -> QuerySet[User]:
        return queryset.filter(is_staff=value == "staff")


def roles_field(**words: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=Role.choices, required=False, label=_("Roles"), widget=forms.CheckboxSelectMultiple, **words)


class NewStaffForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    nickname = forms.CharField(label=_("Nickname"), max_length=40)
    password = forms.CharField(
        label=_("First password"), max_length=256, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    locale = forms.ChoiceField(label=_("Language"), choices=Locale.choices)
    roles = roles_field()


class StaffForm(forms.Form):
    is_active = forms.BooleanField(label=_("Active"), required=False, help_text=_("A closed account is signed out everywhere at once."))
    roles = roles_field(help_text=_("Without a role the person is not staff."))


class PeoplePage(Page):
    list_display = ("email", "nickname", "role_names", "active", "joined")
    list_filter = (WhoFilter,)
    search_fields = ("=email",)
    search_help_text = _("E-mail or nickname, exactly")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return User.objects.prefetch_related("groups")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[User], search_term: str) -> tuple[QuerySet[User], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(email=normalise_email(term)) if "@" in term else queryset.filter(nickname=term), False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return holds(request, PEOPLE_SEEN_BY)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return holds(request, PEOPLE_SEEN_BY)

    # --- Pages ---

    def get_urls(self) -> list[URLPattern]:
        reset = path("<int:pk>/reset-two-step/", self.admin_site.admin_view(self.reset_two_step), name="accounts_user_reset_two_step")
        return [reset, *super().get_urls()]

    def reset_two_step(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The app is lost, and the recovery codes with it."""

        def reset() -> None:
            two_steps.reset(get_object_or_404(User, pk=pk, is_staff=True), by=request.user)  # type: ignore[arg-type]

        return self.pressed(request, reset, done=_("Two-step sign-in is reset; the person sets it up again at the next login."))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        form = NewStaffForm(request.POST if request.method == "POST" else None)

        def make(said: dict[str, Any]) -> None:
            staff.create_staff(said.pop("email"), by=request.user, **said)  # type: ignore[arg-type]

        return self._answer(request, form, make, title=_("New member of staff"))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        person = self.get_queryset(request).filter(pk=object_id).first() if object_id.isdigit() else None
        if person is None:
            raise Http404
        privacy.opened_person(request, person)
        held = [group.name for group in person.groups.all() if group.name in Role.values]
        form = StaffForm(request.POST if request.method == "POST" else None, initial={"is_active": person.is_active, "roles": held})

        def change(said: dict[str, Any]) -> None:
            staff.change_staff(person.pk, by=request.user, known_roles=Role.values, **said)  # type: ignore[arg-type]

        return self._answer(request, form, change, title=person.nickname, person=person, extra=self.account_of(person))

    def account_of(self, person: User) -> dict[str, Any]:
        """How a member of staff signs in, and what was done to their account lately."""
        events = list(person.account_events.select_related("by").order_by("-pk")[:MOST_EVENTS])
        if not (person.is_staff or events):
            return {}
        return {"account_events": events, "device": two_steps.device_of(person), "codes_left": two_steps.codes_left(person)}

    def _answer(
        self,
        request: HttpRequest,
        form: forms.Form,
        act: Callable[[dict[str, Any]], Any],
        *,
        title: Any,
        person: User | None = None,
        extra: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    act(dict(form.cleaned_data))
                    messages.success(request, _("Saved."))
                    return HttpResponseRedirect(self.list_url())
                except BidangilError as refused:
                    form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form, "person": person}
        return render(request, "backoffice/person.html", {**context, **(extra or {}), "list_url": self.list_url()}, status=status)

    # --- Columns ---

    @admin.display(description=_("roles"))
    def role_names(self, user: User) -> str:
        if user.is_superuser:
            return str(Role.OWNER.label)
        return ", ".join(str(Role(group.name).label) for group in user.groups.all() if group.name in Role.values) or "–"

    @admin.display(description=_("active"))
    def active(self, user: User) -> SafeString:
        tone, words = ("good", _("active")) if user.is_active else ("nobody", pgettext_lazy("account", "closed"))
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, words)

    @admin.display(description=_("joined"))
    def joined(self, user: User) -> Any:
        return moment(user.joined_at)
