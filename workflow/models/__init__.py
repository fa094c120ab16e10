"""The rows of one order: `orders.py` (order, items), `payments.py` (quotes, invoices, attempts), `ledger.py` (money that moved: ledger,
refunds, price differences, disputes), `shipments.py` (parcels and what couriers say) and `journal.py` (what happened, and what staff
must look at). `notes.py`, `messages.py` and `presence.py` are what people say about it, and who is looking; `price_saves.py` is what
the bulk price page can put back, `imports.py` files that staff bring in. Of no order: `promises.py` (how long things may wait for us),
`figures.py` (sums by day), `restrictions.py` (restricted goods), `couriers.py` (what staff set about couriers, rate cards, how asking
them goes). `warehouse.py` is what inspections find, `photos.py` the pictures."""

from workflow.models.couriers import CourierMessage, CourierSetting, CourierState, RateCard
from workflow.models.exports import ExportChoice, ExportLog
from workflow.models.figures import DailyFigure
from workflow.models.imports import ImportBatch, ImportKind, ImportMove, ImportRow, ImportStatus, RowOutcome
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
from workflow.models.messages import OrderMessage
from workflow.models.notes import OrderNote
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
from workflow.models.photos import Photo
from workflow.models.presence import OrderViewer
from workflow.models.price_saves import PriceSave, SavedPrices
from workflow.models.promises import Holiday, Promise, PromiseChange
from workflow.models.reading import PersonalDataRead
from workflow.models.restrictions import Restriction, RestrictionKind
from workflow.models.shipments import Parcel, ParcelLabel, TrackingEvent, TrackLink
from workflow.models.warehouse import Choice, Disposal, Inspection, Outcome, Verdict

__all__ = [
    "Adjustment",
    "AdjustmentRoute",
    "AdjustmentStatus",
    "Attempt",
    "AttemptStatus",
    "Choice",
    "CourierMessage",
    "CourierSetting",
    "CourierState",
    "DailyFigure",
    "Disposal",
    "Dispute",
    "ExchangeRate",
    "ExportChoice",
    "ExportLog",
    "FeePolicy",
    "Holiday",
    "ImportBatch",
    "ImportKind",
    "ImportMove",
    "ImportRow",
    "ImportStatus",
    "Inspection",
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
    "OrderMessage",
    "OrderNote",
    "OrderViewer",
    "Outcome",
    "Parcel",
    "ParcelLabel",
    "PayLink",
    "PersonalDataRead",
    "Photo",
    "PriceSave",
    "Promise",
    "PromiseChange",
    "Quote",
    "RateCard",
    "Reconciliation",
    "Refund",
    "RefundLine",
    "RefundReason",
    "RefundStatus",
    "Restriction",
    "RestrictionKind",
    "RowOutcome",
    "SavedPrices",
    "StaffTask",
    "StripeEvent",
    "TrackLink",
    "TrackingEvent",
    "Verdict",
    "new_order_number",
]
