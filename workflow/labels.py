"""A parcel's label through time: whose number it looks like, which other parcel has it, and the record of those it had before.

What may be entered is said by `entry_rules.set_label`; a person's entry is `work.label_parcel`, a file's `imports/tracking.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from core.accounts.models import User
from integrations import couriers
from integrations.couriers import TrackingStatus
from integrations.tracking_numbers import normalise
from workflow.models import Parcel, ParcelLabel, TrackingEvent

#: of a parcel that is asked for under a new label nothing is known yet
NOTHING_KNOWN: dict[str, Any] = {
    "status": TrackingStatus.PENDING.value,
    "status_since": None,
    "last_scan_at": None,
    "answer_digest": "",
    "news_at": None,
    "polled_at": None,
    "poll_failures": 0,
    "poll_error": "",
}


def normalised(number: str) -> str:
    """One spelling of a tracking number, however it was typed or pasted."""
    return normalise(number)


def guess_couriers(number: str) -> list[str]:
    """The couriers whose numbers look like this one, the likeliest first."""
    return couriers.guess_couriers(number)


def start_anew(parcel: Parcel, *, at: datetime) -> None:
    """The courier is asked at once about the new label; what was said of the old one counts no longer."""
    for name, value in NOTHING_KNOWN.items():
        setattr(parcel, name, value)
    parcel.delivered_at, parcel.next_poll_at = None, at


# --- The same number twice ------------------------------------------------------------------------------------------------


def taken(numbers: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Number -> the open parcels that have it, each with words for people. One statement, for at most some hundred numbers."""
    wanted = {number for number in numbers if number}
    rows = (
        Parcel.objects.filter(tracking_number__in=wanted, closed_at=None, delivered_at=None).order_by("pk")
        if wanted
        else Parcel.objects.none()
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for pk, number, order, position in rows.values_list("pk", "tracking_number", "order__number", "position"):
        found.setdefault(number, []).append((pk, f"{order} #{position}"))
    return found


def other_of(holders: Sequence[tuple[int, str]], parcel: Parcel) -> str:
    """Which other parcel has the number, in words; empty where none has."""
    return next((words for pk, words in holders if pk != parcel.pk), "")


# --- What a parcel was labelled with --------------------------------------------------------------------------------------


def keep_history(parcel: Parcel, *, user: User | None, at: datetime) -> None:
    """The present label ends where the new one begins."""
    keep_histories({parcel.pk: (parcel.courier, parcel.tracking_number)}, user=user, at=at)


def keep_histories(labels: dict[int, tuple[str, str]], *, user: User | None, at: datetime) -> None:
    """The same for many: parcel's id -> courier and number; a label that was taken away has none."""
    end_labels(labels, at=at)
    ParcelLabel.objects.bulk_create(
        ParcelLabel(parcel_id=pk, courier=courier, tracking_number=number, since=at, set_by=user)
        for pk, (courier, number) in labels.items()
        if number
    )


def end_labels(parcel_ids: Iterable[int], *, at: datetime) -> None:
    ParcelLabel.objects.filter(parcel_id__in=list(parcel_ids), until=None).update(until=at)


def scans_of_present_label() -> Q:
    """Of TrackingEvent: not what was said of a number that was corrected since."""
    return Q(tracking_number="") | Q(tracking_number=F("parcel__tracking_number"))


def is_of_present_label(scan: TrackingEvent, parcel: Parcel) -> bool:
    return scan.tracking_number in ("", parcel.tracking_number)
