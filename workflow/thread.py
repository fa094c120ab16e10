"""The rows of an order's thread with its customer, and since when the customer waits for an answer. Who may write what: `messages.py`.

All functions run under the order's lock; the caller records the event, which saves the order.
"""

from typing import TYPE_CHECKING

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.accounts.models import User
from core.errors import Invalid
from workflow.models import Order, OrderMessage
from workflow.tasks import close_task, staff_task

if TYPE_CHECKING:
    from workflow.transitions import By


def add_of_staff(order: Order, *, text: str, by: "By", asks: bool = False) -> OrderMessage:
    """A message of ours; whatever the customer wrote before is answered with it."""
    message = _add(order, text=text, author=by.user, from_staff=True, asks=asks)
    settle(order, by=by)
    return message


def add_of_customer(order: Order, *, text: str, by: "By") -> OrderMessage:
    """A message of the customer, who has read ours by now. The clock of our answer starts, unless it is running."""
    message = _add(order, text=text, author=by.user, from_staff=False)
    read(order, from_staff=True)
    if order.unanswered_since is None:
        order.unanswered_since = message.at
        words = gettext_noop("The customer has written and waits for an answer.")
        staff_task(key=_task_key(order), kind="customer_message", order=order, text=words)
    return message


def add_decision(order: Order, *, text: str, by: "By") -> OrderMessage:
    """The customer's answer to a choice that we gave them: staff act on it, nobody has to write back."""
    message = _add(order, text=text, author=by.user, from_staff=False)
    read(order, from_staff=True)
    return message


def settle(order: Order, *, by: "By") -> None:
    """What the customer wrote is answered, or needs no answer."""
    if order.unanswered_since is not None:
        close_task(_task_key(order), by=by)
        order.unanswered_since = None
        read(order, from_staff=False)


def read(order: Order, *, from_staff: bool) -> int:
    """The other side has read what this side wrote; how many messages were new to it."""
    return OrderMessage.objects.filter(order=order, from_staff=from_staff, read_at=None).update(read_at=now())


def _add(order: Order, *, text: str, author: User | None, from_staff: bool, asks: bool = False) -> OrderMessage:
    assert author is not None  # a machine writes letters, not messages
    text = clean(text, limit=OrderMessage.MAX_LENGTH)
    return OrderMessage.objects.create(order=order, author=author, from_staff=from_staff, asks=asks, text=text, at=now())


def clean(text: str, *, limit: int) -> str:
    """Without the blanks around it; Invalid where nothing or too much is left."""
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text:
        raise Invalid(_("Please write something."), field="text")
    if len(text) > limit:
        raise Invalid(_("Please keep it under %(limit)s characters.") % {"limit": f"{limit:,}"}, field="text")
    return text


def _task_key(order: Order) -> str:
    assert order.unanswered_since is not None
    return f"{order.subject}:unanswered-{order.unanswered_since:%Y%m%d%H%M%S%f}"
