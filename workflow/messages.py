"""Messages between the customer and us about one order. They go by the order, also when it is closed: people have questions afterwards.

Each writes its row (`thread.py`), one event, the notice to the other side and a live event. A customer's message answers an open
question (contract: "until the next message answers it"). While a customer's message waits, `Order.unanswered_since` says since when,
and staff have a task.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from core.retries import retried
from workflow import thread
from workflow.models import Order, OrderMessage
from workflow.process import Actor, Effect
from workflow.transitions import ASKERS, By, TransitionRefused, lock_order, record

#: who writes to customers; asking them a question is writing to them
WRITERS = ASKERS
#: how soon a customer gets our answer
FIRST_REPLY_WITHIN = timedelta(hours=24)


def reply_due_at(order: Order) -> datetime | None:
    """By when a waiting customer should have our answer."""
    return order.unanswered_since + FIRST_REPLY_WITHIN if order.unanswered_since else None


@retried
@transaction.atomic
def write_to_customer(order_id: int, *, text: str, by: By, last_seen: int | None = None) -> OrderMessage:
    """Staff write; the customer gets it by e-mail too.

    `last_seen` is the last message the person looked at (0: none): with a newer one, of the customer or of a colleague who answered at
    the same time, it is refused with the code `changed_meanwhile`, so that nobody answers past the other.
    """
    order = lock_order(order_id)
    if not by.roles & WRITERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    _refuse_unread(order, last_seen=last_seen)
    message = thread.add_of_staff(order, text=text, by=by)
    _record(order, message, name="message", by=by, then=[Effect.NOTIFY_CUSTOMER])
    return message


def _refuse_unread(order: Order, *, last_seen: int | None) -> None:
    if last_seen is not None and OrderMessage.objects.filter(order=order, pk__gt=last_seen).exists():
        raise TransitionRefused(_("There is a newer message. Please read it before you answer."), code="changed_meanwhile")


@retried
@transaction.atomic
def write_as_customer(order_id: int, *, text: str, by: By) -> OrderMessage:
    """The customer writes; it answers the open question. Staff are told of the first of several that wait for an answer."""
    order = _own(order_id, by=by)
    answers, is_first = bool(order.question) and not order.is_closed, order.unanswered_since is None
    message = thread.add_of_customer(order, text=text, by=by)
    order.question, order.asked_at = "", None
    then = [Effect.NOTIFY_STAFF] if answers or is_first else []
    _record(order, message, name="answer" if answers else "message", by=by, then=then)
    return message


@retried
@transaction.atomic
def needs_no_answer(order_id: int, *, by: By, last_seen: int | None = None) -> Order:
    """What the customer wrote last (“Thank you!”) is read and needs no answer; refused where they wrote more since, see above."""
    order = lock_order(order_id)
    if not by.roles & WRITERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if order.unanswered_since is None:
        raise TransitionRefused(_("No message waits for an answer."))
    _refuse_unread(order, last_seen=last_seen)
    thread.settle(order, by=by)
    record(order, name="no_answer", from_state=order.state, by=by, facts={}, live="order.message")
    return order


@transaction.atomic
def read_as_customer(order_id: int, *, by: By) -> int:
    """The customer has our messages before their eyes; how many were new."""
    return thread.read(_own(order_id, by=by), from_staff=True)


def _own(order_id: int, *, by: By) -> Order:
    order = lock_order(order_id)
    if by.actor != Actor.CUSTOMER or by.user is None or by.user.pk != order.customer_id:
        raise NotFound
    return order


def _record(order: Order, message: OrderMessage, *, name: str, by: By, then: list[Effect]) -> None:
    record(order, name=name, from_state=order.state, by=by, facts={"message": message.pk}, then=then, live="order.message")
