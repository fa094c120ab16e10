"""Our books compared with Stripe's own lists: what was missed is mended, what cannot be is shown to staff, and all of it is reported.

It asks for as little as it can (a list is a hundred things a call) and decides from a few queries a page; only what differs is settled,
by the same code as a webhook. So a second run changes nothing, and two at once do no harm. What is compared: `comparison.py`.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django_q.tasks import async_task

from core.errors import BidangilError, Invalid
from integrations import stripe
from integrations.base import NotFound, ProviderError
from integrations.stripe_sdk import PAGE_SIZE
from workflow import checkout, comparison, disputes, ledger, refunds_at_stripe, settlement
from workflow.comparison import Found
from workflow.models import Attempt, AttemptStatus, Dispute, LedgerEntry, LedgerKind, Order, Reconciliation, Refund, RefundStatus
from workflow.tasks import staff_task
from workflow.transitions import TransitionRefused

if TYPE_CHECKING:
    from workflow.transitions import By

log = logging.getLogger(__name__)

#: a session may have been made this long before it was paid
SESSION_LIFE = timedelta(days=1)
#: closings older than this have lost their job
CLOSING_LATE = timedelta(minutes=2)
#: so many failures of Stripe in a row are an outage
OUTAGE = 3
KEPT_FINDINGS, KEPT_FOR, BATCH = 500, timedelta(days=90), 500
#: a run that began longer ago has been killed; one that is younger makes a scheduled one needless
RUNNING, KILLED = timedelta(minutes=10), timedelta(hours=1)
#: what staff may ask for
SPANS = ("48h", "5d", "30d")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


# --- Runs and their reports -----------------------------------------------------------------------------------------------


def reconcile(*, since: timedelta, by: "By | None" = None) -> Reconciliation:
    """Compare everything of the last `since` and mend what differs. A Stripe that stops answering ends it: the report's `error` says so,
    and what was mended stays."""
    Reconciliation.objects.filter(ended_at=None, started_at__lt=now() - KILLED).update(ended_at=now(), error="killed before its end")
    began = now()
    report = Reconciliation.objects.create(since=began - since, started_at=began, asked_by=by.user if by else None)
    run = _Run(since=report.since)
    try:
        run.compare()
    except ProviderError as error:
        log.warning("the comparison with Stripe ended early: %s", error)
        report.error = f"{type(error).__name__} {error}"[:300]
    except BaseException as error:
        report.error = f"{type(error).__name__}"
        raise
    finally:
        _finish(report, run)
    return report


def reconcile_by_schedule(*, since: timedelta) -> Reconciliation | None:
    """The same, unless one that looks back as far is under way."""
    if Reconciliation.objects.filter(ended_at=None, started_at__gt=now() - RUNNING, since__lte=now() - since).exists():
        log.info("a comparison with Stripe is under way already")
        return None
    return reconcile(since=since)


def request(*, span: str, by: "By") -> None:
    """Queue a comparison for a person. Refused for those who may not ask for one; Invalid for a span that is not offered."""
    if by.user is None or not by.user.has_perm("workflow.add_reconciliation"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if span not in SPANS:
        raise Invalid(_("Please choose how far to look back."), field="since")
    async_task("workflow.jobs.reconcile_for", span, by.user.pk, cluster="slow")


def span_of(words: str) -> timedelta:
    """`30m`, `48h`, `5d`, `2w`; anything else is Invalid."""
    read = re.fullmatch(r"([0-9]{1,3})([mhdw])", words.strip())
    if read is None or not int(read[1]):
        raise Invalid(_("“%(words)s” is no span of time; write 30m, 48h, 5d or 2w.") % {"words": words}, field="since")
    return timedelta(**{UNITS[read[2]]: int(read[1])})


def _finish(report: Reconciliation, run: "_Run") -> None:
    report.ended_at, report.counts, report.findings = now(), run.counts(), run.findings()
    report.save()
    if report.asked_by_id is None and not report.error:
        _take_the_place_of_the_last(report)


def _take_the_place_of_the_last(report: Reconciliation) -> None:
    """A run nobody waited for, that changed nothing and found what the last one of its span found, leaves one row, not two."""
    if report.counts["changed"]:
        return
    before = Reconciliation.objects.filter(asked_by=None, error="", pk__lt=report.pk, ended_at__isnull=False)
    for last in before.order_by("-pk")[:5]:
        if not last.counts.get("changed") and last.findings == report.findings and _span(last) == _span(report):
            last.delete()


def _span(report: Reconciliation) -> timedelta:
    return report.started_at - report.since


def trim() -> int:
    """Forget old reports; the number forgotten."""
    forgotten = 0
    while keys := list(Reconciliation.objects.filter(started_at__lt=now() - KEPT_FOR).values_list("pk", flat=True)[:BATCH]):
        Reconciliation.objects.filter(pk__in=keys).delete()
        forgotten += len(keys)
    return forgotten


# --- What is listed, compared and mended ----------------------------------------------------------------------------------


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


class _Run:
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
        for attempt in late.select_related("invoice__order")[:BATCH]:
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
            self._note(found, about, order=_order_of(thing), outcome=gettext_noop("Stripe does not know it"), repaired=False)
        except ProviderError as error:
            self._note(found, about, order=_order_of(thing), outcome=str(error), repaired=False, task=False)
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= OUTAGE:
                raise
        except BidangilError as refused:
            self._note(found, about, order=_order_of(thing), outcome=str(refused), repaired=False)
        except Exception as error:  # a bug that one thing runs into
            log.exception("%s: not mended", about)
            self._note(found, about, order=_order_of(thing), outcome=type(error).__name__, repaired=False, task=False)

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
    paid = ledger.payment_of(getattr(thing, "payment_intent_id", None) or "")
    if paid is not None and paid.order is not None:
        return paid.order
    number = getattr(thing, "metadata", {}).get("order", "")
    return Order.objects.filter(number=number).first() if number else None
