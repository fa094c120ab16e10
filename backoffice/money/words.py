"""How Stripe's own words read on the staff's pages, and notes of the ledger."""

from typing import Any

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from workflow.models import RefundReason

#: Stripe's words (docs.stripe.com/api/disputes/object)
DISPUTE_STATUSES = {
    "needs_response": ("bad", _("needs our answer")),
    "under_review": ("customer", _("the bank looks at it")),
    "won": ("good", pgettext_lazy("dispute", "won")),
    "lost": ("bad", pgettext_lazy("dispute", "lost")),
    "prevented": ("good", _("prevented")),
    "warning_needs_response": ("staff", _("inquiry, needs our answer")),
    "warning_under_review": ("customer", _("inquiry, the bank looks at it")),
    "warning_closed": ("nobody", _("inquiry closed")),
}
DISPUTE_REASONS = {
    "fraudulent": _("fraudulent"),
    "product_not_received": _("product not received"),
    "product_unacceptable": _("product unacceptable"),
    "duplicate": _("paid twice"),
    "subscription_canceled": _("subscription cancelled"),
    "unrecognized": _("not recognised"),
    "credit_not_processed": _("refund not received"),
    "general": _("general"),
    "debit_not_authorized": _("debit not authorised"),
    "customer_initiated": _("customer initiated"),
    "incorrect_account_details": _("wrong account details"),
    "insufficient_funds": _("insufficient funds"),
    "bank_cannot_process": _("the bank cannot process it"),
    "check_returned": _("cheque returned"),
    "noncompliant": _("noncompliant"),
}


def dispute_status(status: str) -> tuple[str, Any]:
    """Tone and words."""
    return DISPUTE_STATUSES.get(status, ("staff", status.replace("_", " ")))


def dispute_reason(reason: str) -> Any:
    return DISPUTE_REASONS.get(reason, reason.replace("_", " "))


def note_words(note: str) -> str:
    """A ledger row's note: the reason of a refund or a dispute, our own sentences in the reader's language, else as it is."""
    if note in RefundReason.values:
        return str(RefundReason(note).label)
    if note in DISPUTE_REASONS:
        return str(DISPUTE_REASONS[note])
    return gettext(note) if note else ""
