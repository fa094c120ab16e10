"""The sidebar: what this person may open, in the order of a working day, with what waits for somebody."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice import hand_over, settings_page, warehouse_pages
from backoffice.access import EFFECTS_SEEN_BY, NOTICES_SEEN_BY, PEOPLE_SEEN_BY, holds
from backoffice.bulk import prices
from backoffice.imports import pages as imports
from backoffice.money import unapplied
from workflow import waiting


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """As Unfold asks for it. The settings' own pages are reached from the one page that shows them all."""
    may = request.user.has_perm
    badge = badges()
    groups = [
        (
            None,
            [
                (True, _("Today"), "dashboard", "admin:index", 0),
                (may("workflow.view_order"), _("Orders"), "inventory_2", "admin:workflow_order_changelist", 0),
                (prices.may(request), _("Prices"), "sell", "admin:prices", 0),
                (warehouse_pages.may_receive(request), _("Arrivals"), "barcode_scanner", "admin:arrivals", 0),
                (warehouse_pages.may_look(request), _("Inspections"), "search_check", "admin:inspections", 0),
                (imports.may(request), _("Imports"), "upload_file", "admin:imports", 0),
                (hand_over.may(request), _("Hand-over"), "local_shipping", "admin:hand_over", 0),
                (may("workflow.view_stafftask"), _("Tasks"), "task_alt", "admin:workflow_stafftask_changelist", badge["tasks"]),
            ],
        ),
        (
            _("Money"),
            [
                (may("workflow.view_refund"), _("Refunds"), "undo", "admin:workflow_refund_changelist", badge["refunds"]),
                (unapplied.may(request), _("Unapplied money"), "savings", "admin:unapplied", badge["unapplied"]),
                (may("workflow.view_dispute"), _("Disputes"), "gavel", "admin:workflow_dispute_changelist", badge["disputes"]),
                (may("workflow.view_invoice"), _("Invoices"), "receipt_long", "admin:workflow_invoice_changelist", 0),
                (may("workflow.view_attempt"), _("Payments"), "credit_card", "admin:workflow_attempt_changelist", 0),
                (may("workflow.view_ledgerentry"), _("Ledger"), "account_balance", "admin:workflow_ledgerentry_changelist", 0),
                (may("workflow.view_reconciliation"), _("Comparisons"), "balance", "admin:workflow_reconciliation_changelist", 0),
                (may("workflow.view_stripeevent"), _("Stripe events"), "webhook", "admin:workflow_stripeevent_changelist", 0),
            ],
        ),
        (
            _("Rules and people"),
            [
                (bool(settings_page.cards(request)), _("Settings"), "settings", "admin:settings", 0),
                (may("workflow.view_restriction"), _("Restricted goods"), "block", "admin:workflow_restriction_changelist", 0),
                (may("workflow.view_restriction"), _("Screening report"), "monitoring", "admin:screening_report", 0),
                (holds(request, PEOPLE_SEEN_BY), _("People"), "group", "admin:accounts_user_changelist", 0),
            ],
        ),
        (
            _("Behind the scenes"),
            [
                (holds(request, EFFECTS_SEEN_BY), _("Effects"), "bolt", "admin:outbox_effect_changelist", badge["stuck"]),
                (holds(request, NOTICES_SEEN_BY), _("Notices"), "mail", "admin:notices_notice_changelist", 0),
                (may("workflow.view_exportlog"), _("Exports"), "download", "admin:workflow_exportlog_changelist", 0),
                (may("workflow.view_personaldataread"), _("Who read what"), "visibility", "admin:workflow_personaldataread_changelist", 0),
            ],
        ),
    ]
    shown = [(title, [_link(*item[1:]) for item in items if item[0]]) for title, items in groups]
    return [{"title": title, "separator": bool(title), "items": items} for title, items in shown if items]


def _link(title: Any, icon: str, name: str, badge: int) -> dict[str, Any]:
    link: dict[str, Any] = {"title": title, "icon": icon, "link": reverse(name)}
    return {**link, "badge": badge, "badge_variant": "danger"} if badge else link


def badges() -> dict[str, int]:
    """What waits for somebody; counted at most every few seconds, as every page shows them."""
    count = {name: pile.count for name, pile in waiting.beside().items()}
    return {**count, "refunds": count["refunds"] + count["failed"]}
