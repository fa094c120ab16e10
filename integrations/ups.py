"""UPS Track v1: one number a call. Korea Post's EMS Premium travels with UPS under UPS's numbers, so those are found here, too.

A number it does not know is said in three ways: a 404, a warning inside a 200, or a shipment without packages.
"""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

from django.conf import settings

from integrations.base import (
    Answer,
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    NotFound,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Token,
    TokenCache,
    Unavailable,
    call,
    refusal,
)
from integrations.shape import Record, json_of, read_json
from integrations.signatures import shared_credential
from integrations.tracking import (
    Budget,
    Courier,
    TrackingResult,
    TrackingScan,
    TrackingStatus,
    Webhook,
    believable,
    not_found,
    one_by_one,
    result,
    short,
)
from integrations.tracking_numbers import mod10_ups, normalise

PROVIDER = "ups"
SHORTEST, LONGEST = 7, 34
QUOTA_RETRY_S = 3600.0
NOTHING_FOUND = "TW0001"
# UPS publishes no number for tracking; its token end-point answers 429 when a quota is used up. Few at a time is what it never minds.
BUDGET = Budget(in_flight=4)

# The three-digit code is exact, the letter beside it coarse. A code that is not here says nothing, and never "delivered".
STATUS_OF_CODE = {
    code: status
    for status, codes in {
        TrackingStatus.INFO_RECEIVED: "003",
        TrackingStatus.IN_TRANSIT: "005 010 016 038",
        TrackingStatus.CUSTOMS: "012 014 058 092 123 124 125 126 134",
        TrackingStatus.OUT_FOR_DELIVERY: "006 021 072",
        TrackingStatus.AVAILABLE_FOR_PICKUP: "017 040",
        TrackingStatus.ATTEMPT_FAILED: "022 023 024 060 061 062 066",
        TrackingStatus.EXCEPTION: "013 019 029 030 046 048 050 059 068 069",
        TrackingStatus.RETURNING: "033 035 036 064",
        TrackingStatus.RETURNED: "034 067",
        TrackingStatus.DELIVERED: "011 026",
        TrackingStatus.CANCELLED: "007",
    }.items()
    for code in codes.split()
}
STATUS_OF_TYPE = {
    "M": TrackingStatus.INFO_RECEIVED,
    "MV": TrackingStatus.CANCELLED,
    "P": TrackingStatus.IN_TRANSIT,
    "I": TrackingStatus.IN_TRANSIT,
    "W": TrackingStatus.IN_TRANSIT,
    "DO": TrackingStatus.IN_TRANSIT,
    "DD": TrackingStatus.IN_TRANSIT,
    "D": TrackingStatus.DELIVERED,
    "X": TrackingStatus.EXCEPTION,
    "RS": TrackingStatus.RETURNING,
    "NA": TrackingStatus.PENDING,
}


def track(numbers: Sequence[str]) -> dict[str, TrackingResult]:
    return one_by_one(numbers, _track_one, provider=PROVIDER)


def _track_one(number: str) -> TrackingResult:
    if not (number.isascii() and SHORTEST <= len(number) <= LONGEST):
        raise InvalidRequest("a number of 7 to 34 letters and digits is needed", provider=PROVIDER, code="number")
    answer = _ask(number)
    return not_found(number) if answer is None else _read(number, answer)


# --- Asking ---------------------------------------------------------------------------------------------------------------


def _fetch_token() -> Token:
    answer = call(
        "POST",
        f"{settings.UPS_BASE_URL}/security/v1/oauth/token",
        provider=PROVIDER,
        what="token",
        auth=(settings.UPS_CLIENT_ID, settings.UPS_CLIENT_SECRET),
        data={"grant_type": "client_credentials"},
    )
    if answer.status != 200:
        error = _refused(answer)
        kind = AuthRefused if isinstance(error, InvalidRequest | NotFound) else type(error)
        raise kind(error.message, provider=PROVIDER, code=error.code, retry_after=error.retry_after)
    record = Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="token")
    seconds = str(record.value.get("expires_in", ""))  # a text, unlike everybody else's
    if not re.fullmatch(r"[0-9]{1,9}", seconds, re.ASCII):
        record.bad("expires_in")
    return Token(record.text("access_token"), lives_for_s=float(seconds))


_tokens = TokenCache(_fetch_token)


def _ask(number: str) -> Record | None:
    """None: UPS does not know it."""
    account = (settings.UPS_BASE_URL, settings.UPS_CLIENT_ID, settings.UPS_CLIENT_SECRET)
    token = _tokens.get(account=account)
    answer = _get(number, token)
    if answer.status == 401:  # ended before its time: once more with a fresh one
        _tokens.forget(token)
        answer = _get(number, _tokens.get(account=account))
    if answer.status == 404 and "json" in answer.content_type:  # anybody's 404 page is not UPS's
        read_json(answer, provider=PROVIDER)
        return None
    if answer.status != 200:
        raise _refused(answer)
    return Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="answer")


def _get(number: str, token: str) -> Answer:
    return call(
        "GET",
        f"{settings.UPS_BASE_URL}/api/track/v1/details/{quote(number, safe='')}",
        provider=PROVIDER,
        what="track",
        repeatable=True,
        headers={"Authorization": f"Bearer {token}", "transId": uuid.uuid4().hex, "transactionSrc": "bidangil"},
        params={"locale": "en_US", "returnSignature": "false", "returnMilestones": "false", "returnPOD": "false"},
    )


def _refused(answer: Answer) -> ProviderError:
    try:
        code, message = _first_error(Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="answer"))
    except BadAnswer:
        code, message = "", ""
    error = refusal(answer, provider=PROVIDER, code=code, message=message)
    if isinstance(error, RateLimited) and "quota" in message.lower():
        return QuotaExceeded(error.message, provider=PROVIDER, code=error.code, retry_after=error.retry_after or QUOTA_RETRY_S)
    return error


def _first_error(answer: Record) -> tuple[str, str]:
    response = answer.maybe_record("response")
    errors = response.records("errors") if response else []
    return (short(errors[0].maybe_text("code")), errors[0].maybe_text("message") or "") if errors else ("", "")


# --- Reading --------------------------------------------------------------------------------------------------------------


def _read(number: str, answer: Record) -> TrackingResult:
    """A number used before has several packages: the one with the newest scan is ours."""
    code, message = _first_error(answer)
    if code:
        raise Unavailable(message or code, provider=PROVIDER, code=code)
    response = answer.maybe_record("trackResponse") or answer.bad("trackResponse")
    shipments = response.records("shipment") or response.bad("shipment")
    packages = [package for shipment in shipments for package in shipment.records("package")]
    if not packages:
        return _without_packages(number, shipments)
    ours = [package for package in packages if normalise(package.maybe_text("trackingNumber") or number) == number]
    if not ours:
        raise BadAnswer("a package of another number", provider=PROVIDER, code="other_number")
    return max((_read_package(number, package) for package in ours), key=lambda one: one.scans[-1].at.timestamp() if one.scans else 0.0)


def _without_packages(number: str, shipments: list[Record]) -> TrackingResult:
    inquired = [normalise(shipment.maybe_text("inquiryNumber") or number) for shipment in shipments]
    if number not in inquired:
        raise BadAnswer("a shipment of another number", provider=PROVIDER, code="other_number")
    warnings = [warning for shipment in shipments for warning in shipment.records("warnings")]
    if warnings and not any(warning.maybe_text("code") == NOTHING_FOUND for warning in warnings):
        code, words = short(warnings[0].maybe_text("code")), warnings[0].maybe_text("message")
        raise Unavailable(words or "a warning instead of an answer", provider=PROVIDER, code=code)
    return not_found(number)


def _read_package(number: str, package: Record) -> TrackingResult:
    scans = _scans(package)
    current = package.maybe_record("currentStatus")
    if current is None and not scans:
        package.bad("currentStatus")
    return result(number, said=_status(current) if current else scans[-1].status, scans=scans)


def _status(record: Record) -> TrackingStatus | None:
    """By its code, else by its type; but "delivered" is never read from the type beside a code that we do not know."""
    texts = {key: value.strip() for key, value in record.value.items() if isinstance(value, str)}
    code = texts.get("statusCode") or texts.get("code", "")
    known = STATUS_OF_CODE.get(code.zfill(3)) if code.isascii() and code.isdigit() else None
    by_type = STATUS_OF_TYPE.get(texts.get("type", ""))
    if known is None and by_type is TrackingStatus.DELIVERED and texts.get("statusCode"):
        return None
    return known or by_type


def _scans(package: Record) -> list[TrackingScan]:
    """Those that can be read, oldest first (UPS lists the newest first)."""
    activities = package.value.get("activity")
    if not isinstance(activities, list):
        return []
    scans = [_scan(Record(one, provider=PROVIDER, what="activity")) for one in reversed(activities) if isinstance(one, dict)]
    return sorted((scan for scan in scans if scan), key=lambda scan: scan.at)


def _scan(activity: Record) -> TrackingScan | None:
    at, said = _moment(activity.value), activity.value.get("status")
    if at is None or not isinstance(said, dict):
        return None
    texts = {key: value for key, value in said.items() if isinstance(value, str)}
    code = short(" ".join(filter(None, (texts.get("statusCode"), texts.get("code") or texts.get("type")))))[:40]
    known = _status(Record(said, provider=PROVIDER, what="status"))
    status = TrackingStatus.IN_TRANSIT if known in (None, TrackingStatus.PENDING) else known  # something did happen
    return TrackingScan(at, code, status, short(texts.get("description")), _place(activity.value.get("location")))


def _place(location: object) -> str:
    address = location.get("address") if isinstance(location, dict) else None
    parts = address if isinstance(address, dict) else {}
    named = (parts.get(key) for key in ("city", "stateProvince", "countryCode"))
    return short(", ".join(part for part in named if isinstance(part, str) and part))


def _moment(activity: object) -> datetime | None:
    """The local time with its offset where there is one, for that can be read in one way only; else Greenwich's; else none at all."""
    said = activity if isinstance(activity, dict) else {}
    local, offset = _clock(said.get("date"), said.get("time")), _offset(said.get("gmtOffset"))
    if local and offset:
        moment = local.replace(tzinfo=offset)
    else:
        plain = _clock(said.get("gmtDate"), said.get("gmtTime")) or local
        if plain is None:
            return None
        moment = plain.replace(tzinfo=UTC)  # UTC is less wrong than any guess
    try:
        return believable(moment)
    except OverflowError:
        return None


def _clock(date: object, time: object) -> datetime | None:
    """`20261118` and `140500`, `81100` or `14:05:00`."""
    digits = time.replace(":", "").zfill(6) if isinstance(time, str) else ""
    try:
        return datetime.strptime(f"{date} {digits}", "%Y%m%d %H%M%S") if isinstance(date, str) else None  # noqa: DTZ007
    except ValueError:
        return None


def _offset(text: object) -> timezone | None:
    found = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})", text, re.ASCII) if isinstance(text, str) else None
    if not found or int(found[2]) > 14:
        return None
    east = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(east if found[1] == "+" else -east)


# --- What UPS tells by itself ---------------------------------------------------------------------------------------------


def read_message(body: bytes) -> list[TrackingResult]:
    """An event of "Track Alert": one activity of one number, at the local time of a place whose zone is not said.

    Known from the code of those who use it, not from UPS's own pages: up to 100 numbers are subscribed for 14 days, and the credential
    given then comes back with every event in the header `credential`. That header is a shared secret, not a signature over the words, and
    the time has no zone; so an event is believed to say only that there is news, and UPS is asked at once. Where it brings a time of
    Greenwich it is read in full.
    """
    event = json_of(body, provider=PROVIDER)
    number = normalise(event.text("trackingNumber")) or event.bad("trackingNumber")
    said = event.value
    activity = {
        "gmtDate": said.get("gmtActivityDate"),
        "gmtTime": said.get("gmtActivityTime"),
        "status": said.get("activityStatus"),
        "location": {"address": said.get("activityLocation")},
    }
    scan = _scan(Record(activity, provider=PROVIDER, what="event"))
    return [result(number, said=scan.status, scans=[scan]) if scan else not_found(number)]


# --- The courier ----------------------------------------------------------------------------------------------------------


def is_number(number: str) -> bool:
    """1Z, fifteen letters or digits, and a check digit over them (tracking_number_data)."""
    return re.fullmatch(r"1Z[0-9A-Z]{15}[0-9]", number, re.ASCII) is not None and mod10_ups(number[2:17]) == int(number[17])


COURIER = Courier(
    code="ups",
    label="UPS",
    also_called=("유피에스", "unitedparcelservice", "emspremium", "ems프리미엄"),
    track=track,
    batch_size=1,
    budget=BUDGET,
    number_rule=is_number,
    link=lambda number: f"https://www.ups.com/track?loc=en_US&tracknum={quote(number)}",
    webhook=Webhook(secrets=lambda: settings.UPS_WEBHOOK_SECRETS, is_genuine=shared_credential("credential"), read=read_message),
)
