"""A comparison of our books with Stripe under way: what Stripe lists and what ours names is looked at, and what differs is mended.

It asks for as little as it can (a list is a hundred things a call) and decides from a few queries a page (`comparison.py`); only what
differs is settled, by the same code as a webhook. So a second run changes nothing, and two at once do no harm.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext_noop

from core.errors import BidangilError
from integrations import stripe
from integrations.base import NotFound, ProviderError
from integrations.stripe_sdk import PAGE_SIZE
from workflow import checkout, comparison, disputes, ledger, refunds_at_stripe, settlement
from workflow.comparison import Found
from workflow.models import Attempt, AttemptStatus, Dispute, LedgerEntry, LedgerKind, Order, Refund, RefundStatus
from workflow.tasks import staff_task

log = logging.getLogger(__name__)

#: a session may have been made this long before it was paid
SESSION_LIFE = timedelta(days=1)
#: closings older than this have lost their job
CLOSING_LATE = timedelta(minutes=2)
#: so many failures of Stripe in a row are an outage
OUTAGE = 3
KEPT_FINDINGS, CLOSINGS = 500, 500


# --- What Stripe lists ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """A kind of thing that Stripe lists. `mend` gives what was done, in words, and the thing as it is then; None where all is well."""

    name: str
    pages: Callable[[datetime], Iterator[list[Any]]]
    read: Callable[[str], Any]
    differing: Callable[[list[Any]], list[tuple[Any, Found]]]
    mend: Callable[[Any, Found], tuple[str, Any] | None]
    unknown: Found


def _pages(things: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(things)
    while page := list(islice(rest, PAGE_SIZE)):
        yield page


def _pages_of_sessions(since: datetime) -> Iterator[list[stripe.CheckoutSession]]:
    """Those that are still open come last: a payment that was missed may be why one must be closed."""
    still_open: list[stripe.CheckoutSession] = []
    for page in _pages(stripe.iter_checkout_sessions(created_after=since - SESSION_LIFE)):
        still_open += [session for session in page if session.status == "open"]
        yield [session for session in page if session.status != "open"]
    yield from _pages(still_open)


def _mend_session(session: stripe.CheckoutSession, found: Found) -> tuple[str, stripe.CheckoutSession] | None:
    if found == Found.PAYMENT_FAILED and not _has_failed(session):
        return None
    if session.status == "open":
        if not comparison.sessions([stripe.retrieve_checkout_session(session.id)]):
            return None  # it has ended since it was listed
        session = stripe.expire_checkout_session(session.id)
    outcome = settlement.settle(session)
    return gettext_noop("written down again") if found == Found.SESSION_LOST else outcome, session


def _has_failed(session: stripe.CheckoutSession) -> bool:
    """Whether an asynchronous payment is over; one that still runs is as our books say."""
    if not session.payment_intent_id:
        return True
    return stripe.retrieve_payment_intent(session.payment_intent_id).status in settlement.FAILED_INTENT


SESSIONS = _Kind(
    name="sessions",
    pages=_pages_of_sessions,
    read=stripe.retrieve_checkout_session,
    differing=comparison.sessions,
    mend=_mend_session,
    unknown=Found.SESSION_UNKNOWN,
)
REFUNDS = _Kind(
    name="refunds",
    pages=lambda since: _pages(stripe.iter_refunds(created_after=since)),
    read=stripe.retrieve_refund,
    differing=comparison.refunds,
    mend=lambda refund, _found: (refunds_at_stripe.book(refund), refund),
    unknown=Found.REFUND_UNKNOWN,
)
DISPUTES = _Kind(
    name="disputes",
    pages=lambda since: _pages(stripe.iter_disputes(created_after=since)),
    read=stripe.retrieve_dispute,
    differing=comparison.disputes,
    mend=lambda dispute, _found: (disputes.book(dispute), dispute),
    unknown=Found.DISPUTE_UNKNOWN,
)


# --- The comparison -------------------------------------------------------------------------------------------------------


class Run:
    """One comparison under way: what was looked at, what was mended and what was not. Raises ProviderError when Stripe is out."""

    def __init__(self, *, since: datetime) -> None:
        self.since, self.began = since, now()
        self.looked_at: Counter[str] = Counter()
        self.mended: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self._failures_in_a_row = 0

    def counts(self) -> dict[str, int]:
        looked_at = {kind.name: self.looked_at[kind.name] for kind in (SESSIONS, REFUNDS, DISPUTES)}
        return {**looked_at, "changed": len(self.mended), "failed": len(self.failed)}

    def findings(self) -> list[dict[str, Any]]:
        return [*self.failed, *self.mended][:KEPT_FINDINGS]

    def compare(self) -> None:
        listed = self._compare(SESSIONS, expected=comparison.open_sessions)
        self._close_what_got_stuck()
        self._compare(REFUNDS, expected=self._our_refunds)
        self._compare(DISPUTES, expected=lambda: Dispute.objects.filter(closed_at=None).values_list("stripe_id", flat=True))
        self._look_for_our_payments(listed)

    def _compare(self, kind: _Kind, *, expected: Callable[[], Iterable[str]]) -> set[str]:
        """Everything that Stripe lists, then what ours names and the list does not; the ids that were listed, payments' too."""
        listed: set[str] = set()
        for page in kind.pages(self.since):
            listed |= {id for thing in page for id in (thing.id, thing.payment_intent_id) if id}
            self._look_at(kind, page)
        for id in sorted(set(expected()) - listed):
            self._one(partial(self._read, kind, id), kind.unknown, id)
        return listed

    def _our_refunds(self) -> Iterable[str]:
        """What is under way, and what the ledger says went back."""
        sent = Refund.objects.filter(status=RefundStatus.SENT, stripe_id__isnull=False).values_list("stripe_id", flat=True)
        booked = comparison.booked_since(self.since, kinds=[LedgerKind.REFUND])
        return [*(id for id in sent if id), *(row.reference for row in booked)]

    def _read(self, kind: _Kind, id: str) -> None:
        self._look_at(kind, [kind.read(id)])

    def _look_at(self, kind: _Kind, things: list[Any]) -> None:
        self.looked_at[kind.name] += len(things)
        for thing, found in kind.differing(things):
            self._one(partial(self._mend, kind, thing, found), found, thing.id, thing)

    def _mend(self, kind: _Kind, thing: Any, found: Found) -> None:
        mended = kind.mend(thing, found)
        if mended is not None:
            outcome, after = mended
            left = [found for _thing, found in kind.differing([after]) if found != Found.PAYMENT_FAILED]  # it is under way then
            self._note(found, thing.id, order=_order_of(after), outcome=outcome, repaired=not left)

    def _close_what_got_stuck(self) -> None:
        late = Attempt.objects.filter(status=AttemptStatus.CLOSING, closing_since__lt=now() - CLOSING_LATE).order_by("closing_since")
        for attempt in late.select_related("invoice__order")[:CLOSINGS]:
            self._one(partial(self._close, attempt), Found.CLOSING_STUCK, attempt.session_id or attempt.key)

    def _close(self, attempt: Attempt) -> None:
        checkout.close_attempt(attempt.pk)
        status = Attempt.objects.get(pk=attempt.pk).status
        about, order = attempt.session_id or attempt.key, attempt.invoice.order
        self._note(Found.CLOSING_STUCK, about, order=order, outcome=f"session {status}", repaired=status != AttemptStatus.CLOSING)

    def _look_for_our_payments(self, listed: set[str]) -> None:
        """What came in by our ledger and was not listed is read at Stripe. A session older than the list need not be in it."""
        for row in comparison.booked_since(self.since, kinds=[LedgerKind.CAPTURE, LedgerKind.UNAPPLIED]):
            if row.payment_intent_id not in listed and row.booked_at < self.began and not self._is_of_older_session(row):
                self._one(partial(self._look_for, row), Found.PAYMENT_UNKNOWN, row.payment_intent_id, row)

    def _is_of_older_session(self, row: LedgerEntry) -> bool:
        of_it = Attempt.objects.filter(invoice=row.invoice_id, payment_intent_id=row.payment_intent_id)
        return row.invoice_id is not None and of_it.filter(created_at__lt=self.since - SESSION_LIFE).exists()

    def _look_for(self, row: LedgerEntry) -> None:
        there = stripe.retrieve_payment_intent(row.payment_intent_id).amount_received_cents
        ours = comparison.captured([row.payment_intent_id])[row.payment_intent_id]
        if there != ours:
            outcome = f"{there} cents paid at Stripe, {ours} in the ledger"
            self._note(Found.AMOUNT_DIFFERS, row.payment_intent_id, order=row.order, outcome=outcome, repaired=False)

    # --- One thing must not stop the others ---

    def _one(self, act: Callable[[], None], found: Found, about: str, thing: Any = None) -> None:
        try:
            act()
            self._failures_in_a_row = 0
        except NotFound:
            self._note_failure(found, about, thing, outcome=gettext_noop("Stripe does not know it"))
        except ProviderError as error:
            self._note_failure(found, about, thing, outcome=str(error), task=False)
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= OUTAGE:
                raise
        except BidangilError as refused:
            self._note_failure(found, about, thing, outcome=str(refused))
        except Exception as error:  # a bug that one thing runs into
            log.exception("%s: not mended", about)
            self._note_failure(found, about, thing, outcome=type(error).__name__, task=False)

    def _note_failure(self, found: Found, about: str, thing: Any, *, outcome: str, task: bool = True) -> None:
        order = _order_by_id(about) if thing is None else _order_of(thing)
        self._note(found, about, order=order, outcome=outcome, repaired=False, task=task)

    def _note(self, found: Found, about: str, *, order: Order | None, outcome: str, repaired: bool, task: bool = True) -> None:
        """Write it into the report; what a later run will not mend by itself becomes a task for staff."""
        number = order.number if order else ""
        said = {"what": found.value, "about": about, "order": number, "outcome": outcome[:300], "repaired": repaired}
        (self.mended if repaired else self.failed).append(said)
        if not repaired and task:
            text = gettext_noop("Our books and Stripe differ about %(about)s, and it could not be mended by itself.")
            staff_task(key=f"ledger-differs:{about}", kind="ledger_differs", order=order, text=text, about=about)


def _order_of(thing: Any) -> Order | None:
    """The order of a session, refund, dispute or row of the ledger: by its payment, else by what it says itself."""
    paid = ledger.payment_of(thing.payment_intent_id or "")
    if paid is not None and paid.order is not None:
        return paid.order
    return Order.objects.filter(number=getattr(thing, "metadata", {}).get("order", "-")).first()


def _order_by_id(about: str) -> Order | None:
    """As our books know something of Stripe's."""
    ways = (
        Attempt.objects.filter(session_id=about).values_list("invoice__order", flat=True),
        Dispute.objects.filter(stripe_id=about).values_list("order", flat=True),
        LedgerEntry.objects.filter(source="stripe", kind=LedgerKind.REFUND, reference=about).values_list("order", flat=True),
        Refund.objects.filter(stripe_id=about).values_list("order", flat=True),
    )
    pk = next((pk for way in ways if (pk := way.first())), None)
    return Order.objects.filter(pk=pk).first() if pk else None
