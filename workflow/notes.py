"""Internal notes on an order: anybody of staff who reads orders may add one; nobody changes or removes one."""

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from core.retries import retried
from workflow import thread
from workflow.models import Order, OrderNote
from workflow.transitions import By, TransitionRefused, tell_staff

#: the same words of the same person within this time are one note sent twice
SENT_TWICE = timedelta(minutes=1)


@retried
@transaction.atomic
def add_note(order_id: int, *, text: str, by: By) -> OrderNote:
    """Beside the order: its version and events stay as they are, staff's screens are told."""
    # the lock makes a second press wait for the first
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound
    if by.user is None or not by.user.has_perm("workflow.view_order"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    text = thread.clean(text, limit=OrderNote.MAX_LENGTH)
    last = OrderNote.objects.filter(order=order).order_by("-pk").first()
    if last and (last.author_id, last.text) == (by.user.pk, text) and last.at > now() - SENT_TWICE:
        return last
    note = OrderNote.objects.create(order=order, author=by.user, text=text)
    tell_staff(order, "order.note")
    return note
