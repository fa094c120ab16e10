"""UPS Track v1: a token for a client's Basic credentials, one number a request, times with their offset, "not found" said in a 404.

Its documents are specs/ups of the providers' facts; tests/test_ups.py holds the answers against the parts that matter.
"""

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Books, Document
from integrations.sandbox.faults import Fault
from integrations.sandbox.ids import make_id
from integrations.sandbox.options import Credentials
from integrations.sandbox.parcels import Parcels

TOKEN, TOKEN_SECONDS = "ups_token", 14_400
SHORTEST, LONGEST = 7, 34


@dataclass(frozen=True)
class Wording:
    """How UPS tells one status: the letter, its two-letter code, the three digits, words, and where it happens."""

    type: str
    code: str
    number: str
    words: str
    place: tuple[str, str, str]
    zone: str


_INCHEON, _LOUISVILLE, _FULLERTON = ("Incheon", "", "KR"), ("Louisville", "KY", "US"), ("Fullerton", "CA", "US")
_SEOUL, _EASTERN, _PACIFIC = "Asia/Seoul", "America/New_York", "America/Los_Angeles"
WORDINGS = {
    "info_received": Wording("M", "MP", "003", "Shipper created a label, UPS has not received the package yet.", ("", "", "KR"), _SEOUL),
    "picked_up": Wording("P", "OR", "005", "Origin Scan", _INCHEON, _SEOUL),
    "in_transit": Wording("I", "DP", "005", "Departed from Facility", _LOUISVILLE, _EASTERN),
    "customs": Wording("I", "SR", "014", "Your package was released by the customs agency.", _LOUISVILLE, _EASTERN),
    "out_for_delivery": Wording("I", "OT", "021", "Out For Delivery Today", _FULLERTON, _PACIFIC),
    "delivered": Wording("D", "FS", "011", "DELIVERED", _FULLERTON, _PACIFIC),
    "attempt_failed": Wording("X", "48", "022", "The receiver was not available for delivery.", _FULLERTON, _PACIFIC),
    "available_for_pickup": Wording("I", "2Q", "040", "Your package is ready for pickup at an access point.", _FULLERTON, _PACIFIC),
    "exception": Wording("X", "A6", "013", "A missing commercial invoice is causing a delay: held in customs.", _LOUISVILLE, _EASTERN),
    "returning": Wording("RS", "RT", "033", "Returning to Sender", _LOUISVILLE, _EASTERN),
    "returned": Wording("RS", "RS", "034", "Returned to Sender", _INCHEON, _SEOUL),
}


class Ups:
    def __init__(self, books: Books, parcels: Parcels, keys: Credentials) -> None:
        self._books = books
        self._parcels = parcels
        self._keys = keys

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/security/v1/oauth/token", self._token, methods=["POST"]),
                Route("/api/track/v1/details/{number:path}", self._track),
            ]
        )

    async def _token(self, request: Request) -> Response:
        if _basic(request) != f"{self._keys.ups_client_id}:{self._keys.ups_client_secret}":
            return refusal(401, "10401", "ClientId is Invalid")
        async with request.form() as form:
            if form.get("grant_type") != "client_credentials":
                return refusal(400, "10400", "Invalid/Missing Grant Type")
        token = make_id("sandbox.", length=64)
        self._books.put(TOKEN, token, {"expires_at": time.time() + TOKEN_SECONDS})
        answer = {
            "token_type": "Bearer",
            "issued_at": str(round(time.time() * 1000)),
            "client_id": self._keys.ups_client_id,
            "access_token": token,
            "scope": "",
            "expires_in": str(TOKEN_SECONDS - 1),
            "refresh_count": "0",
            "status": "approved",
        }
        return JSONResponse(answer)

    async def _track(self, request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        kept = self._books.get(TOKEN, token) if kind.lower() == "bearer" else None
        if kept is None or kept["expires_at"] < time.time():
            return refusal(401, "250002", "Invalid Authentication Information.")
        for header in ("transId", "transactionSrc"):
            if not request.headers.get(header):
                return refusal(400, "VSS000", f"Missing required header: {header}")
        number = unquote(request.path_params["number"]).strip().upper()
        if not (SHORTEST <= len(number) <= LONGEST and number.isascii() and number.isalnum()):
            return refusal(400, "TV1002", f"Invalid inquiry number: {SHORTEST} to {LONGEST} letters and digits")
        scans = self._parcels.scans("ups", number)
        if not scans:
            return refusal(404, "TW0001", "Tracking Information Not Found")
        return JSONResponse({"trackResponse": {"shipment": [{"inquiryNumber": number, "package": [_package(number, scans)]}]}})


def _package(number: str, scans: list[Document]) -> Document:
    newest_first = list(reversed(scans))
    latest = WORDINGS[newest_first[0]["status"]]
    package: Document = {
        "trackingNumber": number,
        "currentStatus": {"description": latest.words, "code": latest.number},
        "activity": [_activity(scan) for scan in newest_first],
        "packageCount": 1,
    }
    if newest_first[0]["status"] == "delivered":
        at = _local(newest_first[0])
        package["deliveryDate"] = [{"type": "DEL", "date": at.strftime("%Y%m%d")}]
        package["deliveryTime"] = {"type": "DEL", "endTime": at.strftime("%H%M%S")}
    return package


def _activity(scan: Document) -> Document:
    words = WORDINGS[scan["status"]]
    here, greenwich = _local(scan), datetime.fromisoformat(scan["at"]).astimezone(ZoneInfo("UTC"))
    city, state, country = words.place
    return {
        "date": here.strftime("%Y%m%d"),
        "time": here.strftime("%H%M%S"),
        "gmtDate": greenwich.strftime("%Y%m%d"),
        "gmtTime": greenwich.strftime("%H:%M:%S"),
        "gmtOffset": _offset(here),
        "location": {"address": {"city": city, "stateProvince": state, "countryCode": country, "country": country}, "slic": "9289"},
        "status": {"type": words.type, "description": words.words, "code": words.code, "statusCode": words.number},
    }


def track_alert(number: str, scan: Document) -> Document:
    """What Track Alert pushes: one activity, at the local time of its place, without a zone."""
    words, here = WORDINGS[scan["status"]], _local(scan)
    city, state, country = words.place
    event: Document = {
        "trackingNumber": number,
        "localActivityDate": here.strftime("%Y%m%d"),
        "localActivityTime": here.strftime("%H%M%S"),
        "activityLocation": {"city": city, "stateProvince": state, "postalCode": "", "country": country},
        "activityStatus": {"type": words.type, "code": words.code, "description": words.words},
        "scheduledDeliveryDate": "",
    }
    if scan["status"] == "delivered":
        event |= {"actualDeliveryDate": event["localActivityDate"], "actualDeliveryTime": event["localActivityTime"]}
    return event


def _local(scan: Document) -> datetime:
    return datetime.fromisoformat(scan["at"]).astimezone(ZoneInfo(WORDINGS[scan["status"]].zone))


def _offset(moment: datetime) -> str:
    plain = moment.strftime("%z")
    return f"{plain[:3]}:{plain[3:5]}"


def _basic(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(value, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        return ""


def refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"response": {"errors": [{"code": code, "message": message}]}}, status_code=status)


def error_answer(mode: str, _: Fault) -> Response:
    code, message = {
        "500": ("VSS100", "Internal server error"),
        "401": ("250002", "Invalid Authentication Information."),
        "429": ("10429", "Too Many Requests"),
    }[mode]
    return refusal(int(mode), code, message)
