"""Which of Stripe's sessions, refunds and disputes our books do not show as they are. A few queries a page of them; nothing is asked or
changed here. `reconciliation.py` mends what is found.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet, Sum, TextChoices
from django.utils.translation import gettext_lazy as _

from integrations import stripe
from workflow.models import Attempt, AttemptStatus, Dispute, Invoice, InvoiceStatus, LedgerEntry, LedgerKind, Refund
from workflow.models.ledger import MONEY_BACK, MONEY_IN
from workflow.refunds_at_stripe import ENDED, TAKEN, _status_of

#: rows of the ledger read at once
CHUNK = 500
MONEY_TAKEN = (LedgerKind.DISPUTE, LedgerKind.DISPUTE_REVERSAL)


class Found(TextChoices):
    """What a comparison finds, in the words of its report."""

    PAYMENT_MISSED = "payment_missed", _("Payment missed")
    PAYMENT_FAILED = "payment_failed", _("Payment failed at Stripe")
    PAYMENT_UNKNOWN = "payment_unknown", _("Payment that Stripe does not show")
    AMOUNT_DIFFERS = "amount_differs", _("Another amount at Stripe")
    SESSION_ENDED = "session_ended", _("Session ended at Stripe")
    SESSION_OPEN = "session_open", _("Session open at Stripe only")
    SESSION_LOST = "session_lost", _("Session missing in our books")
    SESSION_UNKNOWN = "session_unknown", _("Session that Stripe does not know")
    CLOSING_STUCK = "closing_stuck", _("Session that was not closed")
    REFUND_MISSED = "refund_missed", _("Refund missed")
    REFUND_UNKNOWN = "refund_unknown", _("Refund that Stripe does not show")
    DISPUTE_MISSED = "dispute_missed", _("Dispute missed")
    DISPUTE_UNKNOWN = "dispute_unknown", _("Dispute that Stripe does not know")


# --- Sessions -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Books:
    """What our books say of a page of sessions."""

    by_session: dict[str, Attempt]
    by_key: dict[str, Attempt]
    #: cents by payment intent
    captured: dict[str, int]
    #: (order number, kind, number) of invoices whose attempts are missing
    invoices: frozenset[tuple[str, str, int]]

    def attempt_of(self, session: stripe.CheckoutSession) -> Attempt | None:
        """As `settlement` finds it, without asking Stripe: by session id, else by the key, if it has no session yet."""
        if session.id in self.by_session:
            return self.by_session[session.id]
        by_key = (self.by_key[key] for key in _keys(session) if key in self.by_key)
        return next((attempt for attempt in by_key if attempt.session_id is None), None)


def sessions(page: Sequence[stripe.CheckoutSession]) -> list[tuple[stripe.CheckoutSession, Found]]:
    """Those that our books do not show as they are. PAYMENT_FAILED is a guess: Stripe's list does not say whether a payment still runs."""
    books = _books_of(page)
    judged = ((session, _session(session, books)) for session in page)
    return [(session, found) for session, found in judged if found]


def _session(session: stripe.CheckoutSession, books: _Books) -> Found | None:
    attempt, reference = books.attempt_of(session), session.payment_intent_id or session.id
    if attempt is None and "attempt" not in session.metadata and reference not in books.captured:
        return None  # the account may serve others too
    if session.status == "open":
        return None if _may_be_open(attempt) else Found.SESSION_OPEN
    if session.payment_status == "paid":
        if reference not in books.captured:
            return Found.PAYMENT_MISSED
        return None if books.captured[reference] == session.amount_total_cents else Found.AMOUNT_DIFFERS
    if attempt is None:
        return Found.SESSION_LOST if _is_lost(session, books) else None
    if not attempt.is_open:
        return None
    return Found.PAYMENT_FAILED if session.status == "complete" and attempt.processing else Found.SESSION_ENDED


def _may_be_open(attempt: Attempt | None) -> bool:
    """One that is being opened or closed belongs to the job that does so."""
    if attempt is None or not attempt.is_open:
        return False
    return attempt.status != AttemptStatus.OPEN or attempt.invoice.status == InvoiceStatus.OPEN


def _is_lost(session: stripe.CheckoutSession, books: _Books) -> bool:
    """Ended unpaid, and its attempt is missing although its invoice is there: the attempt's number must not be given again."""
    return session.metadata.get("attempt", "") not in books.by_key and _invoice_of(session) in books.invoices


def _invoice_of(session: stripe.CheckoutSession) -> tuple[str, str, int] | None:
    order, kind, number, *_generation = [*session.metadata.get("attempt", "").split(":"), "", ""]
    return (order, kind, int(number)) if number.isascii() and number.isdigit() and len(number) < 6 else None


def _keys(session: stripe.CheckoutSession) -> list[str]:
    return [key for key in (session.metadata.get("attempt"), session.client_reference_id) if key]


def _books_of(page: Sequence[stripe.CheckoutSession]) -> _Books:
    keys = [key for session in page for key in _keys(session)]
    known = Attempt.objects.filter(Q(session_id__in=[session.id for session in page]) | Q(key__in=keys)).select_related("invoice")
    attempts = list(known)
    by_key = {attempt.key: attempt for attempt in attempts}
    return _Books(
        by_session={attempt.session_id: attempt for attempt in attempts if attempt.session_id},
        by_key=by_key,
        captured=captured([session.payment_intent_id or session.id for session in page if session.payment_status == "paid"]),
        invoices=_invoices_of([session for session in page if session.metadata.get("attempt", "") not in by_key]),
    )


def _invoices_of(unknown: Sequence[stripe.CheckoutSession]) -> frozenset[tuple[str, str, int]]:
    wanted = {invoice[0] for session in unknown if (invoice := _invoice_of(session))}
    if not wanted:
        return frozenset()
    return frozenset(Invoice.objects.filter(order__number__in=wanted).values_list("order__number", "kind", "number"))


def captured(payment_intent_ids: Collection[str]) -> dict[str, int]:
    """Cents that came in by each of these payments, as far as the ledger knows them."""
    return _sums(LedgerEntry.objects.filter(kind__in=MONEY_IN, payment_intent_id__in=payment_intent_ids), "payment_intent_id")


def _sums(rows: QuerySet[LedgerEntry], by: str) -> dict[str, int]:
    return dict(rows.filter(source="stripe").order_by().values_list(by).annotate(sum=Sum("amount_cents")))


# --- Refunds and disputes -------------------------------------------------------------------------------------------------


def refunds(page: Sequence[stripe.Refund]) -> list[tuple[stripe.Refund, Found]]:
    """Those whose state or money our books do not show so; of payments that are not ours only those that we made."""
    ids = [refund.id for refund in page]
    rows = dict(Refund.objects.filter(stripe_id__in=ids).values_list("stripe_id", "status"))
    booked = _sums(LedgerEntry.objects.filter(kind__in=MONEY_BACK, reference__in=ids), "reference")
    payments = captured([refund.payment_intent_id for refund in page if refund.payment_intent_id])

    def is_right(refund: stripe.Refund) -> bool:
        if refund.id not in rows:
            return refund.payment_intent_id not in payments and "refund" not in refund.metadata
        is_there = -refund.amount_cents if refund.status in TAKEN else 0
        return booked.get(refund.id, 0) == is_there and rows[refund.id] in (_status_of(refund), *ENDED)

    return [(refund, Found.REFUND_MISSED) for refund in page if not is_right(refund)]


def disputes(page: Sequence[stripe.Dispute]) -> list[tuple[stripe.Dispute, Found]]:
    """Those whose state or money our books do not show so; of payments that are not ours only those that we have heard of."""
    ids = [dispute.id for dispute in page]
    rows = {row.stripe_id: row for row in Dispute.objects.filter(stripe_id__in=ids)}
    booked = _sums(LedgerEntry.objects.filter(kind__in=MONEY_TAKEN, reference__in=ids), "reference")
    payments = captured([dispute.payment_intent_id for dispute in page if dispute.payment_intent_id])

    def is_right(dispute: stripe.Dispute) -> bool:
        row, is_ours = rows.get(dispute.id), dispute.payment_intent_id in payments
        if row is None:
            return not is_ours
        is_there = -dispute.amount_cents if is_ours and _is_taken(dispute) else 0
        return booked.get(dispute.id, 0) == is_there and (row.status, row.amount_cents) == (dispute.status, dispute.amount_cents)

    return [(dispute, Found.DISPUTE_MISSED) for dispute in page if not is_right(dispute)]


def _is_taken(dispute: stripe.Dispute) -> bool:
    """Whether the bank has the money; while it only asks, and after we won, it has not."""
    return dispute.status not in ("won", "prevented") and not dispute.status.startswith("warning_")


# --- What ours says and Stripe's list may not -----------------------------------------------------------------------------


def open_sessions() -> Iterable[str]:
    ids = Attempt.objects.filter(status=AttemptStatus.OPEN, session_id__isnull=False).values_list("session_id", flat=True)
    return [session_id for session_id in ids if session_id]


def booked_since(moment: datetime, *, kinds: Iterable[LedgerKind]) -> Iterator[LedgerEntry]:
    """Rows from Stripe, newest first, by the index over kinds: the ledger has none over time, and its ids grow with it."""
    for kind in kinds:
        yield from _newest(kind, moment)


def _newest(kind: LedgerKind, moment: datetime) -> Iterator[LedgerEntry]:
    rows = list(LedgerEntry.objects.filter(kind=kind).order_by("-pk")[:CHUNK])
    while rows:
        for row in rows:
            if row.booked_at < moment:
                return
            if row.source == "stripe":
                yield row
        rows = list(LedgerEntry.objects.filter(kind=kind, pk__lt=rows[-1].pk).order_by("-pk")[:CHUNK])
