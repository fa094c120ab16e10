"""One round of one courier: claim it, ask about what is due, store the answers; and what happens when the courier itself is in trouble.

A round is claimed on the courier's row (`models.CourierState`), with a lease: over all workers one round of a courier at a time, so its
budget is kept by whoever holds it. The parcels themselves are not touched by the claim. A worker that dies leaves them as due as they
were, and the lease runs out; one that comes back too late finds its claim gone and stores nothing.
"""

import logging
import secrets
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from integrations.base import AuthRefused, BadAnswer, ProviderError, QuotaExceeded
from integrations.couriers import COURIERS, TrackingResult
from integrations.tracking import failed
from workflow.bulk import many_rows
from workflow.courier_settings import poll_percent
from workflow.models import CourierState, Parcel
from workflow.tasks import close_task
from workflow.tracking import storing
from workflow.tracking.answers import COLUMNS, MOST_BACK_OFF, Seen, Task, understand
from workflow.tracking.asking import MOST_HALVINGS, NO_ANSWER, Asking
from workflow.tracking.resting import rest_of
from workflow.tracking.storing import Prepared, prepared
from workflow.transitions import retried

log = logging.getLogger(__name__)

#: how many parcels and how many new scans one round takes on: what one statement and little memory hold
ROUND_PARCELS, ROUND_SCANS = 10_000, 40_000
#: how much of a job's time goes by until the last request begins, and until the last answer is waited for
ASK_FOR, WAIT_FOR = 0.45, 0.75
#: a courier that does not answer is left alone as long as it has been silent, from two minutes to half an hour
LEAST_REST, MOST_REST = timedelta(minutes=2), timedelta(minutes=30)
#: one that refuses our key needs a person; asked again now and then, should they forget to say that it is mended
REST_OF_THE_REFUSED = timedelta(minutes=30)
#: staff hear of an outage that lasts
OUTAGE_TOLD_AFTER = timedelta(minutes=15)


@dataclass
class Claim:
    """What a round holds: the courier until `lease` is over, and the parcels it asks about."""

    code: str
    token: str
    at: datetime
    percent: int
    parcels: dict[str, list[Seen]]
    count: int
    #: requests that were reserved of the day's budget
    reserved: int
    #: there may be more due than a round takes on
    has_more: bool
    #: the courier rests, and a person asks all the same: one request
    is_trial: bool = False


@dataclass
class Round:
    """How a round went."""

    code: str
    asked: int = 0
    news: int = 0
    has_more: bool = False
    trouble: str = ""


@dataclass
class _Heard:
    """What came of the answers so far."""

    asked: list[Seen] = field(default_factory=list)
    outcomes: list[Prepared] = field(default_factory=list)
    scans: int = 0


def due_couriers() -> list[str]:
    """Couriers with something due that do not rest and are not being asked; one short look into an index each."""
    at = now()
    busy = CourierState.objects.filter(Q(rests_until__gt=at) | Q(round_until__gt=at)).values_list("code", flat=True)
    return [code for code in sorted(set(COURIERS) - set(busy)) if _due(code, at).exists()]


def poll_due() -> int:
    """One round of every courier, here and now, and all that it brought told; the number of parcels asked for."""
    from workflow.tracking.telling import tell_news

    rounds = [poll_courier(code) for code in due_couriers()]
    tell_news()
    return sum(done.asked for done in rounds if done)


@many_rows()
def poll_courier(code: str, *, order_id: int | None = None) -> Round | None:
    """One round; None if there is nothing to do or somebody else is at it.

    `order_id`: somebody waits for the parcels of this order. A courier that is silent and rests is then tried with one request about
    them; if that brings nothing, nothing is changed by it, and if it answers, its rest is over.
    """
    begun = time.monotonic()
    claim = _claim(code, order_id=order_id)
    if claim is None:
        return None
    asking = Asking(
        COURIERS[code],
        claim.parcels,
        ask_until=begun + settings.JOB_TIMEOUT_S * ASK_FOR,
        wait_until=begun + settings.JOB_TIMEOUT_S * WAIT_FOR,
        most_requests=claim.reserved,
    )
    heard = _listen(claim, asking)
    if claim.is_trial and not asking.has_answered:
        heard = _Heard()
    news = _store(claim, asking, heard)
    if news is None:
        log.warning("%s: a round took so long that its claim was lost; it is asked again", code)
        return None
    trouble = str(asking.trouble or "")
    has_more = not trouble and (claim.has_more or len(heard.asked) < claim.count)
    if claim.is_trial:
        has_more = asking.has_answered  # all that waited for the end of its rest
    log.info("%s: %s of %s parcels answered in %s requests", code, len(heard.asked), claim.count, asking.requests)
    return Round(code, asked=claim.count, news=news, has_more=has_more, trouble=trouble)


def _due(code: str, at: datetime) -> QuerySet[Parcel]:
    return Parcel.objects.filter(courier=code, next_poll_at__lte=at).order_by("next_poll_at")


def due_parcels(code: str, *, at: datetime, most: int, order_id: int | None = None) -> QuerySet[Parcel, tuple[Any, ...]]:
    """`Seen`'s columns of those that have waited longest, of one order or of all: a range of one index, read no further than `most`."""
    due = _due(code, at) if order_id is None else _due(code, at).filter(order_id=order_id)
    return due.exclude(tracking_number="").values_list(*COLUMNS)[:most]


# --- Claim ----------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def _claim(code: str, *, order_id: int | None = None) -> Claim | None:
    at, budget, size = now(), COURIERS[code].budget, COURIERS[code].batch_size
    state = _locked_state(code)
    rest = rest_of(state, at=at)
    if (state.round_until and state.round_until > at) or (rest and not (order_id and rest.may_be_asked_once)):
        return None
    used = state.requests if state.day == _day(at) else 0
    left = budget.per_day - used if budget.per_day is not None else ROUND_PARCELS
    if left <= 0:
        _rest(state, QuotaExceeded("our requests for today are used up", provider=code, code="day_used_up"), at=at)
        state.save()
        return None
    most = size if rest else min(ROUND_PARCELS, left * size)
    due = [Seen(*row) for row in due_parcels(code, at=at, most=most, order_id=order_id if rest else None)]
    if not due:
        return None
    parcels: dict[str, list[Seen]] = defaultdict(list)
    for parcel in due:
        parcels[parcel.tracking_number].append(parcel)
    # Some more than the batches need, for halving those that are spoilt by one number; what is not used is given back.
    reserved = 1 if rest else min(left, -(-len(parcels) // size) + (MOST_HALVINGS if size > 1 else 0))
    state.round_token, state.round_until = secrets.token_hex(16), at + timedelta(seconds=settings.JOB_TIMEOUT_S + 5)
    state.day, state.requests = _day(at), used + reserved
    state.save(update_fields=["round_token", "round_until", "day", "requests"])
    has_more, percent = len(due) == most, poll_percent(code)
    return Claim(code, state.round_token, at, percent, dict(parcels), len(due), reserved, has_more=has_more, is_trial=rest is not None)


def _locked_state(code: str) -> CourierState:
    locked = CourierState.objects.select_for_update()
    found = locked.filter(code=code).first()
    if found is None:
        CourierState.objects.bulk_create([CourierState(code=code)], ignore_conflicts=True)
        found = locked.get(code=code)
    return found


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


# --- Ask ------------------------------------------------------------------------------------------------------------------


def _listen(claim: Claim, asking: Asking) -> _Heard:
    heard = _Heard()
    for number, result in asking:
        at = now().replace(microsecond=0)  # a second's rows share their times, which are written down once
        for parcel in claim.parcels[number]:
            try:
                outcome = understand(parcel, result, at=at, percent=claim.percent)
            except Exception:  # one poisonous answer must not stop the other parcels of the round
                log.exception("parcel %s: the answer could not be understood", parcel.id)
                outcome = understand(parcel, _unusable(number, claim.code), at=at)
            heard.asked.append(parcel)
            heard.outcomes.append(prepared(outcome))
            heard.scans += len(outcome.scans)
        if heard.scans > ROUND_SCANS:
            asking.is_whole = False
            break  # the rest stays due, and is asked for in the next round
    return heard


def _unusable(number: str, code: str) -> TrackingResult:
    return failed(number, BadAnswer("the answer could not be understood", provider=code, code="unusable"))


# --- Store ----------------------------------------------------------------------------------------------------------------


@retried
def _store(claim: Claim, asking: Asking, heard: _Heard) -> int | None:
    """All of it or none; None if the claim was lost meanwhile. The number of parcels with news."""
    with transaction.atomic():
        at = now()
        good = storing.still_as_asked(heard.asked) if heard.asked else set()
        outcomes = sorted((outcome for outcome in heard.outcomes if outcome.parcel_id in good), key=lambda outcome: outcome.parcel_id)
        news = storing.write(outcomes, at=at) if outcomes else 0
        if _let_go(claim, asking, at=at):
            return news
        transaction.set_rollback(True)
    return None


def _let_go(claim: Claim, asking: Asking, *, at: datetime) -> bool:
    """End the claim, give back what was not used of the day's budget, and note how the courier does. False if the claim was lost."""
    mine = CourierState.objects.filter(code=claim.code, round_token=claim.token)
    state = mine.select_for_update().first()
    if state is None:
        return False
    state.round_token, state.round_until = "", None
    state.requests = max(0, state.requests - claim.reserved + asking.requests)
    if asking.trouble is not None and not (claim.is_trial and isinstance(asking.trouble, NO_ANSWER)):
        _rest(state, asking.trouble, at=at)
    elif asking.has_answered:
        if state.failing_since:
            close_task(_outage_key(state))
        state.failing_since, state.rests_until, state.last_error, state.answered_at = None, None, "", at
    state.save()
    return True


def _rest(state: CourierState, error: ProviderError, *, at: datetime) -> None:
    """The courier is left alone, its parcels stay as they are, and staff are told once: when it is for them, or when it lasts."""
    state.failing_since = state.failing_since or at
    state.last_error = f"{type(error).__name__}: {error}"[:300]
    state.rests_until = at + _rest_after(error, silent_for=at - state.failing_since, at=at)
    if isinstance(error, AuthRefused | QuotaExceeded) or at - state.failing_since >= OUTAGE_TOLD_AFTER:
        _tell_outage(state, error)


def _rest_after(error: ProviderError, *, silent_for: timedelta, at: datetime) -> timedelta:
    asked = timedelta(seconds=error.retry_after or 0)
    if isinstance(error, QuotaExceeded) and not error.retry_after:
        return min(_next_midnight(at) - at, MOST_BACK_OFF)
    if isinstance(error, AuthRefused):
        return max(asked, REST_OF_THE_REFUSED)
    return max(asked, min(max(silent_for, LEAST_REST), MOST_REST))


def _next_midnight(at: datetime) -> datetime:
    return datetime.combine(_day(at) + timedelta(days=1), time_of_day.min, tzinfo=UTC)


def _tell_outage(state: CourierState, error: ProviderError) -> None:
    text = gettext_noop("%(courier)s is not followed at present: %(words)s")
    said = {"courier": COURIERS[state.code].label, "words": state.last_error}
    storing.put_before_staff([Task(_outage_key(state), "courier_outage", None, text, said)])


def _outage_key(state: CourierState) -> str:
    """One for each outage."""
    return f"courier_outage:{state.code}:{state.failing_since:%Y%m%dT%H%M%S}"
