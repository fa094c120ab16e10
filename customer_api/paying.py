"""What the API's checkout and the pay page share: asking for an invoice's session, under the order's lock."""

from django.utils.translation import gettext_lazy as _

from core.errors import Conflict
from workflow.checkout import want_checkout
from workflow.models import Attempt
from workflow.payments import open_attempt
from workflow.transitions import lock_order


class NothingToPay(Conflict):
    code = "nothing_to_pay"
    message = _("There is nothing to pay right now.")


class PaymentInProcess(Conflict):
    code = "payment_in_process"
    message = _("A payment is being processed. We tell you as soon as it has arrived.")


def wanted_session(order_id: int, *, kind: str) -> Attempt | None:
    """The open session of the order's open invoice of a kind, or None after promising one. In a transaction."""
    order = lock_order(order_id)
    if not any(invoice.kind == kind and invoice.is_open for invoice in order.invoices.all()):
        raise NothingToPay
    attempt = open_attempt(order, kind=kind)
    if attempt is not None and attempt.processing:
        raise PaymentInProcess
    return want_checkout(order, kind=kind)
