"""How items were decided over a period, by topic, as a page and as a table to take along. The sums: `workflow/screening_report.py`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.timezone import localdate
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from backoffice.exports.cells import for_csv
from backoffice.exports.files import csv_lines
from backoffice.money.spans import day_said, midnight
from workflow.screening_report import Report, Row, screening_report

DEFAULT_DAYS, MOST_DAYS = 30, 366
COLUMNS = (
    _("topic"), _("title"), _("approved"), _("rejected"), _("rejected (won)"), _("rejected without a price"), _("hinted"),
    _("hinted and approved"),
)  # fmt: skip


@dataclass(frozen=True)
class Period:
    """Both days belong to it, in Seoul."""

    first: date
    last: date

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Period":
        """What was asked for; at most a year, its end counts."""
        last = min(day_said(said.get("to", "")) or localdate(), localdate())
        first = day_said(said.get("from", "")) or last - timedelta(days=DEFAULT_DAYS - 1)
        return cls(min(max(first, last - timedelta(days=MOST_DAYS - 1)), last), last)

    @property
    def query(self) -> str:
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})

    def report(self) -> Report:
        return screening_report(since=midnight(self.first), until=midnight(self.last + timedelta(days=1)))


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponseBase]) -> Any:
        def framed(request: HttpRequest) -> HttpResponseBase:
            if not request.user.has_perm("workflow.view_restriction"):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request))

        return site.admin_view(require_GET(framed))

    return [
        path("screening/", view(page), name="screening_report"),
        path("screening/csv/", view(table), name="screening_report_csv"),
    ]


def page(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    period = Period.of(request.GET)
    report = period.report()
    titles = {row.code: row.topic for row in report.rows}
    words = [(word, titles[code], count) for word, code, count in report.words]
    context = {**frame, "title": _("Screening report"), "period": period, "report": report, "words": words, "presets": presets(period)}
    return render(request, "backoffice/goods/screening_report.html", context)


def presets(chosen: Period) -> list[dict[str, Any]]:
    today = localdate()
    spans = [(_("30 days"), 30), (_("90 days"), 90), (_("A year"), MOST_DAYS)]
    periods = [(label, Period(today - timedelta(days=days - 1), today)) for label, days in spans]
    return [{"label": label, "query": period.query, "active": period == chosen} for label, period in periods]


def table(request: HttpRequest, *, frame: Mapping[str, Any]) -> StreamingHttpResponse:
    period = Period.of(request.GET)
    headers = {
        "Content-Disposition": f'attachment; filename="screening-{period.first}-{period.last}.csv"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(lines(period.report()), content_type="text/csv; charset=utf-8", headers=headers)


def lines(report: Report) -> Iterator[bytes]:
    """In the language of whoever asked for it; safe from formulas."""
    language = get_language()
    with override(language):
        yield "\ufeff".encode() + csv_lines([[str(column) for column in COLUMNS]])
    for row in report.rows:
        with override(language):
            part = csv_lines([[for_csv(cell) for cell in cells(row)]])
        yield part


def cells(row: Row) -> list[Any]:
    title = row.topic.title if row.topic else gettext("In own words")
    return [row.code, title, row.approved, row.rejected, row.rejected_krw, row.rejected_unpriced, row.hinted, row.overruled]
