"""Refunds by reason, this month and the last, in dollars: what went back or is on its way, by when it was decided on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from workflow.models import Refund, RefundReason, RefundStatus

COUNTED = (RefundStatus.APPROVED, RefundStatus.SENT, RefundStatus.SUCCEEDED, RefundStatus.BY_HAND)

SUMS = ("this_count", "this_cents", "last_count", "last_cents")


@dataclass(frozen=True)
class Row:
    reason: Any
    this_count: int
    this_cents: int
    last_count: int
    last_cents: int


def months() -> tuple[datetime, datetime]:
    """The first moments of the last month and of this one, in Seoul."""
    this = localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (this - timedelta(days=1)).replace(day=1), this


def rows() -> list[Row]:
    """By this month's sum, the largest first. One statement over the index of status and time."""
    last, this = months()
    now_on, before = Q(created_at__gte=this), Q(created_at__lt=this)
    found: Any = (
        Refund.objects.filter(Q(payment=None) | Q(payment__currency="usd"), status__in=COUNTED, created_at__gte=last)
        .order_by()
        .values("reason")
        .annotate(
            this_count=Count("pk", filter=now_on),
            this_cents=Sum("amount_usd_cents", filter=now_on, default=0),
            last_count=Count("pk", filter=before),
            last_cents=Sum("amount_usd_cents", filter=before, default=0),
        )
    )
    labels = dict(RefundReason.choices)
    read = [Row(labels.get(row["reason"], row["reason"]), *(row[name] for name in SUMS)) for row in found]
    return sorted(read, key=lambda row: (-row.this_cents, -row.last_cents, str(row.reason)))


def page(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    found = rows()
    last, this = months()
    total = Row("", *(sum(getattr(row, name) for row in found) for name in SUMS))
    context = {**frame, "title": _("Refunds by reason"), "rows": found, "total": total, "this": this, "last": last}
    return render(request, "backoffice/money/refund_report.html", context)
