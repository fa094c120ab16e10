"""What people do around an order without moving it: write to its customer, leave each other notes, take it, and see who else is there.

The order page shows all of it; each form posts here. What is refused comes back with what was typed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages as banner
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.orders import reading
from backoffice.orders.history import Happening
from core.accounts.models import User
from core.errors import BidangilError
from workflow import assigning, messages, notes, presence
from workflow.models import Order, OrderMessage, OrderNote
from workflow.transitions import By

#: the newest of each are read; an order with more is rare, and its page stays light
MOST = 200


class Desk:
    """What the order page shows of it; each part is one statement."""

    def __init__(self, order: Order, *, by: By) -> None:
        self.order, self.by = order, by

    # --- Who

    @cached_property
    def others(self) -> list[str]:
        return presence.others(self.order.pk, by=self.by)

    @property
    def me(self) -> int:
        return self.by.user.pk if self.by.user else 0

    @property
    def is_mine(self) -> bool:
        return self.order.assigned_to_id == self.me

    @property
    def may_assign(self) -> bool:
        return assigning.may_assign(self.by)

    # --- Messages

    @property
    def may_write(self) -> bool:
        return bool(self.by.roles & messages.WRITERS)

    @cached_property
    def thread(self) -> list[OrderMessage]:
        """Oldest first."""
        rows = OrderMessage.objects.filter(order=self.order).select_related("author").order_by("-pk")
        return list(rows[:MOST])[::-1]

    @property
    def last_message(self) -> int:
        return self.thread[-1].pk if self.thread else 0

    @property
    def waiting(self) -> OrderMessage | None:
        """The customer's last message, as long as it has no answer."""
        if self.order.unanswered_since is None:
            return None
        return next((message for message in reversed(self.thread) if not message.from_staff), None)

    @property
    def reply_due_at(self) -> datetime | None:
        return messages.reply_due_at(self.order)

    @property
    def is_late(self) -> bool:
        return self.reply_due_at is not None and self.reply_due_at < now()

    @property
    def asked(self) -> int:
        """The message that holds the open question."""
        if not self.order.question or self.order.is_closed:
            return 0
        return next((message.pk for message in reversed(self.thread) if message.asks), 0)

    # --- Notes

    @cached_property
    def notes(self) -> list[OrderNote]:
        return list(OrderNote.objects.filter(order=self.order).select_related("author").order_by("-pk")[:MOST])

    def timeline(self, events: Iterable[Happening]) -> list[Any]:
        """Events and notes together, newest first."""
        return sorted([*events, *self.notes], key=lambda row: row.at, reverse=True)


# --- Two boxes to write in ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pen:
    name: str
    title: Any
    hint: Any
    button: Any
    done: Any
    #: where on the order page what was written is seen
    anchor: str
    may: Callable[[By], bool]
    save: Callable[[HttpRequest, int, str], object]


def _send(request: HttpRequest, order_id: int, text: str) -> None:
    messages.write_to_customer(order_id, text=text, by=acting(request), last_seen=_last_seen(request))


def _last_seen(request: HttpRequest) -> int | None:
    last = request.POST.get("last", "")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else None


def _note(request: HttpRequest, order_id: int, text: str) -> None:
    notes.add_note(order_id, text=text, by=acting(request))


PENS = {
    pen.name: pen
    for pen in (
        Pen(
            "message", _("Message to the customer"), _("The customer gets it by e-mail too."), _("Send"), _("The message is sent."),
            "order-messages", lambda by: bool(by.roles & messages.WRITERS), _send,
        ),
        Pen(
            "note", _("Internal note"), _("Only staff read it; it stays as it is."), _("Add note"), _("The note is there."),
            "order-timeline", lambda by: by.user is not None and by.user.has_perm("workflow.view_order"), _note,
        ),
    )
}  # fmt: skip


def write(request: HttpRequest, order_id: int, name: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    pen = PENS.get(name)
    if pen is None:
        raise Http404
    if not pen.may(acting(request)):
        raise PermissionDenied
    order, text, refused = reading.load(order_id), request.POST.get("text", ""), None
    if request.method == "POST":
        try:
            pen.save(request, order_id, text)
        except BidangilError as error:
            refused = error
        else:
            banner.success(request, pen.done)
            return HttpResponseRedirect(f"{page_of(order_id)}#{pen.anchor}")
    context = {**frame, **reading.heading(order), "title": pen.title, "pen": pen, "text": text, "refused": refused}
    desk = Desk(order, by=acting(request))
    status = refused.status_code if refused else 200
    return render(request, "backoffice/order/write.html", {**context, "desk": desk}, status=status)


def page_of(order_id: int) -> str:
    return reverse("admin:workflow_order_change", args=[order_id])


def needs_no_answer(request: HttpRequest, order_id: int) -> HttpResponse:
    if not PENS["message"].may(acting(request)):
        raise PermissionDenied
    by, seen = acting(request), _last_seen(request)
    return _pressed(
        request, order_id, lambda: messages.needs_no_answer(order_id, by=by, last_seen=seen), done=_("Read; no answer is needed.")
    )


# --- Who looks after it, who looks at it ----------------------------------------------------------------------------------


def assign(request: HttpRequest, order_id: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    """A GET shows to whom it may be given; a POST gives it: `to` is a person's id, empty to let it go."""
    if not assigning.may_assign(acting(request)):
        raise PermissionDenied
    if request.method != "POST":
        order = reading.load(order_id)
        context = {**frame, **reading.heading(order), "title": _("Give to…"), "people": assigning.candidates()}
        return render(request, "backoffice/order/give.html", context)
    to, version = person(request.POST.get("to", "")), request.POST.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None
    return _pressed(
        request,
        order_id,
        lambda: assigning.give(order_id, to=to, by=acting(request), seen_version=seen),
        done=_("%(name)s looks after the order now.") % {"name": to.nickname} if to else _("Nobody looks after the order now."),
    )


def person(said: str) -> User | None:
    """None for nobody; 404 for somebody who is not."""
    if not said:
        return None
    found = User.objects.filter(pk=int(said)).first() if said.isascii() and said.isdigit() and len(said) < 19 else None
    if found is None:
        raise Http404
    return found


def here(request: HttpRequest, order_id: int) -> HttpResponse:
    """An open page's heartbeat; answers who else is there. `leaving` is its last one."""
    by = acting(request)
    if not Order.objects.filter(pk=order_id).exists():
        raise Http404
    if "leaving" in request.POST:
        presence.leave(order_id, by=by)
        return HttpResponse(status=204)
    presence.beat(order_id, by=by)
    return render(request, "backoffice/order/_present.html", {"others": presence.others(order_id, by=by)})


def _pressed(request: HttpRequest, order_id: int, act: Callable[[], object], *, done: Any) -> HttpResponse:
    try:
        act()
    except BidangilError as refused:
        banner.error(request, str(refused))
    else:
        banner.success(request, done)
    return HttpResponseRedirect(page_of(order_id))
