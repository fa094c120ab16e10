"""Comparisons of our books with Stripe: when the last ones ran, what each found and mended, and a button for one more.

What is compared and mended is in `workflow/reconciliation.py`; a job does it, never a request.
"""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.pages import Page, moment
from backoffice.words import outcome_words
from workflow import reconciliation
from workflow.comparison import Found
from workflow.models import Order, Reconciliation

#: one runs every 15 minutes; without one for so long somebody must look why
QUIET_FOR = timedelta(hours=1)
SPAN_WORDS = {"48h": _("48 hours"), "5d": _("5 days"), "30d": _("30 days")}


class ReconciliationPage(Page):
    list_display = ("began", "back_to", "looked_at", "changed", "failed", "result", "asked")
    list_display_links = ("began",)
    list_before_template = "backoffice/comparisons/above_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        return Reconciliation.objects.prefetch_related("asked_by")

    def get_urls(self) -> list[URLPattern]:
        compare = path("compare/", self.admin_site.admin_view(self.compare), name="workflow_reconciliation_compare")
        return [compare, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        spans = [(span, SPAN_WORDS[span]) for span in reconciliation.SPANS] if may_ask(request) else []
        shown = {"title": _("Comparisons with Stripe"), "spans": spans, "warning": what_is_wrong()}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def compare(self, request: HttpRequest) -> HttpResponse:
        done = _("The comparison is under way. Its report is here in a moment: load the page again.")
        return self.pressed(request, lambda: reconciliation.request(span=request.POST.get("since", ""), by=acting(request)), done=done)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        report = self.get_queryset(request).filter(pk=object_id).first() if object_id.isascii() and object_id.isdigit() else None
        if report is None:
            raise Http404
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Comparison with Stripe"), "is_fullwidth": "1"}
        tone, words = result_of(report)
        shown = {"report": report, "tone": tone, "result": words, "looked_at": looked_at(report), "took_s": took_s(report)}
        shown |= {"findings": findings_of(report), "untold": untold(report), "list_url": self.list_url()}
        return render(request, "backoffice/comparisons/report.html", {**frame, **shown})

    # --- Columns ---

    @admin.display(description=pgettext_lazy("comparison", "when"))
    def began(self, report: Reconciliation) -> Any:
        return moment(report.started_at)

    @admin.display(description=_("back to"))
    def back_to(self, report: Reconciliation) -> Any:
        return moment(report.since)

    @admin.display(description=_("looked at"))
    def looked_at(self, report: Reconciliation) -> Any:
        return looked_at(report)

    @admin.display(description=pgettext_lazy("comparison", "repaired"))
    def changed(self, report: Reconciliation) -> SafeString:
        return number(report.counts.get("changed", 0))

    @admin.display(description=_("not repaired"))
    def failed(self, report: Reconciliation) -> SafeString:
        return number(report.counts.get("failed", 0))

    @admin.display(description=_("result"))
    def result(self, report: Reconciliation) -> SafeString:
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', *result_of(report))

    @admin.display(description=_("asked by"), empty_value="–")
    def asked(self, report: Reconciliation) -> Any:
        return report.asked_by


def may_ask(request: HttpRequest) -> bool:
    return request.user.has_perm("workflow.add_reconciliation")


def looked_at(report: Reconciliation) -> str:
    counts = {"sessions": 0, "refunds": 0, "disputes": 0, **report.counts}
    return gettext("sessions %(sessions)s · refunds %(refunds)s · disputes %(disputes)s") % counts


def took_s(report: Reconciliation) -> int | None:
    return max(1, round((report.ended_at - report.started_at).total_seconds())) if report.ended_at else None


def number(count: int) -> SafeString:
    return format_html('<span class="bo-number{}">{}</span>', "" if count else " bo-soft", count)


def result_of(report: Reconciliation) -> tuple[str, Any]:
    """Its tone, and how it went in a word."""
    if report.ended_at is None:
        is_lost = report.started_at < now() - reconciliation.KILLED
        return ("bad", _("ended early")) if is_lost else ("customer", pgettext_lazy("comparison", "under way"))
    if report.error:
        return "bad", _("ended early")
    if report.counts.get("failed"):
        return "staff", _("not all repaired")
    return ("good", pgettext_lazy("comparison", "repaired")) if report.counts.get("changed") else ("nobody", _("all equal"))


def what_is_wrong() -> str:
    """Why staff cannot rely on the last comparison; empty where they can."""
    last = Reconciliation.objects.filter(ended_at__isnull=False).first()
    if last is None:
        return gettext("No comparison has run yet. One should run every 15 minutes: is the worker running?")
    if last.error:
        return gettext("The last comparison ended early: %(error)s") % {"error": last.error}
    if last.started_at < now() - QUIET_FOR:
        return gettext("The last comparison is more than an hour old. One should run every 15 minutes: is the worker running?")
    return ""


def findings_of(report: Reconciliation) -> list[dict[str, Any]]:
    """Each finding with its words, and the address of its order."""
    numbers = {found["order"] for found in report.findings if found["order"]}
    orders = dict(Order.objects.filter(number__in=numbers).values_list("number", "pk"))
    return [
        {
            **found,
            "what": Found(found["what"]).label if found["what"] in Found.values else found["what"],
            "outcome": outcome_words(found["outcome"]),
            "url": reverse("admin:workflow_order_change", args=[orders[found["order"]]]) if found["order"] in orders else "",
        }
        for found in report.findings
    ]


def untold(report: Reconciliation) -> int:
    """Findings that were counted and not kept."""
    return int(report.counts.get("changed", 0) + report.counts.get("failed", 0) - len(report.findings))
