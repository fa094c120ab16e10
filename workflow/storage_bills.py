"""The open delivery bill follows the storage clock: an hourly job brings it up to date once for each further day.

Never two payable sessions and never another amount under the hands of somebody who pays: with no session open the bill is replaced in one
transaction (void, the next version, one event; the pay link stays). An open session is closed at Stripe first and the bill replaced with
its end; if it turns out paid, the old amount stands. A payment in process is left alone, and so is a session opened moments ago.
"""

from collections.abc import Collection
from datetime import timedelta
from itertools import islice

from django.db import transaction
from django.utils.timezone import now

from core.retries import retried
from workflow import payments, storage, writes
from workflow.models import Attempt, AttemptStatus, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, LineKind, Order
from workflow.process import State, Write
from workflow.transitions import By, lock_order, record

#: whoever opened a session this short ago is likely paying on it; the next round is soon enough
PAYING = timedelta(minutes=45)
#: bills that one run replaces, and how many orders it looks at in one go; a bill is outdated once a day, a run comes every hour
MOST, STEP = 500, 500


def outdated() -> list[int]:
    """Orders whose open delivery bill has fewer days of storage than the clock; the oldest first, as many as one run takes on."""
    waiting = ((order.pk, seen.fee_days) for order, seen in storage.running(now()) if order.state == State.AWAITING_DELIVERY_PAYMENT)
    found: list[int] = []
    while len(found) < MOST and (some := dict(islice(waiting, STEP))):
        billed = _billed_days(some)
        found += [pk for pk, days in some.items() if days > billed.get(pk, 0)]
    return found[:MOST]


def _billed_days(order_ids: Collection[int]) -> dict[int, int]:
    lines = InvoiceLine.objects.filter(
        invoice__order__in=list(order_ids),
        invoice__kind=InvoiceKind.DELIVERY,
        invoice__status=InvoiceStatus.OPEN,
        kind=LineKind.STORAGE,
    )
    return dict(lines.order_by().values_list("invoice__order_id", "quantity"))


@retried
@transaction.atomic
def bring_up_to_date(order_id: int) -> bool:
    """Replace the open delivery bill, or ask for the end of the session that stands in the way. Whether it was replaced."""
    order = lock_order(order_id)
    invoice = _outdated_invoice(order)
    if invoice is None:
        return False
    attempt = payments.open_attempt(order, kind=InvoiceKind.DELIVERY)
    if attempt is None:
        _replace(order, invoice)
        return True
    if not _is_busy(attempt):
        payments.start_closing(attempt, then_perform={"storage": True, "by": By.job().as_json(), "facts": {}})
    return False


def _outdated_invoice(order: Order) -> Invoice | None:
    invoice = payments.payable_invoice(order, kind=InvoiceKind.DELIVERY)
    seen = storage.storage_of(order)
    if invoice is None or seen is None or not seen.runs or order.state != State.AWAITING_DELIVERY_PAYMENT:
        return None
    billed = sum(line.quantity for line in invoice.lines.all() if line.kind == LineKind.STORAGE)
    return invoice if seen.fee_days > billed else None


def _is_busy(attempt: Attempt) -> bool:
    return attempt.processing or attempt.status == AttemptStatus.CLOSING or attempt.created_at > now() - PAYING


def _replace(order: Order, old: Invoice) -> None:
    seen, by = storage.storage_of(order), By.job()
    facts = {"storage_days": seen.fee_days if seen else 0, "replaced": old.number}
    for write in (Write.WITHDRAW_DELIVERY_INVOICE, Write.ISSUE_DELIVERY_INVOICE):
        writes.WRITERS[write](order, by=by, facts=facts)
    record(order, name="storage_day", from_state=order.state, by=by, facts=facts, live="order.invoice")
