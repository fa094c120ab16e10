"""The rows of price differences (`models.Adjustment`): which are billed where, settled, taken back. What people may do: `adjustments.py`.

All functions run under the order's lock.
"""

from typing import Any

from django.db.models import Sum
from django.utils.timezone import now

from workflow.models import Adjustment, AdjustmentRoute, AdjustmentStatus, Invoice, InvoiceKind, InvoiceStatus, Item, Order

UNPAID = (AdjustmentStatus.OPEN, AdjustmentStatus.ABSORBED)


def carried(order: Order) -> list[Adjustment]:
    """What the next delivery invoice bills too."""
    return _open(order, AdjustmentRoute.DELIVERY)


def billed_at_once(order: Order) -> list[Adjustment]:
    """What an invoice of its own bills and nobody has paid yet."""
    return _open(order, AdjustmentRoute.INVOICE) if order.difference_asked_at is not None else []


def _open(order: Order, route: AdjustmentRoute) -> list[Adjustment]:
    rows = Adjustment.objects.filter(order=order, route=route, status=AdjustmentStatus.OPEN)
    return list(rows.select_related("item").order_by("pk"))


def is_awaited(order: Order, item: Item) -> bool:
    """Whether the item's price difference was billed at once and is not paid: then it is not to be bought yet."""
    return any(adjustment.item_id == item.pk for adjustment in billed_at_once(order))


def is_billed(item: Item) -> bool:
    """Whether an open invoice asks for the item's price difference, be it of its own or the delivery's."""
    return Adjustment.objects.filter(item=item, status=AdjustmentStatus.OPEN, invoice__status=InvoiceStatus.OPEN).exists()


def bill(adjustments: list[Adjustment], *, invoice: Invoice | None) -> None:
    """Note the invoice that bills them; None as it is withdrawn and the next one will."""
    Adjustment.objects.filter(pk__in=[adjustment.pk for adjustment in adjustments]).update(invoice=invoice)


def settle_paid(order: Order, invoice: Invoice) -> None:
    """The invoice that billed them is paid."""
    _settle(Adjustment.objects.filter(order=order, invoice=invoice), AdjustmentStatus.PAID)


def let_go(items: list[Item]) -> None:
    """What these items cost more is of no account any more: they left."""
    _settle(Adjustment.objects.filter(item__in=items), AdjustmentStatus.WITHDRAWN)


def replace(items: list[Item]) -> None:
    """A later difference is the whole one to what the customer has paid: it takes the place of one that is not billed, or that we bore."""
    Adjustment.objects.filter(item__in=items, status__in=UNPAID).update(status=AdjustmentStatus.WITHDRAWN, settled_at=now())


def paid_krw(item: Item) -> int:
    """What the customer has paid for it above its quoted price."""
    paid = Adjustment.objects.filter(item=item, status=AdjustmentStatus.PAID).order_by()
    return int(paid.aggregate(sum=Sum("difference_krw"))["sum"] or 0)


def withdraw(order: Order) -> None:
    """Take back the bill over a difference; of an order that ends, everything that would be billed. The caller saves the order."""
    rows = Adjustment.objects.filter(order=order)
    _settle(rows if order.is_closed else rows.filter(route=AdjustmentRoute.INVOICE), AdjustmentStatus.WITHDRAWN)
    Invoice.objects.filter(order=order, kind=InvoiceKind.ADJUSTMENT, status=InvoiceStatus.OPEN).update(status=InvoiceStatus.VOID)
    order.difference_asked_at = None


def _settle(rows: Any, status: AdjustmentStatus) -> None:
    rows.filter(status=AdjustmentStatus.OPEN).update(status=status, settled_at=now())
