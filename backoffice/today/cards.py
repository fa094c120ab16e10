"""The queues as cards: how much waits, since when, and how much of the promised time is left. Every number leads to its list."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backoffice import hand_over
from backoffice.access import EFFECTS_SEEN_BY, holds
from backoffice.money import unapplied
from backoffice.words import TONE_OF_WAITS, TURNS
from workflow import disposal, inspections, queues, waiting
from workflow.process import TRANSITIONS, WAITS_ON, State, Waits, roles_of
from workflow.promises import Clock
from workflow.queues import Pile, Queue
from workflow.transitions import roles_held


@dataclass(frozen=True)
class Card:
    key: str
    name: Any
    icon: str
    #: whose move it is, in colour
    tone: str
    url: str
    count: int
    late: int = 0
    #: only the late ones, and what they are called where no clock says it
    late_url: str = ""
    late_words: Any = ""
    oldest_at: datetime | None = None
    clock: Clock | None = None
    held: int = 0
    flagged: int = 0
    asked: int = 0


def cards(request: HttpRequest) -> dict[str, list[Card]]:
    """`mine`: what this person's roles move; `others`: colleagues'; `elsewhere`: with customers and couriers; `beside`: piles that are
    somebody else's to clear, for those who may look."""
    mine, beside = _of_piles(request)
    if not request.user.has_perm("workflow.view_order"):
        return {"mine": mine, "others": [], "elsewhere": [], "beside": beside}
    roles = roles_held(request.user)  # type: ignore[arg-type]
    found = waiting.orders()
    ours = [queue for queue in found if WAITS_ON[queue.state] == Waits.STAFF]
    return {
        "mine": [_of_queue(queue) for queue in ours if moved_by(queue.state) & roles] + mine,
        "others": [_of_queue(queue) for queue in ours if not moved_by(queue.state) & roles],
        "elsewhere": [_of_queue(queue) for queue in found if WAITS_ON[queue.state] != Waits.STAFF],
        "beside": beside,
    }


def moved_by(state: State) -> frozenset[str]:
    """The staff roles that move an order on from this state (cancelling and rejecting is not moving on)."""
    specs = [spec for spec in TRANSITIONS.values() if state in spec.sources and not spec.destructive]
    return frozenset().union(*(roles_of(spec, state) for spec in specs))


def _of_queue(queue: Queue) -> Card:
    turn, tone = TURNS[queue.state], TONE_OF_WAITS[WAITS_ON[queue.state]]
    return Card(
        key=queue.state.value,
        name=turn.queue,
        icon=turn.icon,
        tone=tone,
        url=_list("order", state=queue.state.value),
        count=queue.count,
        late=queue.late,
        late_url=_list("order", state=queue.state.value, late="1"),
        oldest_at=queue.oldest_at,
        clock=queue.clock,
        held=queue.held,
        flagged=queue.flagged,
        asked=queue.asked,
    )


# --- What waits beside the orders' states ---------------------------------------------------------------------------------


def _of_piles(request: HttpRequest) -> tuple[list[Card], list[Card]]:
    """Those that this person clears, and those that it may only look at."""
    mine: list[Card] = []
    beside: list[Card] = []
    piles = waiting.beside(live=True)
    for name, title, icon, url, is_mine in _seen(request):
        (mine if is_mine else beside).append(_of_pile(piles[name], title, icon, url))
    return [*mine, *_of_warehouse(request)], beside


def _of_warehouse(request: HttpRequest) -> Iterator[Card]:
    """What is looked at, stored and sent away, for those who do that."""
    roles = roles_held(request.user)  # type: ignore[arg-type]
    if not (roles & (inspections.ENDERS | disposal.EXTENDERS) or hand_over.may(request)):
        return
    piles = waiting.recently("warehouse", queues.warehouse_piles)
    if roles & inspections.ENDERS:
        url = reverse("admin:inspections") + "?waits=us"
        yield _of_pile(piles["inspections"], _("Inspections to decide"), "search_check", url)
    if roles & disposal.EXTENDERS:
        card = _of_pile(piles["storage"], _("Storage ends within a week"), "hourglass_bottom", _list("order", storage="ending"))
        over = format_lazy(_("{n} over"), n=f"{card.late:,}")
        yield replace(card, late_url=_list("order", storage="over"), late_words=over)
    if hand_over.may(request):
        card = _of_pile(piles["ready"], _("Ready to hand over"), "local_shipping", reverse("admin:hand_over"))
        yield replace(card, late_words=format_lazy(_("{n} late"), n=f"{card.late:,}"))


def _seen(request: HttpRequest) -> Iterator[tuple[str, Any, str, str, bool]]:
    """name, title, icon, list, and whether it is this person who decides."""
    may = request.user.has_perm
    decides = may("workflow.change_refund")
    if may("workflow.view_refund"):
        yield "refunds", _("Refunds to decide"), "undo", _list("refund", status="proposed"), decides
        yield "failed", _("Failed refunds"), "error", _list("refund", status="failed"), decides
    if unapplied.may(request):
        yield "unapplied", _("Unapplied money"), "savings", reverse("admin:unapplied"), True
    if may("workflow.view_dispute"):
        yield "disputes", _("Disputes"), "gavel", _list("dispute"), decides
    if may("workflow.view_stafftask"):
        yield "tasks", _("Open tasks"), "task_alt", _list("stafftask"), False
    if holds(request, EFFECTS_SEEN_BY):
        yield "stuck", _("Stuck effects"), "bolt", reverse("admin:outbox_effect_changelist") + "?state=stuck", False


def _of_pile(pile: Pile, title: Any, icon: str, url: str) -> Card:
    return Card(pile.name, title, icon, "staff", url, pile.count, pile.late, url, oldest_at=pile.oldest_at, clock=pile.clock)


def _list(model: str, **filters: str) -> str:
    return reverse(f"admin:workflow_{model}_changelist") + ("?" + urlencode(filters) if filters else "")
