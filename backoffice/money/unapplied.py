"""Money that nobody expected: what waits, what it could pay, and one click for what becomes of it. The rules: `workflow/unapplied.py`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.money.shown import at_stripe
from core.errors import BidangilError
from workflow import holdings, unapplied
from workflow.models import Invoice, LedgerEntry, LedgerKind, Refund, StaffTask

KIND = "unapplied_money"
#: more than these wait for nobody's eyes on one page; the oldest come first
MOST = 100
DECIDED_LOOK_BACK, DECIDED_SHOWN = timedelta(days=60), 20


@dataclass(frozen=True)
class Waiting:
    """A payment that waits for a decision; `invoice` is what it could pay now."""

    task: StaffTask
    payment: LedgerEntry
    left_cents: int
    invoice: Invoice | None

    @property
    def is_decidable(self) -> bool:
        return self.payment.currency == "usd" and self.left_cents > 0

    @property
    def url_at_stripe(self) -> str:
        return at_stripe("payments", self.payment.payment_intent_id)


@dataclass(frozen=True)
class Decided:
    """What became of one: the invoice that it paid, and what went back."""

    task: StaffTask
    payment: LedgerEntry
    applied: LedgerEntry | None
    refunds: list[Refund]


def waiting() -> list[Waiting]:
    """The oldest first. A fixed number of statements."""
    tasks = list(StaffTask.objects.filter(done_at=None, kind=KIND).order_by("created_at")[:MOST])
    payments = _payments_of(tasks, "order__customer", "order__invoices__quote", "invoice")
    left = holdings.left_of(payments.values())
    payable = holdings.payable_by(payments.values(), left=left)
    found = ((task, payments[task.key]) for task in tasks if task.key in payments)
    return [Waiting(task, payment, left[payment.pk], payable.get(payment.pk)) for task, payment in found]


def decided() -> list[Decided]:
    """The newest first. A fixed number of statements."""
    recent = StaffTask.objects.filter(done_at__gte=now() - DECIDED_LOOK_BACK, kind=KIND).select_related("done_by")
    tasks = list(recent.order_by("-done_at")[:DECIDED_SHOWN])
    payments = _payments_of(tasks, "order", "refunds")
    rows = LedgerEntry.objects.filter(
        source="stripe", kind=LedgerKind.APPLIED, reference__in=[payment.reference for payment in payments.values()]
    )
    applied = {row.reference: row for row in rows.select_related("invoice__order")}
    found = ((task, payments[task.key]) for task in tasks if task.key in payments)
    return [Decided(task, payment, applied.get(payment.reference), list(payment.refunds.all())) for task, payment in found]


def _payments_of(tasks: Iterable[StaffTask], *along: str) -> dict[str, LedgerEntry]:
    """The ledger's rows that tasks are about, by the tasks' keys."""
    references = [task.key.partition(":")[2] for task in tasks]
    rows = LedgerEntry.objects.filter(source="stripe", kind=LedgerKind.UNAPPLIED, reference__in=references).prefetch_related(*along)
    return {unapplied.task_key(row): row for row in rows}


# --- Pages ----------------------------------------------------------------------------------------------------------------


def may(request: HttpRequest) -> bool:
    """Finance and the owner: whoever says what becomes of it."""
    return bool(acting(request).roles & unapplied.DECIDERS)


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse]) -> Any:
        def framed(request: HttpRequest, **found: Any) -> HttpResponse:
            if not may(request):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request), **found)

        return site.admin_view(framed)

    return [
        path("unapplied/", view(overview), name="unapplied"),
        path("unapplied/<int:pk>/apply/", view(apply), name="unapplied_apply"),
        path("unapplied/<int:pk>/give-back/", view(give_back), name="unapplied_give_back"),
    ]


def overview(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    context = {**frame, "title": _("Unapplied money"), "is_fullwidth": "1", "waiting": waiting(), "decided": decided()}
    return render(request, "backoffice/money/unapplied.html", context)


def apply(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    number = request.POST.get("order", "")
    return _pressed(
        request,
        lambda: unapplied.apply(pk, by=acting(request), order_number=number),
        done=_("It pays the invoice; what is over goes back."),
    )


def give_back(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    return _pressed(request, lambda: unapplied.give_back(pk, by=acting(request)), done=_("It goes back where it came from."))


def _pressed(request: HttpRequest, act: Callable[[], object], *, done: Any) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        act()
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(reverse("admin:unapplied"))
