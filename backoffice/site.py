"""The frame around every page: who gets in, the sidebar, the home page. Unfold's settings (core/settings.py) name the callbacks here."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from backoffice import home
from backoffice.access import EFFECTS_SEEN_BY, NOTICES_SEEN_BY, PEOPLE_SEEN_BY, holds
from backoffice.imports import pages as imports
from backoffice.money import unapplied
from core.outbox.models import Effect
from workflow.models import Dispute, Refund, RefundStatus, StaffTask
from workflow.transitions import roles_held

#: pages about oneself, open to staff who have no role (yet)
OWN_PAGES = frozenset({"logout", "password_change", "password_change_done", "jsi18n"})
BADGES_LIVE_S = 10


class BackOffice(UnfoldAdminSite):
    """Staff without a role see nothing but their own account; what is refused is said on a page of ours, with its 403."""

    index_template = "backoffice/home.html"
    enable_nav_sidebar = True

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            match = request.resolver_match
            try:
                if not roles_held(request.user) and not (match and match.url_name in OWN_PAGES):  # type: ignore[arg-type]
                    raise PermissionDenied
                return view(request, *args, **kwargs)
            except PermissionDenied:
                return self.refused(request)

        return super().admin_view(guarded, cacheable)

    def get_urls(self) -> list[Any]:
        return [*unapplied.urls(self), *imports.urls(self), *super().get_urls()]

    def refused(self, request: HttpRequest) -> HttpResponse:
        context = {**self.each_context(request), "title": _("Not for your role")}
        return render(request, "backoffice/refused.html", context, status=403)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().index(request, {"title": _("Today"), "home": home.overview(request), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if "next" not in request.GET:
            # Unfold's form carries no "next"; without one Django would lead to an address we do not have.
            query = request.GET.copy()
            query["next"] = reverse("admin:index")
            request.GET = query  # type: ignore[assignment]
        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            # Nobody is greeted by what was said to them before their last session ended.
            list(messages.get_messages(request))
        return response


# --- Unfold's callbacks ---------------------------------------------------------------------------------------------------


def environment(_request: HttpRequest) -> list[Any]:
    """The ribbon in the header; production has none, so that every other is seen at once."""
    names = {"local": [_("Local sandbox"), "info"], "test": [_("Test"), "warning"]}
    return names.get(settings.ENVIRONMENT, [])


def favicon(_request: HttpRequest) -> str:
    return static("backoffice/favicon.svg")


def stylesheet(_request: HttpRequest) -> str:
    return static("backoffice/backoffice.css")


def order_stylesheet(_request: HttpRequest) -> str:
    return static("backoffice/order.css")


def script(_request: HttpRequest) -> str:
    return static("backoffice/backoffice.js")


def live_script(_request: HttpRequest) -> str:
    return static("backoffice/live.js")


def totals_script(_request: HttpRequest) -> str:
    return static("backoffice/totals.js")


def imports_script(_request: HttpRequest) -> str:
    return static("backoffice/imports.js")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: only what this person may open."""
    may = request.user.has_perm
    waiting = badges()
    groups = [
        (
            None,
            [
                (True, _("Today"), "dashboard", "admin:index", 0),
                (may("workflow.view_order"), _("Orders"), "inventory_2", "admin:workflow_order_changelist", 0),
                (may("workflow.view_stafftask"), _("Tasks"), "task_alt", "admin:workflow_stafftask_changelist", waiting["tasks"]),
                (imports.may(request), _("Imports"), "upload_file", "admin:imports", 0),
            ],
        ),
        (
            _("Money"),
            [
                (may("workflow.view_refund"), _("Refunds"), "undo", "admin:workflow_refund_changelist", waiting["refunds"]),
                (unapplied.may(request), _("Unapplied money"), "savings", "admin:unapplied", waiting["unapplied"]),
                (may("workflow.view_dispute"), _("Disputes"), "gavel", "admin:workflow_dispute_changelist", waiting["disputes"]),
                (may("workflow.view_invoice"), _("Invoices"), "receipt_long", "admin:workflow_invoice_changelist", 0),
                (may("workflow.view_attempt"), _("Payments"), "credit_card", "admin:workflow_attempt_changelist", 0),
                (may("workflow.view_ledgerentry"), _("Ledger"), "account_balance", "admin:workflow_ledgerentry_changelist", 0),
                (may("workflow.view_reconciliation"), _("Comparisons"), "balance", "admin:workflow_reconciliation_changelist", 0),
                (may("workflow.view_stripeevent"), _("Stripe events"), "webhook", "admin:workflow_stripeevent_changelist", 0),
                (may("workflow.view_exchangerate"), _("Exchange rates"), "currency_exchange", "admin:workflow_exchangerate_changelist", 0),
                (may("workflow.view_feepolicy"), _("Fees"), "percent", "admin:workflow_feepolicy_changelist", 0),
            ],
        ),
        (
            _("Behind the scenes"),
            [
                (holds(request, EFFECTS_SEEN_BY), _("Effects"), "bolt", "admin:outbox_effect_changelist", waiting["stuck"]),
                (holds(request, NOTICES_SEEN_BY), _("Notices"), "mail", "admin:notices_notice_changelist", 0),
                (holds(request, PEOPLE_SEEN_BY), _("People"), "group", "admin:accounts_user_changelist", 0),
            ],
        ),
    ]
    return [{"title": title, "separator": bool(title), "items": [_link(*item[1:]) for item in items if item[0]]} for title, items in groups]


def _link(title: Any, icon: str, name: str, badge: int) -> dict[str, Any]:
    link: dict[str, Any] = {"title": title, "icon": icon, "link": reverse(name)}
    return {**link, "badge": badge, "badge_variant": "danger"} if badge else link


def badges() -> dict[str, int]:
    """What waits for somebody; counted at most every few seconds, as every page shows them."""
    return cache.get_or_set("backoffice.badges", _count_badges, BADGES_LIVE_S)  # type: ignore[return-value]


def _count_badges() -> dict[str, int]:
    """Each over an index that holds the open ones together."""
    tasks = StaffTask.objects.filter(done_at=None)
    return {
        "tasks": tasks.count(),
        "stuck": Effect.objects.filter(done_at=None, quarantined_at__isnull=False).count(),
        "refunds": Refund.objects.filter(status__in=(RefundStatus.PROPOSED, RefundStatus.FAILED)).count(),
        "unapplied": tasks.filter(kind=unapplied.KIND).count(),
        "disputes": Dispute.objects.filter(closed_at=None).count(),
    }
