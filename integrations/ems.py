"""EMS by Korea Post (data.go.kr, EMS행방조회): one number a call, XML, always HTTP 200; the gateway's own errors come as another document.

The address is plain http, as the service offers no other; hence defusedxml, and no belief beyond what a parcel's history needs.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from django.conf import settings

from integrations import relay
from integrations.base import AuthRefused, BadAnswer, InvalidRequest, ProviderError, QuotaExceeded, Unavailable, call, refusal
from integrations.signatures import timed_hmac
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
from integrations.tracking_numbers import is_s10, normalise

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PROVIDER = "ems"
PATH = "/trace/retrieveLongitudinalEMSService/retrieveLongitudinalEMSService/getLongitudinalEMSList"
SEOUL = ZoneInfo("Asia/Seoul")
QUOTA_RETRY_S = 3600.0
# data.go.kr: 10,000 calls a day on a development key, more on request. No rate is named; it is a small public service, so few at a time.
BUDGET = Budget(in_flight=4, per_day=10_000)

# Free Korean text, spaces removed: the first that fits. "배달완료" has tails ("배달완료(배달)"), so its beginning counts.
STATUS_RULES = [
    (re.compile(pattern), status)
    for pattern, status in (
        (r"^배달완료(?!.*반송)", TrackingStatus.DELIVERED),
        (r"^배달완료", TrackingStatus.RETURNED),
        (r"^반송완료", TrackingStatus.RETURNED),
        (r"반송", TrackingStatus.RETURNING),
        (r"미배달|부재|재배달", TrackingStatus.ATTEMPT_FAILED),
        (r"배달준비|배달중", TrackingStatus.OUT_FOR_DELIVERY),
        (r"보류", TrackingStatus.EXCEPTION),
        (r"통관|세관|교환국", TrackingStatus.CUSTOMS),
        (r"보관", TrackingStatus.AVAILABLE_FOR_PICKUP),
        (r"^접수\(?취소", TrackingStatus.CANCELLED),
        (r"^접수준비", TrackingStatus.INFO_RECEIVED),
        (r"접수|발송|도착|운송|항공", TrackingStatus.IN_TRANSIT),
    )
]
# How the service says these is not documented; matched by their words.
NOTHING_FOUND = re.compile(r"없|no\s*data|not\s*found", re.IGNORECASE)
BAD_NUMBER = re.compile(r"올바르지|잘못|invalid", re.IGNORECASE)
GATEWAY_ERRORS: dict[str, type[ProviderError]] = {
    "10": InvalidRequest,
    "11": InvalidRequest,
    "20": AuthRefused,
    "22": QuotaExceeded,
    "30": AuthRefused,
    "31": AuthRefused,
    "32": AuthRefused,
    "33": AuthRefused,
}


def track(numbers: Sequence[str]) -> dict[str, TrackingResult]:
    return one_by_one(numbers, lambda number: _read(number, _ask(number)), provider=PROVIDER)


def _ask(number: str) -> "Element":
    key = settings.EMS_SERVICE_KEY
    params = {"serviceKey": unquote(key) if "%" in key else key, "rgist": number}  # data.go.kr hands keys out already encoded, too
    answer = call("GET", settings.EMS_BASE_URL + PATH, provider=PROVIDER, what="track", repeatable=True, params=params)
    if answer.status != 200:
        raise refusal(answer, provider=PROVIDER)
    if answer.content_type and "xml" not in answer.content_type and answer.content_type != "text/plain":
        raise BadAnswer(f"answered with {answer.content_type} instead of XML", provider=PROVIDER, code="content_type")
    return _parse(answer.body)


def _parse(body: bytes) -> "Element":
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(body)
        return root
    except (ParseError, ValueError, LookupError, RecursionError):  # entities and unknown encodings are ValueErrors and LookupErrors
        pass
    raise BadAnswer("the answer is not XML", provider=PROVIDER, code="not_xml")


def _read(number: str, root: "Element") -> TrackingResult:
    _refuse_gateway_errors(root)
    all_rows = list(root.iter("longitudinalEMSList"))
    if not all_rows:
        return not_found(number)
    rows = [row for row in all_rows if normalise(_text(row, "rgist") or number) == normalise(number)]
    if not rows:
        raise BadAnswer("the history of another number", provider=PROVIDER, code="other_number")
    scans = [scan for scan in map(_scan, rows) if scan]
    latest = rows[0] if len(scans) > 1 and scans[0].at > scans[-1].at else rows[-1]
    return result(number, said=_status(latest), scans=scans)


def _refuse_gateway_errors(root: "Element") -> None:
    reason = _text(root, ".//returnReasonCode")
    if reason:
        words = _text(root, ".//returnAuthMsg") or _text(root, ".//errMsg")
        kind = GATEWAY_ERRORS.get(reason.lstrip("0") or "0", Unavailable)
        wait = QUOTA_RETRY_S if kind is QuotaExceeded else None
        raise kind(short(words) or "the gateway refused", provider=PROVIDER, code=f"gateway_{short(reason)[:10]}", retry_after=wait)
    if root.tag != "LongitudinalEMSListResponse":
        raise BadAnswer("another document than the one asked for", provider=PROVIDER, code="shape")
    header = root.find("cmmMsgHeader")
    said, words = _text(header, "successYN"), short(_text(header, "errMsg"))
    if said == "N" and not NOTHING_FOUND.search(words):
        kind = InvalidRequest if BAD_NUMBER.search(words) else Unavailable
        raise kind(words or "said no", provider=PROVIDER, code=f"return_{short(_text(header, 'returnCode'))[:10]}")
    if said not in {"Y", "N"}:
        raise BadAnswer("successYN is missing", provider=PROVIDER, code="shape")


def _text(element: "Element | None", path: str) -> str:
    return (element.findtext(path) or "").strip() if element is not None else ""


def _scan(row: "Element") -> TrackingScan | None:
    at = _moment(_text(row, "processDe"))
    said, detail = short(_text(row, "processSttus")), short(_text(row, "detailDc"))
    if at is None or not said:
        return None
    text = short(f"{said} ({detail})" if detail else said)
    return TrackingScan(at, said[:40], _status(row) or TrackingStatus.IN_TRANSIT, text, short(_text(row, "nowLc")))


def _status(row: "Element") -> TrackingStatus | None:
    said = re.sub(r"\s", "", _text(row, "processSttus"))
    detail = re.sub(r"\s", "", _text(row, "detailDc"))
    if said.startswith("배달완료"):
        said += detail  # "returned to sender" stands there
    return next((status for pattern, status in STATUS_RULES if pattern.search(said)), None)


def _moment(text: str) -> datetime | None:
    """Without a zone: Korean time, which foreign legs may miss by hours (undocumented)."""
    for pattern in ("%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return believable(datetime.strptime(text, pattern).replace(tzinfo=SEOUL))
        except (ValueError, OverflowError):
            continue
    return None


def read_message(body: bytes) -> list[TrackingResult]:
    """Korea Post pushes nothing. What comes here is a relay's, signed in our own way: the service's document, or relay.py's JSON."""
    if body.lstrip().startswith(b"{"):
        return relay.read_message(body, provider=PROVIDER)
    root = _parse(body)
    numbers = dict.fromkeys(normalise(_text(row, "rgist")) for row in root.iter("longitudinalEMSList"))
    return [_read(number, root) for number in numbers if number]


def is_number(number: str) -> bool:
    """An S10 number of Korea Post's express service (EG…KR). EMS Premium travels with UPS and has UPS's numbers."""
    return is_s10(number) and number.startswith("E") and number.endswith("KR")


COURIER = Courier(
    code="ems",
    label="EMS",
    also_called=("우체국", "우체국ems", "koreapost", "국제특급"),
    track=track,
    batch_size=1,
    budget=BUDGET,
    number_rule=is_number,
    link=lambda number: f"https://service.epost.go.kr/trace.RetrieveEmsRigiTraceList.comm?POST_CODE={quote(number)}&displayHeader=N",
    webhook=Webhook(secrets=lambda: settings.EMS_WEBHOOK_SECRETS, is_genuine=timed_hmac, read=read_message),
)
