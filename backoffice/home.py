"""The home page: what waits, for whom, since when. Reads `workflow.queues`; every number leads to the list behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import now

from backoffice.access import EFFECTS_SEEN_BY, holds
from backoffice.words import TONE_OF_WAITS, TURNS, Turn
from core.outbox.models import Effect
from workflow import pricing
from workflow.models import Refund, RefundStatus, StaffTask
from workflow.process import TRANSITIONS, WAITS_ON, State, Waits, roles_of
from workflow.queues import Queue, queues
from workflow.transitions import roles_held

MOST_TASKS = 6


@dataclass(frozen=True)
class Card:
    queue: Queue
    turn: Turn
    tone: str
    url: str


def overview(request: HttpRequest) -> dict[str, Any]:
    """The home page's content; nothing but what this person may open."""
    may = request.user.has_perm
    context: dict[str, Any] = {"now": now()}
    if may("workflow.view_order"):
        context |= _cards(request)
    if may("workflow.view_stafftask"):
        open_tasks = StaffTask.objects.filter(done_at=None).select_related("order")
        context["tasks"] = list(open_tasks.order_by("created_at")[: MOST_TASKS + 1])
        context["more_tasks"] = len(context["tasks"]) > MOST_TASKS
        context["tasks"] = context["tasks"][:MOST_TASKS]
    if holds(request, EFFECTS_SEEN_BY):
        stuck = Effect.objects.filter(done_at=None, quarantined_at__isnull=False)
        context["stuck"] = list(stuck.order_by("quarantined_at")[:MOST_TASKS])
    if may("workflow.view_refund"):
        context["refunds"] = list(Refund.objects.filter(status=RefundStatus.PROPOSED).select_related("order").order_by("pk")[:MOST_TASKS])
    if may("workflow.view_exchangerate"):
        rate = pricing.last_rate()
        context |= {"rate": rate, "rate_is_stale": rate is None or pricing.is_stale(rate)}
    return context


def _cards(request: HttpRequest) -> dict[str, Any]:
    roles = roles_held(request.user)  # type: ignore[arg-type]
    cards = [_card(queue) for queue in queues()]
    ours = [card for card in cards if WAITS_ON[card.queue.state] == Waits.STAFF]
    return {
        "mine": [card for card in ours if moved_by(card.queue.state) & roles],
        "others": [card for card in ours if not moved_by(card.queue.state) & roles],
        "elsewhere": [card for card in cards if WAITS_ON[card.queue.state] != Waits.STAFF],
    }


def _card(queue: Queue) -> Card:
    url = reverse("admin:workflow_order_changelist") + "?" + urlencode({"state": queue.state.value})
    return Card(queue=queue, turn=TURNS[queue.state], tone=TONE_OF_WAITS[WAITS_ON[queue.state]], url=url)


def moved_by(state: State) -> frozenset[str]:
    """The staff roles that move an order on from this state (cancelling and rejecting is not moving on)."""
    specs = [spec for spec in TRANSITIONS.values() if state in spec.sources and not spec.destructive]
    return frozenset().union(*(roles_of(spec, state) for spec in specs))


def age(since: datetime | None) -> float:
    return (now() - since).total_seconds() if since else 0.0
