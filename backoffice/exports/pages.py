"""The button above a list, the page that asks for columns and format, and the answer: a file, and a row in the log of who took what.

The list's own filters and search decide what is in the file: the query string is carried through. A GET shows the page, the file is the
answer to a POST.
"""

import re
from array import array
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms.widgets import Media, Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from backoffice.access import acting
from backoffice.exports import files
from backoffice.exports.lists import EXPORTS, LABELS, OF_LIST, Column, Export
from backoffice.pages import AFTER, BEFORE, ChoiceFilter, Page, moment
from workflow.models import ExportChoice, ExportLog

FORMATS = {"xlsx": "Excel (XLSX)", "csv": "CSV"}
#: searches that name an order, something at Stripe or a parcel; whatever else was searched for may be a person
NAMES_A_THING = re.compile(
    r"BD[- ]?[0-9A-Z]{5}[- ]?[0-9A-Z]{5}|(pi|cs|re|evt|du|dp)_\w{4,100}|[A-Z]{2}[0-9]{9}[A-Z]{2}", re.ASCII | re.IGNORECASE
)
PARENTS_AT_ONCE = 5_000


class Exported(Page):
    """A list with a button that makes a file of what it shows; mixed in before the list's own class (admin.py)."""

    change_list_template = "backoffice/exports/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        view = self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(self.export))
        return [path("export/", view, name=name), path("export/<slug:what>/", view, name=f"{name}_what"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        url = f"{self.list_url()}export/{query_of(request)}" if _offered(self.model, request) else ""
        return super().changelist_view(request, {"export_url": url, **(extra_context or {})})

    def export(self, request: HttpRequest, what: str = "") -> HttpResponseBase:
        offered = _offered(self.model, request)
        if not offered:
            raise PermissionDenied
        export = next((one for one in OF_LIST[self.model] if one.name == what), None) if what else offered[0]
        if export is None:
            raise Http404
        if export not in offered:
            raise PermissionDenied
        try:
            found = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self.list_url())
        asked = Asked(request, self, export, offered, found)
        return _answer(asked) if request.method == "POST" else _page(asked)


def exported(page: type[Page]) -> type[Page]:
    """The page, with exports where its model has some."""
    return type(page.__name__, (Exported, page), {"__module__": page.__module__})


@dataclass(frozen=True)
class Asked:
    """One visit: who wants what of which list."""

    request: HttpRequest
    admin: Exported
    export: Export
    offered: list[Export]
    #: the list as it is narrowed
    found: ChangeList

    @property
    def rows(self) -> QuerySet[Any]:
        """All the list's rows, not those of one page."""
        return self.export.narrow(self.found.queryset).prefetch_related(None)


def _offered(model: type[Model], request: HttpRequest) -> list[Export]:
    return [export for export in OF_LIST.get(model, ()) if export.may(request)]


def query_of(request: HttpRequest) -> str:
    """How the list was narrowed, without the page one was on: `?state=shipped`, or nothing."""
    kept = request.GET.copy()
    for name in (BEFORE, AFTER):
        kept.pop(name, None)
    return f"?{kept.urlencode()}" if kept else ""


# --- The page -------------------------------------------------------------------------------------------------------------


def _page(asked: Asked, *, error: str = "", columns: list[str] | None = None, file_format: str = "") -> HttpResponse:
    request, export, site = asked.request, asked.export, asked.admin.admin_site
    kept = ExportChoice.objects.filter(user=request.user.pk, list_name=export.name).first()
    ticked = columns if columns is not None else kept.columns if kept else [one.name for one in export.columns if one.usual]
    count = asked.rows.order_by().values("pk")[: export.most + 1].count()
    query, url = query_of(request), asked.admin.list_url()
    context = {
        **site.each_context(request),
        "opts": asked.admin.opts,
        "title": _("Export"),
        "export": export,
        "tabs": [(one.label, f"{url}export/{one.name}/{query}", one is export) for one in asked.offered],
        "columns": [(column, column.name in ticked) for column in export.columns],
        "formats": FORMATS.items(),
        "format": file_format or (kept.format if kept else "xlsx"),
        "count": min(count, export.most),
        "is_more": count > export.most,
        "too_many_for_xlsx": not export.of and count > files.MOST_IN_XLSX,
        "most": export.most,
        "most_in_xlsx": files.MOST_IN_XLSX,
        "narrowed": _in_words(asked),
        "action": f"{url}export/{export.name}/{query}",
        "list_url": f"{url}{query}",
        "error": error,
        "script": Media(js=[Script("backoffice/exports.js", defer=True)]),  # type: ignore[list-item]
    }
    return render(request, "backoffice/exports/export.html", context, status=422 if error else 200)


def _in_words(asked: Asked) -> list[tuple[Any, Any]]:
    """How the list is narrowed, as its filters call it."""
    said = {name: value for name, value in asked.request.GET.items() if value and name not in (BEFORE, AFTER)}
    words: list[tuple[Any, Any]] = []
    for spec in asked.found.filter_specs:
        value = said.pop(str(getattr(spec, "parameter_name", "")), None)
        if value is not None:
            words.append((spec.title, dict(getattr(spec, "lookup_choices", ())).get(value, value)))
    names = {"q": _("Search"), "from": _("From"), "to": _("to")}
    return words + [(names.get(name, name), value) for name, value in said.items()]


def _filters(request: HttpRequest) -> dict[str, str]:
    """The list's filters as they are kept in the log: a search that may name a person is left out."""
    said = {name: str(value) for name, value in request.GET.items() if value and name not in (BEFORE, AFTER)}
    if "q" in said and not NAMES_A_THING.fullmatch(said["q"].strip()):
        said["q"] = "•••"
    return {name[:60]: value[:120] for name, value in said.items()}


# --- The file -------------------------------------------------------------------------------------------------------------


def _answer(asked: Asked) -> HttpResponseBase:
    request, export = asked.request, asked.export
    file_format, wanted = request.POST.get("format", ""), request.POST.getlist("column")
    if file_format not in FORMATS or set(wanted) - {column.name for column in export.columns}:
        return HttpResponseBadRequest(_("There is no such format or column."), content_type="text/plain; charset=utf-8")
    columns = export.chosen(wanted)
    if not columns:
        return _page(asked, error=_("Choose at least one column."), columns=[], file_format=file_format)
    keys = keys_of(asked.rows, export)
    if file_format == "xlsx" and len(keys) > files.MOST_IN_XLSX:
        words = _("An Excel file takes %(most)s rows and these are more: take CSV, or narrow the list.")
        return _page(asked, error=words % {"most": f"{files.MOST_IN_XLSX:,}"}, columns=wanted, file_format="csv")
    keep_log(request, export, columns, file_format=file_format, rows=len(keys))
    return files.answer(request, export, keys, columns, file_format=file_format)


def keys_of(rows: QuerySet[Any], export: Export) -> "array[int]":
    """The keys of what goes into the file, at most as many as it takes, in the file's order; 8 bytes each.

    The rows are read by them afterwards, so that what the log says is what the file holds.
    """
    ordered = rows.order_by("pk" if export.oldest_first else "-pk").values_list("pk", flat=True)
    keys = array("q", ordered[: export.most].iterator())
    return _belonging(keys, export) if export.of else keys


def _belonging(parents: "array[int]", export: Export) -> "array[int]":
    """The keys of the rows that belong to these, parent by parent."""
    keys: array[int] = array("q")
    for start in range(0, len(parents), PARENTS_AT_ONCE):
        some = parents[start : start + PARENTS_AT_ONCE].tolist()
        found = export.model._default_manager.filter(**{f"{export.of}__in": some}).order_by(f"-{export.of}_id", "position")
        keys.extend(islice(found.values_list("pk", flat=True).iterator(), export.most - len(keys)))
        if len(keys) >= export.most:
            break
    return keys


@transaction.atomic
def keep_log(request: HttpRequest, export: Export, columns: list[Column], *, file_format: str, rows: int) -> None:
    """Who took what; and the columns, for the next time."""
    names, person = [column.name for column in columns], acting(request).user
    assert person is not None
    ExportLog.objects.create(user=person, list_name=export.name, format=file_format, filters=_filters(request), columns=names, rows=rows)
    said = {"columns": names, "format": file_format}
    ExportChoice.objects.update_or_create(user=person, list_name=export.name, defaults=said)


# --- Who took what, for the owner -----------------------------------------------------------------------------------------


class ListFilter(ChoiceFilter):
    title, parameter_name = gettext_lazy("list"), "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(LABELS.items())

    def pick(self, queryset: QuerySet[ExportLog], value: str) -> QuerySet[ExportLog]:
        return queryset.filter(list_name=value)


class ExportLogPage(Page):
    list_display = ("taken", "user", "what", "rows", "format", "narrowed", "taken_columns")
    list_display_links = None
    list_filter = (ListFilter,)
    list_select_related: Any = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportLog]:
        return ExportLog.objects.prefetch_related("user")

    def get_urls(self) -> list[URLPattern]:
        return [path("", self.admin_site.admin_view(self.changelist_view), name="workflow_exportlog_changelist")]

    @admin.display(description=gettext_lazy("time"))
    def taken(self, log: ExportLog) -> Any:
        return moment(log.at)

    @admin.display(description=gettext_lazy("list"))
    def what(self, log: ExportLog) -> str:
        return str(LABELS.get(log.list_name, log.list_name))

    @admin.display(description=gettext_lazy("filters"))
    def narrowed(self, log: ExportLog) -> SafeString:
        said = ", ".join(f"{name}={value}" for name, value in log.filters.items())
        return format_html('<bdi class="bo-mono bo-export__said">{}</bdi>', said or "–")

    @admin.display(description=gettext_lazy("columns"))
    def taken_columns(self, log: ExportLog) -> SafeString:
        labels = {column.name: column.label for one in EXPORTS if one.name == log.list_name for column in one.columns}
        said = ", ".join(str(labels.get(name, name)) for name in log.columns)
        return format_html('<span class="bo-export__said">{}</span>', said)
