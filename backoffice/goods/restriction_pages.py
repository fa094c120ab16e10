"""Restricted goods: the topics in force, each with its texts, words and history; a new version, its end, and a text to try them on.

The rules are in `workflow/restrictions.py`, what is found in texts in `workflow/hints.py`.
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
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from backoffice.access import acting
from backoffice.goods.restriction_forms import VersionForm, as_typed
from backoffice.orders.hint_badges import PLACES, TONES
from backoffice.pages import ChoiceFilter, Page, moment
from backoffice.templatetags.backoffice import icon
from core.errors import BidangilError
from workflow import hints, restrictions
from workflow.models import Restriction, RestrictionKind

MAX_TRIED = 4_000


class StandingFilter(ChoiceFilter):
    title, parameter_name = _("status"), "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("planned", _("planned")), ("over", _("ended")), ("all", _("all versions"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Restriction]) -> QuerySet[Restriction]:
        """Those in force, where nothing is chosen."""
        return super().queryset(request, queryset) if self.value() else queryset.filter(restrictions.holding(now()))

    def pick(self, queryset: QuerySet[Restriction], value: str) -> QuerySet[Restriction]:
        narrowed = {"planned": Q(valid_from__gt=now()), "over": Q(valid_until__lte=now()), "all": Q()}
        return queryset.filter(narrowed[value])


class KindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(RestrictionKind.choices)

    def pick(self, queryset: QuerySet[Restriction], value: str) -> QuerySet[Restriction]:
        return queryset.filter(kind=value)


class RestrictionPage(Page):
    """A version is added, never changed: decisions refer to the one they were made by."""

    list_display = ("topic", "kind_pill", "since", "until", "word_count", "source_count", "entered_by")
    list_display_links = ("topic",)
    list_filter = (StandingFilter, KindFilter)
    list_select_related = ("created_by",)
    list_before_template = "backoffice/goods/list_top.html"
    list_per_page = 100
    ordering = ("position", "code", "-valid_from")
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """By position; there are never many."""
        return ChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflow.add_restriction")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("try/", view(self.try_view), name="workflow_restriction_try"),
            path("<int:pk>/version/", view(self.version_view), name="workflow_restriction_version"),
            path("<int:pk>/end/", view(self.end_view), name="workflow_restriction_end"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": _("Restricted goods"), **(extra_context or {})})

    # --- Pages ---

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        is_key = object_id.isascii() and object_id.isdecimal() and len(object_id) < 19
        topic = self._topic(int(object_id) if is_key else 0)
        shown = {"topic": topic, "versions": restrictions.versions(topic.code), "may_edit": self.has_add_permission(request)}
        return self._page(request, "topic", {**shown, **_heading(topic), "title": topic.title})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return self._version(request, None)

    def version_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._version(request, pk)

    def _version(self, request: HttpRequest, pk: int | None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        of = self._topic(pk) if pk else None
        first = (
            as_typed(of)
            if of
            else {"country": "US", "kind": RestrictionKind.RESTRICTED, "icon": "info", "position": 500, "is_active": True}
        )
        form = VersionForm(request.POST or None, initial=first, of=of)
        preview = None
        if form.is_valid():
            if "preview" not in request.POST and (made := self._added(request, form)):
                return HttpResponseRedirect(reverse("admin:workflow_restriction_change", args=[made.pk]))
            preview = None if form.errors else form.version()
        title = _("New version") if of else _("New topic")
        shown = {"form": form, "of": of, "preview": preview, "title": title, **(_heading(preview) if preview else {})}
        return self._page(request, "version", shown, status=422 if form.errors else 200)

    def _added(self, request: HttpRequest, form: VersionForm) -> Restriction | None:
        try:
            said = {"code": form.of.code if form.of else "", **form.cleaned_data}
            topic = restrictions.add_version(by=acting(request), **said)
        except BidangilError as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
            return None
        self.log_addition(request, topic, [{"added": {}}])
        messages.success(request, _("The new version is saved."))
        return topic

    def end_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        topic = self._topic(pk)
        if request.method == "GET":
            return self._page(request, "end", {"topic": topic, **_heading(topic), "title": topic.title})
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "POST"])
        try:
            restrictions.end(pk, by=acting(request))
        except BidangilError as refused:
            messages.error(request, str(refused))
        else:
            self.log_change(request, topic, [{"changed": {"fields": ["valid_until"]}}])
            messages.success(request, _("The version has ended."))
        return HttpResponseRedirect(reverse("admin:workflow_restriction_change", args=[pk]))

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Which topics a text or a link would be hinted at; changes nothing."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = request.GET.get("text", "")[:MAX_TRIED]
        is_link = text.strip().lower().startswith(("http://", "https://"))
        found = hints.look({"link": hints.words_of_link(text.strip())} if is_link else {"note": text})
        topics = Restriction.objects.in_bulk([hint["version"] for hint in found])
        rows = [(topics[hint["version"]], hint["word"], TONES[hint["kind"]]) for hint in found]
        read = hints.words_of_link(text.strip()) if is_link else ""
        return self._page(request, "try", {"text": text, "rows": rows, "read": read, "where": PLACES["link"], "title": _("Try a text")})

    def _topic(self, pk: int) -> Restriction:
        topic = Restriction.objects.select_related("created_by", "ended_by").filter(pk=pk).first()
        if topic is None:
            raise Http404
        return topic

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "list_url": self.list_url(), **shown}
        return render(request, f"backoffice/goods/{name}.html", context, status=status)

    # --- Columns ---

    @admin.display(description=_("title"))
    def topic(self, topic: Restriction) -> SafeString:
        other = topic.title_en if topic.title == topic.title_ko else topic.title_ko
        return format_html('{} {} <span class="bo-soft">{}</span>', icon(topic.icon), topic.title, other)

    @admin.display(description=_("kind"))
    def kind_pill(self, topic: Restriction) -> SafeString:
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', TONES[topic.kind], topic.get_kind_display())

    @admin.display(description=_("valid from"))
    def since(self, topic: Restriction) -> Any:
        return moment(topic.valid_from)

    @admin.display(description=_("until"))
    def until(self, topic: Restriction) -> Any:
        return moment(topic.valid_until)

    @admin.display(description=_("keywords"))
    def word_count(self, topic: Restriction) -> SafeString:
        return format_html('<span class="bo-number">{}</span>', len(topic.keywords) or "–")

    @admin.display(description=_("sources"))
    def source_count(self, topic: Restriction) -> SafeString:
        return format_html('<span class="bo-number">{}</span>', len(topic.sources))

    @admin.display(description=_("entered by"))
    def entered_by(self, topic: Restriction) -> Any:
        return (
            format_html("<bdi>{}</bdi>", topic.created_by)
            if topic.created_by
            else format_html('<span class="bo-soft">{}</span>', _("came with Bidangil"))
        )


def _heading(topic: Restriction) -> dict[str, Any]:
    standing = ("nobody", _("ended")) if topic.is_over else ("staff", _("planned")) if topic.is_planned else ("good", _("in force"))
    if not topic.is_active and not topic.is_over:
        standing = ("nobody", _("put aside"))
    sections = [(label, getattr(topic, f"{part}_ko"), getattr(topic, f"{part}_en")) for part, label in SECTION_TITLES]
    return {"sections": sections, "kind_tone": TONES[topic.kind], "tone": standing[0], "standing": standing[1]}


SECTION_TITLES = (
    ("short", _("In short")),
    ("allowed", _("Is it allowed?")),
    ("conditions", _("Conditions and exceptions")),
    ("cautions", _("Other cautions")),
)
