"""Our own form for those who pass a courier's news on to us (a relay that watches Korea Post, say), as no courier documents one.

    {"parcels": [{"number": "EG123456785KR", "status": "delivered",
                  "scans": [{"at": "2026-11-18T14:05:00+09:00", "code": "배달완료", "status": "delivered", "text": "…", "place": "US"}]}]}

`status` is one of `TrackingStatus`; one that is not says nothing. A time without its zone is none. Without `status` and `scans` it means
"there is news, ask".
"""

from datetime import datetime

from integrations.shape import Record, json_of
from integrations.tracking import TrackingResult, TrackingScan, TrackingStatus, believable, result, short
from integrations.tracking_numbers import normalise


def read_message(body: bytes, *, provider: str) -> list[TrackingResult]:
    message = json_of(body, provider=provider)
    if not message.value.get("parcels"):
        message.bad("parcels")
    return [_read(parcel) for parcel in message.records("parcels")]


def _read(parcel: Record) -> TrackingResult:
    number = normalise(parcel.text("number"))
    scans = [scan for scan in map(_scan, parcel.records("scans")) if scan]
    said = _status(parcel.maybe_text("status")) or (scans and max(scans, key=lambda scan: scan.at).status) or None
    return result(number, said=said, scans=scans)


def _scan(scan: Record) -> TrackingScan | None:
    at = _moment(scan.text("at"))
    if at is None:
        return None
    status = _status(scan.maybe_text("status")) or TrackingStatus.IN_TRANSIT
    code, text, place = (short(scan.maybe_text(name)) for name in ("code", "text", "place"))
    return TrackingScan(at, code[:40], status, text, place)


def _status(text: str | None) -> TrackingStatus | None:
    return TrackingStatus(text) if text in set(TrackingStatus) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return believable(moment) if moment.tzinfo else None
