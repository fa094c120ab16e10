"""FedEx Track v1: up to 30 numbers a call. Its answers are 200 even for numbers it does not know; the errors are inside."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from django.conf import settings

from integrations.base import (
    Answer,
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    NotFound,
    ProviderError,
    Token,
    TokenCache,
    Unavailable,
    call,
    refusal,
)
from integrations.shape import Record, json_of, read_json
from integrations.signatures import hmac_base64
from integrations.tracking import (
    Budget,
    Courier,
    TrackingResult,
    TrackingScan,
    TrackingStatus,
    Webhook,
    believable,
    failed,
    in_order_of,
    no_number,
    not_found,
    result,
    short,
)
from integrations.tracking_numbers import is_mod10, normalise, weighted

PROVIDER = "fedex"
BATCH_SIZE = 30
EXPRESS_WEIGHTS = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
GROUND_DIGITS = 15
# FedEx's guide on rate limits: 1,400 transactions in 10 s for a project, 100,000 a day for tracking. Six at a time on answers of 100 ms
# are 60 a second, so the window is never met, and a worker with two cores keeps up with the answers (measured: decision 0013).
BUDGET = Budget(in_flight=6, per_day=100_000, per_window=(1_400, 10.0))

# FedEx's status codes; a code that is not here says nothing. DL alone is a delivery.
STATUS_OF = {
    code: status
    for status, codes in {
        TrackingStatus.INFO_RECEIVED: "OC IN EP OX RP RG",
        TrackingStatus.IN_TRANSIT: "PU PX OF AP IT IX AA AC AF AR AX DP EA EO FD LO Ow OW PF PL PM SF TR DS DR AO CH SP",
        TrackingStatus.CUSTOMS: "CC CP CD",
        TrackingStatus.OUT_FOR_DELIVERY: "OD AD ED",
        TrackingStatus.AVAILABLE_FOR_PICKUP: "HL HP",
        TrackingStatus.ATTEMPT_FAILED: "DE",
        TrackingStatus.EXCEPTION: "SE DD DY PD",
        TrackingStatus.RETURNING: "RS",
        TrackingStatus.DELIVERED: "DL",
        TrackingStatus.CANCELLED: "CA RD LP",
    }.items()
    for code in codes.split()
}


# Both ends of a return have the code RS; only the words tell "Returning package to shipper" from "Package returned to shipper".
CAME_BACK = re.compile(r"\breturned to (shipper|sender)\b", re.IGNORECASE)


def track(numbers: Sequence[str]) -> dict[str, TrackingResult]:
    """One result for each number; what concerns the whole call (a refused key, an outage) is the error of each."""
    asked = {number: normalise(number) for number in numbers}
    distinct = list(dict.fromkeys(filter(None, asked.values())))
    found = {"": no_number("", provider=PROVIDER)}
    for start in range(0, len(distinct), BATCH_SIZE):
        found |= _track_batch(distinct[start : start + BATCH_SIZE])
    return {number: found[plain] if plain == number else replace(found[plain], number=number) for number, plain in asked.items()}


def _track_batch(numbers: list[str]) -> dict[str, TrackingResult]:
    try:
        return in_order_of(numbers, _read(_ask(numbers)), provider=PROVIDER)
    except ProviderError as error:
        # One number may spoil the call (malformed, or with a history too long to read): halve until it stands alone.
        if len(numbers) > 1 and (isinstance(error, InvalidRequest) or error.code == "too_large"):
            middle = len(numbers) // 2
            return _track_batch(numbers[:middle]) | _track_batch(numbers[middle:])
        return {number: failed(number, error) for number in numbers}


# --- Asking ---------------------------------------------------------------------------------------------------------------


def _fetch_token() -> Token:
    answer = call(
        "POST",
        f"{settings.FEDEX_BASE_URL}/oauth/token",
        provider=PROVIDER,
        what="token",
        data={
            "grant_type": "client_credentials",
            "client_id": settings.FEDEX_CLIENT_ID,
            "client_secret": settings.FEDEX_CLIENT_SECRET,
        },
    )
    if answer.status != 200:
        error = _refused(answer)
        kind = AuthRefused if isinstance(error, InvalidRequest | NotFound) else type(error)
        raise kind(error.message, provider=PROVIDER, code=error.code, retry_after=error.retry_after)
    record = Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="token")
    return Token(record.text("access_token"), lives_for_s=float(record.whole("expires_in")))


_tokens = TokenCache(_fetch_token)


def _ask(numbers: list[str]) -> Record:
    account = (settings.FEDEX_BASE_URL, settings.FEDEX_CLIENT_ID, settings.FEDEX_CLIENT_SECRET)
    token = _tokens.get(account=account)
    answer = _post(numbers, token)
    if answer.status == 401:  # ended before its time: once more with a fresh one
        _tokens.forget(token)
        answer = _post(numbers, _tokens.get(account=account))
    if answer.status != 200:
        raise _refused(answer)
    return Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="answer")


def _post(numbers: list[str], token: str) -> Answer:
    return call(
        "POST",
        f"{settings.FEDEX_BASE_URL}/track/v1/trackingnumbers",
        provider=PROVIDER,
        what=f"track {len(numbers)}",
        repeatable=True,
        headers={"Authorization": f"Bearer {token}", "x-locale": "en_US", "x-customer-transaction-id": str(uuid.uuid4())},
        json={
            "includeDetailedScans": True,
            "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}} for number in numbers],
        },
    )


def _refused(answer: Answer) -> ProviderError:
    try:
        errors = Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="answer").records("errors")
        code, message = (short(errors[0].maybe_text("code")), errors[0].maybe_text("message") or "") if errors else ("", "")
    except BadAnswer:
        code, message = "", ""
    return refusal(answer, provider=PROVIDER, code=code, message=message)


# --- Reading --------------------------------------------------------------------------------------------------------------


def _read(answer: Record) -> dict[str, TrackingResult]:
    output = answer.maybe_record("output") or answer.bad("output")
    entries = output.value.get("completeTrackResults")
    if not isinstance(entries, list):
        output.bad("completeTrackResults")
    found: dict[str, TrackingResult] = {}
    for entry in entries:
        number = normalise(str(entry.get("trackingNumber", ""))) if isinstance(entry, dict) else ""
        if number:
            found[number] = _read_entry(number, Record(entry, provider=PROVIDER, what="entry"))
    return found


def _read_entry(number: str, entry: Record) -> TrackingResult:
    """A number used before has several results: the one with the newest scan is ours; one with an error counts only if all have."""
    errors: list[ProviderError] = []
    found: list[TrackingResult] = []
    try:
        for candidate in entry.records("trackResults"):
            try:
                found.append(_read_result(number, candidate))
            except ProviderError as error:
                errors.append(error)
    except BadAnswer as error:
        errors.append(error)
    if found:
        return max(found, key=lambda one: (one.scans[-1].at.timestamp() if one.scans else 0.0, one.status is not TrackingStatus.PENDING))
    return failed(number, errors[0] if errors else BadAnswer("no result for this number", provider=PROVIDER, code="shape"))


def _read_result(number: str, candidate: Record) -> TrackingResult:
    error = candidate.maybe_record("error")
    code = short(error.maybe_text("code")) if error else ""
    if code.endswith("NOTFOUND"):
        return not_found(number)
    if error and code:
        raise _inner_error(code, error.maybe_text("message") or "")
    own = candidate.maybe_record("trackingNumberInfo")
    if own and normalise(own.maybe_text("trackingNumber") or number) != number:
        raise BadAnswer("a result of another number", provider=PROVIDER, code="other_number")
    latest = candidate.maybe_record("latestStatusDetail")
    scans = _scans(candidate)
    if latest is None and not scans:
        candidate.bad("latestStatusDetail")
    said = _known(latest, ("derivedCode", "code"), ("description", "statusByLocale")) if latest else scans[-1].status
    return result(number, said=said, scans=scans, delivered_at=_delivered_at(candidate))


def _inner_error(code: str, message: str) -> ProviderError:
    kind = InvalidRequest if code.startswith("TRACKING.TRACKINGNUMBER.") else Unavailable
    return kind(message or code, provider=PROVIDER, code=code)


def _known(record: Record, codes: Sequence[str], words: Sequence[str]) -> TrackingStatus | None:
    """By the first code that we know; both may be there and differ (FD and RL have been seen)."""
    status = next((STATUS_OF[code] for code in map(record.value.get, codes) if isinstance(code, str) and code in STATUS_OF), None)
    if status is TrackingStatus.RETURNING and any(CAME_BACK.search(str(record.value.get(key, ""))) for key in words):
        return TrackingStatus.RETURNED
    return status


def _scans(candidate: Record) -> list[TrackingScan]:
    """Those that can be read, oldest first (FedEx lists the newest first, also within one second)."""
    events = candidate.value.get("scanEvents")
    if not isinstance(events, list):
        return []
    scans = [_scan(Record(event, provider=PROVIDER, what="scan")) for event in reversed(events) if isinstance(event, dict)]
    return sorted((scan for scan in scans if scan), key=lambda scan: scan.at)


def _scan(event: Record) -> TrackingScan | None:
    at = _moment(event.value.get("date"))
    if at is None:
        return None
    texts = {key: value for key, value in event.value.items() if isinstance(value, str)}
    text = " - ".join(filter(None, (texts.get("eventDescription"), texts.get("exceptionDescription"))))
    status = _known(event, ("eventType", "derivedStatusCode"), ("eventDescription",)) or TrackingStatus.IN_TRANSIT
    return TrackingScan(at, short(texts.get("eventType"))[:40], status, short(text), _place(event.value.get("scanLocation")))


def _place(location: object) -> str:
    parts = location if isinstance(location, dict) else {}
    named = (parts.get(key) for key in ("city", "stateOrProvinceCode", "countryCode"))
    return short(", ".join(part for part in named if isinstance(part, str) and part))


def _delivered_at(candidate: Record) -> datetime | None:
    times = candidate.value.get("dateAndTimes")
    entries = [entry for entry in times if isinstance(entry, dict)] if isinstance(times, list) else []
    actual = (_moment(entry.get("dateTime")) for entry in entries if entry.get("type") == "ACTUAL_DELIVERY")
    return next(filter(None, actual), None)


def _moment(text: object) -> datetime | None:
    """FedEx writes the zone of the place; where it does not, UTC is less wrong than any guess."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return believable(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment else None
    except (ValueError, OverflowError):
        return None


# --- What FedEx tells by itself -------------------------------------------------------------------------------------------


def read_message(body: bytes) -> list[TrackingResult]:
    """A push of "Advanced Integrated Visibility" (a contract of its own): the same objects that an answer has, with or without `output`.

    Established by FedEx's documents: the POST, JSON, the header `fdx-signature` with base64(HMAC-SHA256(security token, body)), no time
    in it, and that updates may come out of order. The exact envelope is not published; whatever else comes is kept as unreadable.
    """
    message = json_of(body, provider=PROVIDER)
    inside = message.value.get("output", message.value)
    return list(_read(Record({"output": inside}, provider=PROVIDER, what="message")).values())


# --- The courier ----------------------------------------------------------------------------------------------------------


def is_number(number: str) -> bool:
    """Express (12 digits), Ground (15, or 22 beginning with 96, whose last 15 are the Ground number), SSCC (20)."""
    if not (number.isascii() and number.isdigit()) or not number.strip("0"):
        return False
    if len(number) == 12:
        return int(number[-1]) == weighted(number[:-1], EXPRESS_WEIGHTS) % 11 % 10
    if len(number) == 22:
        return number.startswith("96") and is_mod10(number[-GROUND_DIGITS:])
    return len(number) in {GROUND_DIGITS, 20} and is_mod10(number)


COURIER = Courier(
    code="fedex",
    label="FedEx",
    also_called=("페덱스", "federalexpress"),
    track=track,
    batch_size=BATCH_SIZE,
    budget=BUDGET,
    number_rule=is_number,
    link=lambda number: f"https://www.fedex.com/fedextrack/?trknbr={quote(number)}",
    webhook=Webhook(secrets=lambda: settings.FEDEX_WEBHOOK_SECRETS, is_genuine=hmac_base64("fdx-signature"), read=read_message),
)
