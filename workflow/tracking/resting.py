"""Couriers at rest, for a person who waits for one: until when, why, and whether they may have it asked once all the same.

A courier that is silent may be asked by a person, one request each time. One that named its limit, or refuses our key, is not: it has
answered already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.timezone import now

from integrations.couriers import COURIERS
from workflow.models import CourierState


class Why(StrEnum):
    SILENT = "silent"
    KEY = "key"
    QUOTA = "quota"
    TOO_FAST = "too_fast"


#: by the error that began the rest, as `rounds` notes it
WHY = {"AuthRefused": Why.KEY, "QuotaExceeded": Why.QUOTA, "RateLimited": Why.TOO_FAST}


@dataclass(frozen=True)
class Rest:
    code: str
    label: str
    until: datetime
    why: Why

    @property
    def may_be_asked_once(self) -> bool:
        return self.why is Why.SILENT


def rest_of(state: CourierState, *, at: datetime) -> Rest | None:
    if state.rests_until is None or state.rests_until <= at:
        return None
    why = WHY.get(state.last_error.partition(":")[0], Why.SILENT)
    return Rest(state.code, COURIERS[state.code].label, state.rests_until, why)


def resting(codes: Iterable[str]) -> list[Rest]:
    """Those of these couriers that rest now; one statement."""
    at = now()
    states = CourierState.objects.filter(code__in=set(codes) & set(COURIERS), rests_until__gt=at).order_by("code")
    return [rest for state in states if (rest := rest_of(state, at=at))]
