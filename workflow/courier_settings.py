"""What staff set about couriers (`models.CourierSetting`): which are offered for new labels, to where, and what colleagues should know.

How a courier's numbers look and how it is asked is never set here; parcels that have a courier keep it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict, Invalid, NotFound
from integrations.couriers import COURIERS
from workflow.models import CourierSetting, CourierState

if TYPE_CHECKING:
    from workflow.transitions import By

MAX_COUNTRIES = 60
#: no sooner than half the usual interval (a courier's budget), no later than four times it
LEAST_PERCENT, MOST_PERCENT = 50, 400


@dataclass(frozen=True)
class Known:
    """A courier, what is set about it, and how asking it goes."""

    code: str
    label: str
    setting: CourierSetting
    state: CourierState


def all_known() -> list[Known]:
    """Every courier, with the defaults where nothing was set; two statements."""
    rows = {row.code: row for row in CourierSetting.objects.select_related("changed_by")}
    states = {state.code: state for state in CourierState.objects.all()}
    return [
        Known(code, courier.label, rows.get(code) or CourierSetting(code=code), states.get(code) or CourierState(code=code))
        for code, courier in COURIERS.items()
    ]


def offered(country: str) -> set[str]:
    """The couriers that a parcel to this country may be given to now."""
    rows = {row.code: row for row in CourierSetting.objects.all()}
    return {code for code in COURIERS if code not in rows or rows[code].serves(country)}


def poll_percent(code: str) -> int:
    """How long the courier is left alone between two looks, in percent of what is usual."""
    return CourierSetting.objects.filter(code=code).values_list("poll_percent", flat=True).first() or 100


def version(setting: CourierSetting | None) -> str:
    """Of a setting as it is stored; empty where nothing was set yet."""
    return setting.changed_at.isoformat() if setting and setting.pk else ""


@transaction.atomic
def save(
    code: str,
    *,
    by: "By",
    is_enabled: bool,
    note_ko: str = "",
    note_en: str = "",
    countries: Iterable[str] = (),
    poll_percent: int = 100,
    seen: str | None = None,
) -> CourierSetting:
    """Set what is to be set about a courier. Raises Invalid with the field.

    `seen` is the `version` that the person looked at; where somebody saved since, Conflict.
    """
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.user.has_perm("workflow.change_couriersetting"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if code not in COURIERS:
        raise NotFound
    wanted = sorted({country.strip().upper() for country in countries if country.strip()})
    if len(wanted) > MAX_COUNTRIES or not all(re.fullmatch(r"[A-Z]{2}", country) for country in wanted):
        raise Invalid(_("Countries are two letters each, like US, CA."), field="countries")
    if not LEAST_PERCENT <= poll_percent <= MOST_PERCENT:
        raise Invalid(_("From %(low)s to %(most)s.") % {"low": LEAST_PERCENT, "most": MOST_PERCENT}, field="poll_percent")
    present = CourierSetting.objects.select_for_update().filter(code=code).first()
    if seen is not None and seen != version(present):
        raise Conflict(_("Somebody changed this meanwhile. Please look at it again."), code="changed_meanwhile")
    said = {
        "is_enabled": is_enabled,
        "note_ko": note_ko.strip()[:300],
        "note_en": note_en.strip()[:300],
        "countries": wanted,
        "poll_percent": poll_percent,
    }
    setting, _made = CourierSetting.objects.update_or_create(code=code, defaults={**said, "changed_at": now(), "changed_by": by.user})
    return setting
