"""Tasks for people, and what machines do behind the scenes: effects (with "run again") and notices."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backoffice.access import EFFECTS_SEEN_BY, NOTICES_SEEN_BY, acting, holds
from backoffice.money.filters import order_pk
from backoffice.pages import ChoiceFilter, Page, moment, order_link
from backoffice.words import effect_words, notice_kind, task_kind
from core.errors import BidangilError, Conflict, NotFound
from core.notices.models import Notice
from core.notices.models import Status as NoticeStatus
from core.outbox import jobs
from core.outbox.models import Effect
from workflow import tasks
from workflow.models import StaffTask


class OpenFilter(ChoiceFilter):
    """The open ones unless asked otherwise."""

    title, parameter_name = _("open"), "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("open")), ("no", _("done")), ("all", _("all"))]

    def value(self) -> str:
        return super().value() or "yes"

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.value() == value, "query_string": query, "display": title}

    def pick(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset if value == "all" else queryset.filter(done_at__isnull=value == "yes")


class TaskPage(Page):
    list_display = ("words", "kind_words", "order_number", "since", "finished", "done_button")
    list_display_links = None
    list_filter = (OpenFilter,)
    search_fields = ("order__number",)
    search_help_text = _("Order number, exactly")
    fields = readonly_fields = ("words", "kind_words", "order_number", "since", "finished", "done_by")
    actions = ("finish_chosen",)

    @admin.display(description=_("what is the matter"))
    def words(self, task: StaffTask) -> str:
        return task.words

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffTask]:
        return StaffTask.objects.prefetch_related("order")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[StaffTask], search_term: str) -> tuple[QuerySet[StaffTask], bool]:
        return (queryset.filter(order=order_pk(search_term)) if search_term.strip() else queryset), False

    def get_urls(self) -> list[URLPattern]:
        return [path("<int:pk>/done/", self.admin_site.admin_view(self.done), name="workflow_stafftask_done"), *super().get_urls()]

    def done(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.pressed(request, lambda: tasks.finish(pk, by=acting(request)), done=_("Done."))

    @admin.display(description=_("kind"))
    def kind_words(self, task: StaffTask) -> Any:
        return task_kind(task.kind)

    @admin.action(description=_("Mark as done"))
    def finish_chosen(self, request: HttpRequest, queryset: QuerySet[StaffTask]) -> None:
        each(request, queryset, lambda task: tasks.finish(task.pk, by=acting(request)))

    @admin.display(description=_("order"))
    def order_number(self, task: StaffTask) -> Any:
        return order_link(task.order)

    @admin.display(description=_("since"))
    def since(self, task: StaffTask) -> Any:
        return moment(task.created_at)

    @admin.display(description=_("done"))
    def finished(self, task: StaffTask) -> Any:
        return moment(task.done_at)

    @admin.display(description="")
    def done_button(self, task: StaffTask) -> Any:
        return self.row_button("done", task.pk, _("Done")) if task.done_at is None else ""


def each(request: HttpRequest, rows: Any, act: Any) -> None:
    """Act on each chosen row, each in its own transaction; say how many went well and why the others did not."""
    well = 0
    for row in rows:
        try:
            act(row)
            well += 1
        except BidangilError as refused:
            messages.error(request, f"{row}: {refused}")
    if well:
        messages.success(request, _("%(count)s done.") % {"count": well})


# --- Effects --------------------------------------------------------------------------------------------------------------


class EffectStateFilter(ChoiceFilter):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("stuck", _("stuck")), ("waiting", _("waiting")), ("done", _("done"))]

    def pick(self, queryset: QuerySet[Effect], value: str) -> QuerySet[Effect]:
        if value == "done":
            return queryset.filter(done_at__isnull=False)
        return queryset.filter(done_at=None, quarantined_at__isnull=value == "waiting")


class EffectPage(Page):
    list_display = ("what", "about", "state", "promised", "starts", "error", "again_button")
    list_filter = (EffectStateFilter,)
    search_fields = ("=subject",)
    fields = readonly_fields = ("what", "about", "state", "promised", "due_at", "done_at", "starts", "attempts", "facts", "trace")
    actions = ("again_chosen",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return holds(request, EFFECTS_SEEN_BY)

    def get_urls(self) -> list[URLPattern]:
        return [path("<int:pk>/again/", self.admin_site.admin_view(self.again), name="outbox_effect_again"), *super().get_urls()]

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.pressed(request, lambda: run_again(Effect.objects.filter(pk=pk).first()), done=_("It is queued again."))

    @admin.action(description=_("Run again"))
    def again_chosen(self, request: HttpRequest, queryset: QuerySet[Effect]) -> None:
        each(request, queryset, run_again)

    @admin.display(description=_("effect"))
    def what(self, effect: Effect) -> Any:
        return effect_words(effect.name)

    @admin.display(description=_("belongs to"))
    def about(self, effect: Effect) -> Any:
        kind, _colon, pk = effect.subject.partition(":")
        if kind == "order" and pk.isdigit():
            return format_html('<a class="bo-link" href="{}">{}</a>', reverse("admin:workflow_order_change", args=[pk]), effect.subject)
        return effect.subject

    @admin.display(description=_("state"))
    def state(self, effect: Effect) -> SafeString:
        tone, words = _state_of(effect)
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, words)

    @admin.display(description=_("promised"))
    def promised(self, effect: Effect) -> Any:
        return moment(effect.created_at)

    @admin.display(description=_("last error"))
    def error(self, effect: Effect) -> str:
        return effect.last_error.strip().rpartition("\n")[2][:120]

    @admin.display(description=_("facts"))
    def facts(self, effect: Effect) -> SafeString:
        return format_html('<pre class="bo-pre">{}</pre>', json.dumps(effect.payload, indent=2, ensure_ascii=False))

    @admin.display(description=_("last error"))
    def trace(self, effect: Effect) -> SafeString:
        return format_html('<pre class="bo-pre">{}</pre>', effect.last_error or "–")

    @admin.display(description="")
    def again_button(self, effect: Effect) -> Any:
        return self.row_button("again", effect.pk, _("Run again")) if effect.quarantined_at and effect.done_at is None else ""


def _state_of(effect: Effect) -> tuple[str, Any]:
    if effect.done_at:
        return "good", _("done")
    return ("bad", _("stuck")) if effect.quarantined_at else ("customer", _("waiting"))


def run_again(effect: Effect | None) -> None:
    """Only a stuck effect; the others run by themselves."""
    if effect is None:
        raise NotFound
    if effect.done_at or not effect.quarantined_at:
        raise Conflict(_("This effect is not stuck."), code="not_stuck")
    jobs.run_again(effect)


# --- Notices --------------------------------------------------------------------------------------------------------------


class NoticeStatusFilter(ChoiceFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(NoticeStatus.choices)

    def pick(self, queryset: QuerySet[Notice], value: str) -> QuerySet[Notice]:
        return queryset.filter(status=value)


class NoticePage(Page):
    list_display = ("written", "kind_words", "channel", "recipient", "subject", "state", "tries")
    list_filter = (NoticeStatusFilter,)
    fields = readonly_fields = (
        "key", "kind_words", "channel", "recipient", "locale", "subject", "words",
        "state", "tries", "written", "sent", "provider_id", "last_error",
    )  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return holds(request, NOTICES_SEEN_BY)

    @admin.display(description=_("kind"))
    def kind_words(self, notice: Notice) -> Any:
        return notice_kind(notice.kind)

    @admin.display(description=_("written"))
    def written(self, notice: Notice) -> Any:
        return moment(notice.created_at)

    @admin.display(description=_("sent"))
    def sent(self, notice: Notice) -> Any:
        return moment(notice.sent_at)

    @admin.display(description=_("tries"))
    def tries(self, notice: Notice) -> int:
        return notice.attempts

    @admin.display(description=_("status"))
    def state(self, notice: Notice) -> SafeString:
        tone = {"sent": "good", "failed": "bad", "unknown": "staff"}.get(notice.status, "customer")
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, NoticeStatus(notice.status).label)

    @admin.display(description=_("text"))
    def words(self, notice: Notice) -> SafeString:
        return format_html('<pre class="bo-pre bo-pre--words">{}</pre>', notice.text)
