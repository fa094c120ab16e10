"""What the list pages have in common: they are read-only, never count a whole table, and page by key, so that page one of a million
rows costs what page one of a thousand does.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from core.errors import BidangilError

BEFORE, AFTER = "before", "after"


class KeysetPaginator:
    """Only what Unfold's template asks of a paginator: which template shows it."""

    template_name = "backoffice/pagination.html"

    def __init__(self, per_page: int) -> None:
        self.per_page = per_page


class KeysetChangeList(ChangeList):
    """Newest first by primary key; `?before=` and `?after=` a key instead of page numbers. Nothing is counted."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        lookups = super().get_filters_params(params)
        return {name: value for name, value in lookups.items() if name not in (BEFORE, AFTER)}

    def get_results(self, request: HttpRequest) -> None:
        rows, has_newer, has_older = _page(self.queryset, before=_key(request, BEFORE), after=_key(request, AFTER), size=self.list_per_page)
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = len(rows)  # the header shows no "n of all" then
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)
        self.paginator = KeysetPaginator(self.list_per_page)
        self.newer_url = self.get_query_string({AFTER: rows[0].pk}, remove=[BEFORE]) if rows and has_newer else ""
        self.older_url = self.get_query_string({BEFORE: rows[-1].pk}, remove=[AFTER]) if rows and has_older else ""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return ["-pk"]


def _key(request: HttpRequest, name: str) -> int | None:
    said = request.GET.get(name, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def _page(queryset: QuerySet[Any], *, before: int | None, after: int | None, size: int) -> tuple[list[Any], bool, bool]:
    """The rows newest first, and whether there are newer and older ones."""
    if after is not None:
        rows = list(queryset.filter(pk__gt=after).order_by("pk")[: size + 1])
        return rows[:size][::-1], len(rows) > size, True
    rows = list((queryset if before is None else queryset.filter(pk__lt=before)).order_by("-pk")[: size + 1])
    return rows[:size], before is not None, len(rows) > size


class Page(ModelAdmin):
    """A list and a read-only page of one model. Seeing follows the model's permission; nothing can be added, changed or deleted."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_sheet = True
    list_fullwidth = True
    sortable_by: tuple[str, ...] = ()
    actions: Any = []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        opts = self.opts
        return request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters shown; Django would let anybody try `?password__startswith=` on a list's own columns."""
        return lookup in {found.parameter_name for found in self.list_filter}

    # --- One button a row ---

    def row_button(self, name: str, pk: int, label: Any) -> SafeString:
        """A button inside the list's own form (its CSRF token goes with it) that posts to a page of this model."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[pk])
        return format_html('<button type="submit" class="bo-button bo-button--small" formaction="{}">{}</button>', url, label)

    def pressed(self, request: HttpRequest, act: Any, *, done: Any) -> HttpResponse:
        """Answer a row's button: only POST, a refusal is a message, and back to where it was pressed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            act()
        except BidangilError as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, done)
        return HttpResponseRedirect(came_from(request, default=self.list_url()))


def came_from(request: HttpRequest, *, default: str) -> str:
    """The page of ours in the hidden field `next`; never another site."""
    from django.utils.http import url_has_allowed_host_and_scheme

    wanted = request.POST.get("next", "")
    return wanted if wanted.startswith("/admin/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else default


def moment(at: Any) -> SafeString | str:
    """A time in Seoul, to the minute, readable by machines too."""
    if at is None:
        return "–"
    return format_html('<time datetime="{}" class="bo-time">{}</time>', at.isoformat(), localtime(at).strftime("%Y-%m-%d %H:%M"))


def order_link(order: Any) -> SafeString | str:
    if order is None:
        return "–"
    return format_html('<a class="bo-link bo-mono" href="{}">{}</a>', reverse("admin:workflow_order_change", args=[order.pk]), order.number)


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose lookups are fixed choices; `pick` narrows the list."""

    def pick(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return self.pick(queryset, value) if value in dict(self.lookup_choices) else queryset
