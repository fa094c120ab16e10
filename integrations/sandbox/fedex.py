"""FedEx Track v1: an OAuth token that ages, up to 30 numbers a request, "not found" said inside a 200."""

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Books, Document
from integrations.sandbox.faults import Fault
from integrations.sandbox.ids import make_id
from integrations.sandbox.options import Credentials
from integrations.sandbox.parcels import Parcels

TOKEN, TOKEN_SECONDS = "fedex_token", 3600
MOST_NUMBERS = 30
_LOCALE = re.compile(r"[a-z]{2}_[A-Z]{2}\Z")
_NUMBER = re.compile(r"[A-Za-z0-9]{1,40}\Z")
_TRACK_BODY = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "includeDetailedScans": {"type": "boolean"},
            "trackingInfo": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "shipDateBegin": {"type": "string"},
                        "shipDateEnd": {"type": "string"},
                        "trackingNumberInfo": {
                            "type": "object",
                            "properties": {
                                "trackingNumber": {"type": "string"},
                                "carrierCode": {"type": "string"},
                                "trackingNumberUniqueId": {"type": "string"},
                            },
                            "required": ["trackingNumber"],
                            "additionalProperties": False,
                        },
                    },
                    "required": ["trackingNumberInfo"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["trackingInfo"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Wording:
    """How FedEx tells one status: the scan's code, the code derived from it, words, and where it happens."""

    event: str
    derived: str
    words: str
    place: tuple[str, str, str]
    zone: str
    exception: str = ""


_INCHEON, _MEMPHIS, _FULLERTON = ("INCHEON", "", "KR"), ("MEMPHIS", "TN", "US"), ("FULLERTON", "CA", "US")
_SEOUL, _CENTRAL, _PACIFIC = "Asia/Seoul", "America/Chicago", "America/Los_Angeles"
WORDINGS = {
    "info_received": Wording("OC", "IN", "Shipment information sent to FedEx", _INCHEON, _SEOUL),
    "picked_up": Wording("PU", "PU", "Picked up", _INCHEON, _SEOUL),
    "in_transit": Wording("DP", "IT", "Departed FedEx hub", _MEMPHIS, _CENTRAL),
    "customs": Wording("CC", "CC", "International shipment release - Import", _MEMPHIS, _CENTRAL),
    "out_for_delivery": Wording("OD", "OD", "On FedEx vehicle for delivery", _FULLERTON, _PACIFIC),
    "delivered": Wording("DL", "DL", "Delivered", _FULLERTON, _PACIFIC),
    "attempt_failed": Wording(
        "DE", "DE", "Delivery exception", _FULLERTON, _PACIFIC, exception="Customer not available or business closed"
    ),
    "available_for_pickup": Wording("HL", "HL", "Ready for recipient pickup", _FULLERTON, _PACIFIC),
    "exception": Wording("SE", "SE", "Shipment exception", _MEMPHIS, _CENTRAL, exception="Clearance delay - Import"),
    "returning": Wording("RS", "RS", "Returning package to shipper", _MEMPHIS, _CENTRAL),
    "returned": Wording("RS", "RS", "Package returned to shipper", _INCHEON, _SEOUL),
}


class Fedex:
    def __init__(self, books: Books, parcels: Parcels, keys: Credentials) -> None:
        self._books = books
        self._parcels = parcels
        self._keys = keys

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/track/v1/trackingnumbers", self._track, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return refusal(400, "BAD.REQUEST.ERROR", "Missing or duplicate parameters. Please modify your request and try again.")
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
        if fields.get("grant_type") != "client_credentials":
            return refusal(400, "BAD.REQUEST.ERROR", "Missing or duplicate parameters. Please modify your request and try again.")
        known = (self._keys.fedex_client_id, self._keys.fedex_client_secret)
        if (fields.get("client_id"), fields.get("client_secret")) != known:
            return refusal(
                401, "NOT.AUTHORIZED.ERROR", "The given client credentials were not valid. Please modify your request and try again."
            )
        token = make_id("sandbox.", length=64)
        self._books.put(TOKEN, token, {"expires_at": time.time() + TOKEN_SECONDS})
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS - 1, "scope": "CXS-TP"})

    async def _track(self, request: Request) -> Response:
        body = await request.body()
        wrong = self._refused_token(request) or _refused_headers(request)
        if wrong is not None:
            return wrong
        wish = _parsed(body)
        if isinstance(wish, Response):
            return wish
        numbers = [info["trackingNumberInfo"]["trackingNumber"].strip() for info in wish["trackingInfo"]]
        detailed = wish.get("includeDetailedScans", False)
        with self._books.transaction():
            scans = self._parcels.scans_of("fedex", numbers)
        results = [{"trackingNumber": number, "trackResults": [_result(number, scans[number], detailed=detailed)]} for number in numbers]
        answer: Document = {"transactionId": str(uuid4())}
        if "x-customer-transaction-id" in request.headers:
            answer["customerTransactionId"] = request.headers["x-customer-transaction-id"]
        return JSONResponse(answer | {"output": {"completeTrackResults": results}})

    def _refused_token(self, request: Request) -> Response | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        kept = self._books.get(TOKEN, token) if kind.lower() == "bearer" else None
        if kept is None:
            return refusal(401, "NOT.AUTHORIZED.ERROR", "Access token invalid. Please modify your request and try again.")
        if kept["expires_at"] < time.time():
            return refusal(401, "NOT.AUTHORIZED.ERROR", "Access token expired. Please modify your request and try again.")
        return None


def _result(number: str, scans: list[Document], *, detailed: bool) -> Document:
    if not number:
        return _error_result(number, "TRACKING.TRACKINGNUMBER.EMPTY", "Please provide tracking number.")
    if not _NUMBER.match(number):
        return _error_result(number, "TRACKING.TRACKINGNUMBER.INVALID", "Invalid tracking numbers. Please check the following format.")
    if not scans:
        message = "Tracking number cannot be found. Please correct the tracking number and try again."
        return _error_result(number, "TRACKING.TRACKINGNUMBER.NOTFOUND", message)
    return _tracked(number, scans, detailed=detailed)


def _refused_headers(request: Request) -> Response | None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return refusal(415, "UNSUPPORTED.MEDIA.TYPE", "The content type must be application/json.")
    if not _LOCALE.match(request.headers.get("x-locale", "en_US")):
        return refusal(400, "LOCALE.INVALID", "The locale is invalid. Please modify your request and try again.")
    return None


def _parsed(body: bytes) -> Document | Response:
    try:
        wish = json.loads(body)
    except ValueError:
        return refusal(400, "BAD.REQUEST.ERROR", "The request body is not JSON.")
    for error in () if _is_usual(wish) else _TRACK_BODY.iter_errors(wish):
        where = ".".join(map(str, error.absolute_path)) or "body"
        return refusal(400, "INVALID.INPUT.EXCEPTION", f"Invalid field value in the input: {where}: {error.message[:200]}")
    if len(wish["trackingInfo"]) > MOST_NUMBERS:
        return refusal(400, "TRACKING.TRACKINGNUMBERS.TOOMANY", f"At most {MOST_NUMBERS} tracking numbers can be asked for in one request.")
    found: Document = wish
    return found


def _is_usual(wish: object) -> bool:
    """Seen at a glance, for the schema takes longer over thirty numbers than all the rest of a request."""
    infos = wish.get("trackingInfo") if isinstance(wish, dict) and set(wish) == {"includeDetailedScans", "trackingInfo"} else None
    if not isinstance(infos, list) or not infos or not isinstance(wish["includeDetailedScans"], bool):  # type: ignore[index]
        return False
    inner = [info["trackingNumberInfo"] for info in infos if isinstance(info, dict) and info.keys() == {"trackingNumberInfo"}]
    usual = [one for one in inner if isinstance(one, dict) and one.keys() == {"trackingNumber"} and isinstance(one["trackingNumber"], str)]
    return len(usual) == len(infos)


def _tracked(number: str, scans: list[Document], *, detailed: bool) -> Document:
    newest_first = list(reversed(scans))
    latest = WORDINGS[newest_first[0]["status"]]
    result: Document = {
        "trackingNumberInfo": {"trackingNumber": number, "carrierCode": "FDXE", "trackingNumberUniqueId": f"2461000~{number}~FDXE"},
        "latestStatusDetail": {
            "code": latest.event,
            "derivedCode": latest.derived,
            "statusByLocale": latest.words,
            "description": latest.words,
            "scanLocation": _location(latest, residential=True),
            "ancillaryDetails": [{"reason": "", "reasonDescription": latest.exception, "action": "", "actionDescription": ""}]
            if latest.exception
            else [],
        },
        "dateAndTimes": _dates(scans),
        "scanEvents": [_scan_event(scan) for scan in newest_first] if detailed else [_scan_event(newest_first[0])],
    }
    if newest_first[0]["status"] == "delivered":
        result["deliveryDetails"] = {"receivedByName": "FRONT DESK", "deliveryAttempts": "0"}
    return result


def push(number: str, scans: list[Document]) -> Document:
    """What Advanced Integrated Visibility pushes: the objects of an answer."""
    return {"output": {"completeTrackResults": [{"trackingNumber": number, "trackResults": [_tracked(number, scans, detailed=True)]}]}}


def _scan_event(scan: Document) -> Document:
    words = WORDINGS[scan["status"]]
    return {
        "date": _local(scan),
        "eventType": words.event,
        "eventDescription": words.words,
        "exceptionCode": "08" if words.exception else "",
        "exceptionDescription": words.exception,
        "scanLocation": _location(words, residential=False),
        "locationType": "FEDEX_FACILITY",
        "derivedStatusCode": words.derived,
        "derivedStatus": words.words,
    }


def _location(words: Wording, *, residential: bool) -> Document:
    city, state, country = words.place
    return {"city": city, "stateOrProvinceCode": state, "countryCode": country, "residential": residential}


def _dates(scans: list[Document]) -> list[Document]:
    last_of = {scan["status"]: scan for scan in scans}
    named = (("ACTUAL_DELIVERY", "delivered"), ("ACTUAL_PICKUP", "picked_up"))
    dates = [{"type": kind, "dateTime": _local(last_of[status])} for kind, status in named if status in last_of]
    if "delivered" not in last_of:
        expected = datetime.fromisoformat(scans[0]["at"]).astimezone(ZoneInfo(_PACIFIC)) + timedelta(days=4)
        dates.append({"type": "ESTIMATED_DELIVERY", "dateTime": expected.replace(hour=18, minute=0, second=0).isoformat()})
    return dates


def _local(scan: Document) -> str:
    """In the zone of the place, with its offset, to the second: as scanners write it."""
    return datetime.fromisoformat(scan["at"]).astimezone(ZoneInfo(WORDINGS[scan["status"]].zone)).isoformat(timespec="seconds")


def _error_result(number: str, code: str, message: str) -> Document:
    info = {"trackingNumber": number, "carrierCode": "", "trackingNumberUniqueId": ""}
    return {"trackingNumberInfo": info, "error": {"code": code, "message": message}}


def refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"transactionId": str(uuid4()), "errors": [{"code": code, "message": message}]}, status_code=status)


def error_answer(mode: str, _: Fault) -> Response:
    code, message = {
        "500": (
            "INTERNAL.SERVER.ERROR",
            "We encountered an unexpected error and are working to resolve the issue. We apologize for any inconvenience.",
        ),
        "401": ("NOT.AUTHORIZED.ERROR", "Access token expired. Please modify your request and try again."),
        "429": ("TOO.MANY.REQUESTS", "You have exceeded the number of requests allowed."),
    }[mode]
    return refusal(int(mode), code, message)
