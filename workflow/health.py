"""Whether the machines do their part, from what they left in the database: nobody is asked. `core/health.py` says it to load balancers,
the back office's home page to people.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q
from django.utils.timezone import now
from django_q.models import OrmQ

from core.models import Heartbeat
from core.notices.models import Notice, Status
from core.outbox.models import Effect
from integrations.couriers import COURIERS
from workflow import pricing
from workflow.courier_messages import MAX_ATTEMPTS
from workflow.models import CourierMessage, CourierState, Parcel, StripeEvent

HEART_STOPPED_AFTER = timedelta(seconds=20)
QUEUE_OLD_AFTER = timedelta(minutes=5)
#: a queue row, or a webhook, that waits longer than this is worth a look
QUEUE_SLOW_AFTER = timedelta(minutes=1)
#: parcels under way are asked for at least daily, see `tracking/`
COURIER_QUIET_AFTER = timedelta(hours=26)
#: of couriers' messages; those that could not be taken in are tasks from then on
MESSAGES_SEEN_FOR = timedelta(days=1)

GOOD, SOON, BAD = "good", "staff", "bad"


@dataclass(frozen=True)
class Finding:
    """One machine: how it does (`tone`), since when, and what a sentence about it needs."""

    name: str
    tone: str
    at: datetime | None = None
    facts: tuple[Any, ...] = ()


def findings() -> list[Finding]:
    """A dozen short queries, none of which grows with the tables."""
    states = list(CourierState.objects.filter(code__in=COURIERS))
    return [_worker(), _queue(), _inbox(), _messages(), *_couriers(states), _rate(), *_refused(states)]


def refused_keys(states: Iterable[CourierState] | None = None) -> tuple[int, list[str]]:
    """How many things wait for a provider who refuses our key (at most some dozens are looked at), and who does."""
    known = CourierState.objects.filter(code__in=COURIERS) if states is None else states
    waiting = [
        *Effect.objects.filter(done_at=None, last_error__contains="AuthRefused").values_list("last_error", flat=True)[:20],
        *Notice.objects.filter(status=Status.QUEUED, last_error__contains="AuthRefused").values_list("last_error", flat=True)[:20],
        *(state.last_error for state in known if state.failing_since and state.last_error.startswith("AuthRefused")),
    ]
    return len(waiting), sorted({match[1] for words in waiting if (match := re.search(r"AuthRefused\W+(\w+):", words))})


def _age_tone(age: timedelta | None, *, soon: timedelta, bad: timedelta) -> str:
    return GOOD if age is None or age < soon else SOON if age < bad else BAD


def _worker() -> Finding:
    """The last beat of any worker, and how many of them beat with which clusters."""
    beats = list(Heartbeat.objects.filter(pid__gt=0).order_by("-beat_at")[:20])
    alive = [beat for beat in beats if beat.beat_at > now() - HEART_STOPPED_AFTER]
    clusters = sorted({name for beat in alive for name in beat.detail})
    return Finding("worker", GOOD if alive else BAD, beats[0].beat_at if beats else None, (len(alive), clusters))


def _queue() -> Finding:
    """The oldest job that could have been taken up by now."""
    oldest = OrmQ.objects.filter(lock__lt=now()).aggregate(at=Min("lock"))["at"]
    return Finding("queue", _age_tone(now() - oldest if oldest else None, soon=QUEUE_SLOW_AFTER, bad=QUEUE_OLD_AFTER), oldest)


def _inbox() -> Finding:
    """The oldest word of Stripe's that is not settled."""
    oldest = StripeEvent.objects.filter(settled_at=None).aggregate(at=Min("received_at"))["at"]
    return Finding("stripe", _age_tone(now() - oldest if oldest else None, soon=QUEUE_SLOW_AFTER, bad=QUEUE_OLD_AFTER), oldest)


def _messages() -> Finding:
    """The oldest of the last day's messages of couriers that waits to be taken in, and how many were given up. One look into an index."""
    rows = CourierMessage.objects.filter(settled_at=None, received_at__gt=now() - MESSAGES_SEEN_FOR)
    found = rows.aggregate(
        at=Min("received_at", filter=Q(attempts__lt=MAX_ATTEMPTS)), unread=Count("pk", filter=Q(attempts__gte=MAX_ATTEMPTS))
    )
    tone = _age_tone(now() - found["at"] if found["at"] else None, soon=QUEUE_SLOW_AFTER, bad=QUEUE_OLD_AFTER)
    return Finding("messages", SOON if tone == GOOD and found["unread"] else tone, found["at"], (found["unread"],))


def _couriers(known: Iterable[CourierState]) -> list[Finding]:
    """When each gave a good answer last, and how many of its parcels under way get none now: some by themselves, all in an outage."""
    states = {state.code: state for state in known}
    found = []
    for name in COURIERS:
        state = states.get(name) or CourierState(code=name)
        parcels = Parcel.objects.filter(courier=name, next_poll_at__isnull=False)
        failing = (parcels if state.failing_since else parcels.filter(poll_failures__gt=0)).order_by()[:100].count()
        answered = Parcel.objects.filter(courier=name, poll_failures=0).aggregate(at=Max("polled_at"))["at"] or state.answered_at
        quiet = answered is not None and answered < now() - COURIER_QUIET_AFTER
        refused = state.last_error.startswith("AuthRefused") and state.failing_since is not None
        tone = BAD if refused or (failing and (answered is None or quiet)) else SOON if failing or state.failing_since else GOOD
        found.append(Finding(f"courier:{name}", tone, answered, (failing, state.failing_since is not None)))
    return found


def _rate() -> Finding:
    rate = pricing.last_rate()
    if rate is None or pricing.usable_rate() is None:
        return Finding("rate", BAD, rate.fetched_at if rate else None)
    return Finding("rate", SOON if pricing.is_stale(rate) else GOOD, rate.fetched_at)


def _refused(states: Iterable[CourierState]) -> list[Finding]:
    """A line only where somebody refuses our key."""
    count, names = refused_keys(states)
    return [Finding("keys", BAD, None, (count, names))] if count else []
