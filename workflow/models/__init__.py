"""The rows of one order: `orders.py` (order, items), `payments.py` (quotes, invoices, attempts, ledger, refunds), `shipments.py`
(parcels and what couriers say) and `journal.py` (what happened, and what staff must look at)."""

from workflow.models.journal import OrderEvent, StaffTask
from workflow.models.orders import Item, ItemStatus, Order, new_order_number
from workflow.models.payments import (
    Attempt,
    AttemptStatus,
    ExchangeRate,
    FeePolicy,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    LedgerEntry,
    LedgerKind,
    LineKind,
    PayLink,
    Quote,
    Refund,
    RefundStatus,
    StripeEvent,
)
from workflow.models.shipments import Parcel, TrackingEvent

__all__ = [
    "Attempt",
    "AttemptStatus",
    "ExchangeRate",
    "FeePolicy",
    "Invoice",
    "InvoiceKind",
    "InvoiceLine",
    "InvoiceStatus",
    "Item",
    "ItemStatus",
    "LedgerEntry",
    "LedgerKind",
    "LineKind",
    "Order",
    "OrderEvent",
    "Parcel",
    "PayLink",
    "Quote",
    "Refund",
    "RefundStatus",
    "StaffTask",
    "StripeEvent",
    "TrackingEvent",
    "new_order_number",
]
