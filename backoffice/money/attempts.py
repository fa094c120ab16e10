"""Payment attempts: one Checkout session at Stripe each. To be read; what becomes of one is between Stripe and `workflow/checkout.py`."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.money.filters import order_pk
from backoffice.money.invoices import attempt_pill
from backoffice.money.shown import MoneyPage, Tab, amount, at_stripe, link_to
from backoffice.pages import ChoiceFilter, moment, order_link
from workflow.models import Attempt, AttemptStatus
from workflow.stuck import SHOWN_AFTER

#: at Stripe nothing of these may last for long
SHORT_LIVED = (AttemptStatus.CREATED, AttemptStatus.CLOSING)


def is_stuck() -> Q:
    """As `stuck.undone_since` sees it: a claim that never became a session, a session that will not close; or one that Stripe ended and
    nobody has told us."""
    late = now() - SHOWN_AFTER
    return (
        Q(status=AttemptStatus.CREATED, created_at__lt=late)
        | Q(status=AttemptStatus.CLOSING, closing_since__lt=late)
        | Q(status=AttemptStatus.OPEN, expires_at__lt=late, processing=False)
    )


class StatusFilter(ChoiceFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("stuck", _("stuck")), ("process", _("payment in process")), *AttemptStatus.choices]

    def pick(self, queryset: QuerySet[Attempt], value: str) -> QuerySet[Attempt]:
        special = {"stuck": is_stuck(), "process": Q(status=AttemptStatus.OPEN, processing=True)}
        return queryset.filter(special.get(value) or Q(status=value))


class AttemptPage(MoneyPage):
    list_display = ("opened", "order_number", "invoice_name", "state", "session", "ends", "error")
    list_display_links = None
    list_filter = (StatusFilter,)
    search_fields = ("key",)
    search_help_text = _("Order number, key, session or payment intent, exactly")
    template = "backoffice/money/attempt.html"
    tabs = (
        Tab(_("All"), {}),
        Tab(_("Stuck"), {"status": "stuck"}),
        Tab(_("In process"), {"status": "process"}),
        Tab(_("Open"), {"status": "open"}),
        Tab(_("Paid"), {"status": "paid"}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return Attempt.objects.prefetch_related("invoice__order")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str) -> tuple[QuerySet[Attempt], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if pk := order_pk(term):
            return queryset.filter(invoice__order=pk), False
        found = {*Attempt.objects.filter(key=term).values_list("pk", flat=True)}
        found |= {*Attempt.objects.filter(session_id=term).values_list("pk", flat=True)}
        # The payment intent is in the ledger's index.
        return queryset.filter(Q(pk__in=found) | Q(invoice__in=_invoices_paid_by(term))), False

    def details(self, request: HttpRequest, row: Attempt) -> dict[str, Any]:
        return {
            "title": row.key,
            "pill": attempt_pill(row),
            "payment_url": at_stripe("payments", row.payment_intent_id) if row.payment_intent_id else "",
            "is_stuck": Attempt.objects.filter(is_stuck(), pk=row.pk).exists(),
        }

    # --- Columns ---

    @admin.display(description=_("opened"))
    def opened(self, attempt: Attempt) -> Any:
        return link_to(attempt, moment(attempt.created_at))

    @admin.display(description=_("order"))
    def order_number(self, attempt: Attempt) -> Any:
        return order_link(attempt.invoice.order)

    @admin.display(description=_("invoice"))
    def invoice_name(self, attempt: Attempt) -> SafeString:
        link = link_to(attempt.invoice, str(attempt.invoice))
        return format_html('{}<span class="bo-under">{}</span>', link, amount(attempt.invoice.amount_usd_cents))

    @admin.display(description=_("status"))
    def state(self, attempt: Attempt) -> SafeString:
        return attempt_pill(attempt)

    @admin.display(description=_("session · key"))
    def session(self, attempt: Attempt) -> SafeString:
        said = '<bdi class="bo-mono bo-clip" title="{0}">{0}</bdi><span class="bo-under bo-mono"><bdi>{1}</bdi></span>'
        return format_html(said, attempt.session_id or "–", attempt.key)

    @admin.display(description=_("session ends"))
    def ends(self, attempt: Attempt) -> Any:
        return moment(attempt.expires_at)

    @admin.display(description=_("last error"))
    def error(self, attempt: Attempt) -> Any:
        return format_html('<span class="bo-under bo-under--bad"><bdi>{}</bdi></span>', attempt.last_error) if attempt.last_error else ""


def _invoices_paid_by(payment_intent_id: str) -> list[int]:
    from workflow.models import LedgerEntry

    rows = LedgerEntry.objects.filter(payment_intent_id=payment_intent_id, invoice__isnull=False)
    return list(rows.values_list("invoice", flat=True).distinct()[:50])
