"""What the warehouse finds when it looks at an item, what the customer wants done about it, and how it ended.

An item that is as ordered is `inspected` and the order goes on. Any other verdict keeps the item where it is, so that the order cannot
be received (`guards.every_live_item_is_inspected`) until a person decides: the customer is asked, answers keep, return or other, and
staff end it. Kept: the item is inspected. Given up: the item leaves the order by `adjustments.sell_out` or `refunds.refund_lines`, the
only ways on which money goes back, and both end its inspection. Looked at again: a new inspection. Nothing happens by itself: when the
time to answer is over, staff get a task.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.errors import Conflict, Invalid, NotFound
from workflow import inspection_rows, inspection_words, thread
from workflow.entry_rules import check_state
from workflow.models import Choice, Inspection, Item, ItemStatus, Order, Outcome, Verdict
from workflow.process import Actor, Effect, Role, State
from workflow.tasks import staff_task
from workflow.transitions import ASKERS, By, TransitionRefused, lock_order, locked_for_staff, record, retried, tell

STATES = frozenset({State.ITEMS_PURCHASED})
#: who looks at items, and who ends an open inspection
INSPECTORS = frozenset({Role.WAREHOUSE, Role.OWNER})
ENDERS = frozenset({Role.WAREHOUSE, Role.SUPPORT, Role.OWNER})
ANSWER_WITHIN = timedelta(days=7)
NOTE_LENGTH, ANSWER_LENGTH = 500, 1000
#: a bad verdict changes nothing of an item that did not come
LOOKED_AT = frozenset({ItemStatus.PURCHASED, ItemStatus.ARRIVED, ItemStatus.INSPECTED})


# --- The warehouse looks --------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def inspect_item(
    order_id: int, *, item_id: int, verdict: str, note: str = "", some_came: bool = False, by: By, seen_version: int | None = None
) -> Inspection:
    """One look at one item. Every verdict but `ok` needs a note, which the customer reads. `some_came`: of what is missing a part is
    here; without it an item that did not arrive stays as bought."""
    order = _begin(order_id, INSPECTORS, by=by, seen_version=seen_version)
    item, note = _item(order, item_id), _clean(note, limit=NOTE_LENGTH, field="note")
    if verdict not in Verdict.values:
        raise Invalid(_("Say what was found."), field="verdict")
    if verdict != Verdict.OK and not note:
        raise Invalid(_("Please say what is wrong; the customer reads it."), field="note")
    if _latest(item, ended_at=None):
        raise TransitionRefused(_("An inspection of this item is open. End it, or look at the item again."), code="inspection_open")
    _move(item, Verdict(verdict), some_came=some_came)
    inspection = Inspection(item=item, number=_next_number(item), verdict=verdict, note=note, by=by.user)
    if verdict == Verdict.OK:
        inspection.outcome, inspection.ended_at, inspection.ended_by = Outcome.FINE, inspection.at, by.user
    inspection.save(force_insert=True)
    _record(order, inspection, "inspect", by=by, verdict=str(verdict))
    return inspection


def _move(item: Item, verdict: Verdict, *, some_came: bool) -> None:
    if item.status not in LOOKED_AT:
        raise Invalid(_("This item was not bought."), field="item")
    is_here = verdict != Verdict.MISSING or some_came or item.status != ItemStatus.PURCHASED
    item.arrived_at = (item.arrived_at or now()) if is_here else None
    item.inspected_at = now() if verdict == Verdict.OK else None
    item.status = ItemStatus.INSPECTED if verdict == Verdict.OK else ItemStatus.ARRIVED if is_here else ItemStatus.PURCHASED
    _save(item)


@retried
@transaction.atomic
def undo_inspection(order_id: int, *, inspection_id: int, by: By, seen_version: int | None = None) -> Order:
    """A verdict entered by mistake: the item is as if it had not been looked at. Refused once the customer was asked about it."""
    order = _begin(order_id, INSPECTORS, by=by, seen_version=seen_version)
    inspection = _of(order, inspection_id)
    item = _item(order, inspection.item_id)
    if inspection.asked_at or inspection.outcome not in ("", Outcome.FINE):
        raise TransitionRefused(_("The customer was asked about this, or it has ended: look at the item again instead."), code="too_late")
    if inspection != _latest(item):
        raise TransitionRefused(_("The item was looked at again since."), code="too_late")
    inspection_rows.end(order, inspection, outcome=Outcome.UNDONE, by=by)
    if item.status == ItemStatus.INSPECTED:
        item.status, item.inspected_at = ItemStatus.ARRIVED, None
        _save(item)
    _record(order, inspection, "undo_inspection", by=by, verdict=inspection.verdict)
    return order


# --- The customer is asked, and answers -----------------------------------------------------------------------------------


@retried
@transaction.atomic
def ask_about(order_id: int, *, inspection_ids: Iterable[int], text: str, by: By, seen_version: int | None = None) -> Order:
    """Ask the customer what to do about open inspections, in one question with their photos: `text` is written into the thread, and the
    order waits on the customer. `inspection_words.question` proposes it."""
    order = _begin(order_id, ASKERS, by=by, seen_version=seen_version)
    inspections = [_of(order, pk) for pk in dict.fromkeys(inspection_ids)]
    if not inspections:
        raise Invalid(_("Nothing was chosen."), field="inspection")
    if any(one.ended_at or one.asked_at for one in inspections):
        raise TransitionRefused(_("The customer was asked about this already, or it has ended."), code="asked_already")
    if order.question and not inspection_rows.is_about_inspections(order):
        raise TransitionRefused(_("Another question to the customer is open."), code="question_open")
    message = thread.add_of_staff(order, text=text, by=by, asks=True)
    # The earlier question is still open too: reminders repeat what is asked.
    order.question = f"{order.question}\n\n{message.text}".strip()
    order.asked_at = message.at
    for inspection in inspections:
        inspection.asked_at, inspection.answer_by = message.at, message.at + ANSWER_WITHIN
    # All that wait bear the moment of the question that is open now.
    Inspection.objects.bulk_update(inspections, ["asked_at", "answer_by"])
    inspection_rows.unanswered(order).update(asked_at=message.at)
    positions = sorted(inspection.item.position for inspection in inspections)
    facts = {"message": message.pk, "asked": positions, "answer_by": inspections[0].answer_by.isoformat()}  # type: ignore[union-attr]
    record(order, name="ask_inspection", from_state=order.state, by=by, facts=facts, then=[Effect.NOTIFY_CUSTOMER], live="order.item")
    tell(order, "order.message")
    return order


@retried
@transaction.atomic
def answer_inspection(order_id: int, *, position: int, choice: str, text: str = "", by: By) -> Order:
    """The customer decides about the item at this position: keep, return, or other in words. It is a message in the thread, too."""
    order = lock_order(order_id)
    item = next((item for item in order.items.all() if item.position == position), None)
    if by.actor != Actor.CUSTOMER or by.user is None or by.user.pk != order.customer_id or item is None:
        raise NotFound
    inspection = _to_answer(item)
    text = _clean(text, limit=ANSWER_LENGTH, field="text")
    if choice not in Choice.values or (choice == Choice.KEEP and inspection.verdict == Verdict.PROHIBITED):
        raise Invalid(_("This cannot be chosen here."), field="choice")
    if choice == Choice.OTHER and not text:
        raise Invalid(_("Please say what you would like us to do."), field="text")
    said = inspection_words.answer(item, Choice(choice), text, locale=order.customer.locale)
    message = thread.add_decision(order, text=said, by=by)
    inspection.choice, inspection.answer, inspection.answered_at = choice, text, message.at
    inspection.save(update_fields=["choice", "answer", "answered_at"])
    inspection_rows.settle_question(order)
    words = gettext_noop("The customer has decided what to do about an inspected item.")
    staff_task(key=inspection_rows.task_key(order, inspection, "decided"), kind="customer_decided", order=order, text=words)
    facts = {"item": position, "inspection": inspection.number, "choice": choice, "message": message.pk}
    then = [Effect.NOTIFY_STAFF]
    record(order, name="answer_inspection", from_state=order.state, by=by, facts=facts, then=then, live="order.message")
    tell(order, "order.item")
    return order


def _to_answer(item: Item) -> Inspection:
    inspection = _latest(item)
    if inspection is None or (inspection.asked_at is None and inspection.ended_at is None):
        raise Conflict(_("We have not asked you about this item."), code="nothing_asked")
    if inspection.ended_at:
        raise Conflict(_("This is settled already. Please write to us if something is wrong."), code="inspection_ended")
    if inspection.choice:
        raise Conflict(_("You have answered already. Please write to us if you have changed your mind."), code="answered_already")
    return inspection


# --- Staff end it ---------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def end_inspection(order_id: int, *, inspection_id: int, outcome: str, by: By, seen_version: int | None = None) -> Order:
    """`kept`: it is sent as it is, which the customer must have agreed to. `looked_again`: the item is to be inspected anew. That an item
    is given up is no outcome to choose: it ends with the item leaving the order."""
    order = _begin(order_id, ENDERS, by=by, seen_version=seen_version)
    inspection = _of(order, inspection_id)
    item = _item(order, inspection.item_id)
    if inspection.ended_at:
        raise TransitionRefused(_("This inspection has ended already."), code="inspection_ended")
    if outcome == Outcome.KEPT:
        if why := why_not_kept(inspection, order):
            raise TransitionRefused(why, code="not_to_be_kept")
        item.status, item.inspected_at, item.arrived_at = ItemStatus.INSPECTED, now(), item.arrived_at or now()
        _save(item)
    elif outcome != Outcome.LOOKED_AGAIN:
        raise Invalid(_("An inspection ends as kept or looked at again."), field="outcome")
    inspection_rows.end(order, inspection, outcome=Outcome(outcome), by=by)
    _record(order, inspection, "end_inspection", by=by, outcome=str(outcome))
    return order


def why_not_kept(inspection: Inspection, order: Order) -> Any:
    """In words; empty where the item may be sent as it is. Nothing wrong is ever sent that the customer has not agreed to."""
    if inspection.verdict == Verdict.PROHIBITED:
        return _("What may not be sent is never kept.")
    if inspection.verdict == Verdict.MISSING and inspection.item.status == ItemStatus.PURCHASED:
        return _("Nothing of it is here.")
    if inspection.asked_at is None:
        return _("Ask the customer first.")
    if inspection.choice == Choice.RETURN:
        return _("The customer wants it sent back.")
    if not inspection.choice and order.question:
        return _("The customer has not answered yet.")
    return ""


# --- Of one order ---------------------------------------------------------------------------------------------------------


def _begin(order_id: int, roles: frozenset[Any], *, by: By, seen_version: int | None) -> Order:
    order = locked_for_staff(order_id, roles=roles, by=by, seen_version=seen_version)
    check_state(order, STATES)
    return order


def _item(order: Order, item_id: int) -> Item:
    found = next((item for item in order.items.all() if item.pk == item_id and item.is_live), None)
    if found is None:
        raise Invalid(_("This item is no longer part of the order."), field="item")
    return found


def _of(order: Order, inspection_id: int) -> Inspection:
    found = Inspection.objects.select_related("item").filter(pk=inspection_id, item__order=order).first()
    if found is None:
        raise Invalid(_("This inspection is not of this order."), field="inspection")
    return found


def _latest(item: Item, **only: Any) -> Inspection | None:
    rows = Inspection.objects.filter(item=item, **only).exclude(outcome=Outcome.UNDONE)
    return rows.select_related("item").order_by("-number").first()


def _next_number(item: Item) -> int:
    """Under the order's lock; one that was taken back keeps its number."""
    return (Inspection.objects.filter(item=item).order_by("-number").values_list("number", flat=True).first() or 0) + 1


def _clean(text: str, *, limit: int, field: str) -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > limit:
        raise Invalid(_("Please keep it under %(limit)s characters.") % {"limit": f"{limit:,}"}, field=field)
    return text


def _save(item: Item) -> None:
    item.save(update_fields=["status", "arrived_at", "inspected_at"])


def _record(order: Order, inspection: Inspection, name: str, *, by: By, **facts: str) -> None:
    said = {"item": inspection.item.position, "inspection": inspection.number, **facts}
    record(order, name=name, from_state=order.state, by=by, facts=said, live="order.item")
