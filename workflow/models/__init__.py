"""The rows of one order: `orders.py` (order, items), `payments.py` (quotes, invoices, attempts), `ledger.py` (money that moved: ledger,
refunds, price differences, disputes), `shipments.py` (parcels and what couriers say), `journal.py` (what happened, and what staff
must look at) and `price_saves.py` (what the bulk price page can put back)."""

from workflow.models.journal import OrderEvent, StaffTask
from workflow.models.ledger import (
    Adjustment,
    AdjustmentRoute,
    AdjustmentStatus,
    Dispute,
    LedgerEntry,
    LedgerKind,
    Reconciliation,
    Refund,
    RefundLine,
    RefundReason,
    RefundStatus,
)
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
    LineKind,
    PayLink,
    Quote,
    StripeEvent,
)
from workflow.models.price_saves import PriceSave, SavedPrices
from workflow.models.shipments import Parcel, TrackingEvent

__all__ = [
    "Adjustment",
    "AdjustmentRoute",
    "AdjustmentStatus",
    "Attempt",
    "AttemptStatus",
    "Dispute",
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
    "PriceSave",
    "Quote",
    "Reconciliation",
    "Refund",
    "RefundLine",
    "RefundReason",
    "RefundStatus",
    "SavedPrices",
    "StaffTask",
    "StripeEvent",
    "TrackingEvent",
    "new_order_number",
]
