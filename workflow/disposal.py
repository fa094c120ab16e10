"""The end of storage: a task for staff, more days, or disposal. No machine ever disposes of anything: a person does, after the end, and
only where the customer was really told of it three times (notices that were sent, not only written).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.errors import Conflict, Invalid
from core.notices.models import Channel, Notice
from core.retries import retried
from workflow import payments, storage
from workflow.entry_rules import check_state, whole
from workflow.models import Disposal, InvoiceKind, Order, StaffTask
from workflow.process import STORED, Effect, Role, State
from workflow.reminders import storage_key
from workflow.storage import LEADS, Storage
from workflow.tasks import close_task, staff_task
from workflow.transitions import By, TransitionRefused, locked_for_staff, perform, record

DISPOSERS = frozenset({Role.SUPPORT, Role.OWNER})
EXTENDERS = frozenset({Role.SUPPORT, Role.WAREHOUSE, Role.OWNER})
#: what was paid for is sent, not thrown away
DISPOSABLE = STORED - {State.DELIVERY_PAID}
SHORTEST_NOTE, LONGEST_NOTE = 20, 500
MAX_EXTRA_DAYS = 365
KIND = "storage_over"
#: new tasks of one run, and how many orders it looks at in one go
MOST, STEP = 500, 500


@dataclass(frozen=True)
class Told:
    """What the customer was told ahead of the end of storage."""

    lead: int
    sent_at: datetime | None


def told(order: Order, seen: Storage) -> list[Told]:
    """The notices of the last step, the earliest first; `sent_at` is None where none was sent. One statement."""
    keys = {storage_key(order, "storage_end", seen.terms.max_days, lead): lead for lead in LEADS}
    rows = Notice.objects.filter(key__in=keys, channel=Channel.EMAIL, sent_at__isnull=False)
    sent = {keys[key]: at for key, at in rows.values_list("key", "sent_at")}
    return [Told(lead, sent.get(lead)) for lead in LEADS]


def may_dispose(order: Order, *, by: By) -> bool:
    seen = storage.storage_of(order)
    return bool(by.roles & DISPOSERS) and order.state in DISPOSABLE and seen is not None and seen.is_over


def may_extend(order: Order, *, by: By) -> bool:
    return bool(by.roles & EXTENDERS) and order.state in DISPOSABLE


# --- What is over ---------------------------------------------------------------------------------------------------------


def show_what_is_over() -> int:
    """A task for each order beyond the end of storage, with what its customer was told when; tasks that are settled end. The number of
    new ones, of which one run makes so many at most."""
    untold = list(islice(_untold(), MOST))
    for key, order, seen in untold:
        text = gettext_noop("Storage is over after %(days)s days. Dispose of it, or grant more days. The customer was told: %(told)s")
        staff_task(key=key, kind=KIND, order=order, text=text, days=seen.terms.max_days, told=_in_short(told(order, seen)))
    _end_settled()
    return len(untold)


def over() -> Iterator[tuple[str, Order, Storage]]:
    """The orders beyond the end of storage, the oldest first, each with its task's key."""
    return ((_key(order), order, seen) for order, seen in storage.running(now(), only_ending=True) if seen.is_over)


def _untold() -> Iterator[tuple[str, Order, Storage]]:
    """Those that have no task yet."""
    found = over()
    while some := list(islice(found, STEP)):
        known = set(StaffTask.objects.filter(key__in=[key for key, _order, _seen in some]).values_list("key", flat=True))
        yield from (one for one in some if one[0] not in known)


def _end_settled() -> None:
    for task in StaffTask.objects.filter(kind=KIND, done_at=None).select_related("order").iterator(chunk_size=500):
        order = task.order
        if order is None or order.state not in DISPOSABLE or task.key != _key(order):
            close_task(task.key)


def _in_short(notices: Iterable[Told]) -> str:
    """`7d 2026-01-07, 3d 2026-01-11, 1d –`: read alike in every language."""
    return ", ".join(f"{one.lead}d {localtime(one.sent_at):%Y-%m-%d}" if one.sent_at else f"{one.lead}d –" for one in notices)


def _key(order: Order) -> str:
    return f"{order.subject}:{storage.stay(order)}:over:{order.storage_extra_days}"


# --- More days ------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def extend(order_id: int, *, days: int, reason: str, by: By, seen_version: int | None = None) -> Order:
    """Put the end of storage off by so many days, at the daily fee. The customer is told, and again before the new end.

    Where storage is over, the days are counted from now on: for those that passed since its end nobody was asked to pay.
    """
    order = locked_for_staff(order_id, roles=EXTENDERS, by=by, seen_version=seen_version)
    check_state(order, DISPOSABLE)
    if order.storage_extra_days >= MAX_EXTRA_DAYS:
        raise Invalid(_("No more days can be granted: it has %(most)s already.") % {"most": MAX_EXTRA_DAYS}, field="days")
    whole(days, field="days", low=1, high=MAX_EXTRA_DAYS - order.storage_extra_days)
    if not reason.strip():
        raise Invalid(_("Please say why."), field="reason")
    close_task(_key(order), by=by)
    _set_back_to_the_end(order)
    order.storage_extra_days += days
    facts = {"days": days, "reason": reason.strip()[:500]}
    record(order, name="extend_storage", from_state=order.state, by=by, facts=facts, then=[Effect.NOTIFY_CUSTOMER])
    return order


def _set_back_to_the_end(order: Order) -> None:
    seen = storage.storage_of(order)
    if seen is not None and seen.is_over:
        order.storage_used_s = int((seen.terms.max_days * storage.DAY).total_seconds())
        order.storage_since = seen.at if seen.runs else None


# --- Disposal -------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def dispose(order_id: int, *, note: str, by: By, seen_version: int | None = None) -> Disposal:
    """Close an order whose storage is over and whose goods are disposed of; what is owed back goes back by the rules of cancelling, and
    storage that was never paid is not asked for any more.

    Raises Invalid where the note is short, TransitionRefused before the end or where a notice is not proven, Conflict while somebody pays.
    """
    order = locked_for_staff(order_id, roles=DISPOSERS, by=by, seen_version=seen_version)
    check_state(order, DISPOSABLE)
    note = note.strip()
    if not SHORTEST_NOTE <= len(note) <= LONGEST_NOTE:
        words = _("Please say what was done, in %(least)s to %(most)s characters.")
        raise Invalid(words % {"least": SHORTEST_NOTE, "most": LONGEST_NOTE}, field="note")
    seen = storage.storage_of(order)
    if seen is None or not seen.is_over:
        raise TransitionRefused(_("Storage is not over yet."), code="storage_not_over")
    sent = told(order, seen)
    if not all(one.sent_at for one in sent):
        raise TransitionRefused(_("The customer was not told three times before the end. Grant more days, then they are."), code="not_told")
    attempt = payments.open_attempt(order, kind=InvoiceKind.DELIVERY)
    if attempt is not None and attempt.processing:
        raise Conflict(_("A payment is being processed. It is settled as soon as it arrives or fails."), code="payment_in_process")
    assert by.user is not None  # whoever has a role is somebody
    disposal = Disposal.objects.create(
        order=order,
        by=by.user,
        note=note,
        storage_days=seen.days,
        notices=[{"kind": f"storage_end:{one.lead}d", "sent_at": one.sent_at.isoformat()} for one in sent if one.sent_at],
    )
    close_task(_key(order), by=by)
    perform(order.pk, Order.cancel, by=by, reason=note, disposal=disposal.pk, storage_days=seen.days)
    return disposal
