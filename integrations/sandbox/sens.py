"""Naver SENS v2 (SMS in Korea): checks the signature, the clock and the text's length in EUC-KR bytes; what passes lands in the inbox."""

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Books, Document
from integrations.sandbox.faults import Fault
from integrations.sandbox.ids import make_id
from integrations.sandbox.inbox import receive_message
from integrations.sandbox.options import Credentials

PREFIX = "/sens"
CLOCK_MILLISECONDS = 5 * 60 * 1000
LONGEST_BYTES = {"SMS": 90, "LMS": 2000, "MMS": 2000}
LONGEST_SUBJECT_BYTES = 40
BODY_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"enum": ["SMS", "LMS", "MMS"]},
        "contentType": {"enum": ["COMM", "AD"]},
        "countryCode": {"type": "string", "pattern": r"^\d{1,3}$"},
        "from": {"type": "string", "pattern": r"^\d{2,16}$"},
        "subject": {"type": "string"},
        "content": {"type": "string", "minLength": 1},
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "properties": {
                    "to": {"type": "string", "pattern": r"^\d{8,15}$"},
                    "subject": {"type": "string"},
                    "content": {"type": "string", "minLength": 1},
                },
                "required": ["to"],
                "additionalProperties": False,
            },
        },
        "files": {"type": "array"},
        "reserveTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d$"},
        "reserveTimeZone": {"type": "string"},
    },
    "required": ["type", "from", "content", "messages"],
    "additionalProperties": False,
}
_validator = Draft202012Validator(BODY_SCHEMA)


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = JSONResponse({"error": {"errorCode": code, "message": message}}, status_code=status)


class Sens:
    def __init__(self, books: Books, keys: Credentials) -> None:
        self._books = books
        self._keys = keys

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/sms/v2/services/{service}/messages", self._send, methods=["POST"])])

    async def _send(self, request: Request) -> Response:
        body = await request.body()
        try:
            self._check_signature(request)
            wish = self._checked_body(request, body)
        except Refused as refused:
            return refused.answer
        request_id = make_id("VORSSA-", length=20)
        with self._books.transaction():
            for message in wish["messages"]:
                self._deliver(wish, message, request_id=request_id)
        now = datetime.now(ZoneInfo("Asia/Seoul")).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return JSONResponse({"requestId": request_id, "requestTime": now, "statusCode": "202", "statusName": "success"}, status_code=202)

    def _check_signature(self, request: Request) -> None:
        """The signed address is the one the service sees: without our prefix."""
        headers, keys = request.headers, self._keys
        sent_at = headers.get("x-ncp-apigw-timestamp", "")
        uri = request.scope["raw_path"].decode("ascii").removeprefix(PREFIX)
        signed = f"{request.method} {uri}\n{sent_at}\n{keys.sens_access_key}"
        expected = base64.b64encode(hmac.new(keys.sens_secret_key.encode(), signed.encode(), hashlib.sha256).digest()).decode()
        same_key = headers.get("x-ncp-iam-access-key") == keys.sens_access_key
        if not same_key or not hmac.compare_digest(expected, headers.get("x-ncp-apigw-signature-v2", "")):
            raise Refused(401, "200", "Authentication Failed")
        if not sent_at.isdigit() or abs(int(sent_at) - time.time() * 1000) > CLOCK_MILLISECONDS:
            raise Refused(401, "200", "Authentication Failed: the timestamp is more than 5 minutes off")

    def _checked_body(self, request: Request, body: bytes) -> Document:
        if request.path_params["service"] != self._keys.sens_service_id:
            raise Refused(404, "300", "Not Found: no such service")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refused(400, "100", "Bad Request: the content type must be application/json")
        wish = _parsed(body)
        for message in wish["messages"]:
            _check_length(message.get("content", wish["content"]), most=LONGEST_BYTES[wish["type"]], what="content")
            _check_length(message.get("subject", wish.get("subject", "")), most=LONGEST_SUBJECT_BYTES, what="subject")
        if wish["from"] != self._keys.sens_from:
            raise Refused(400, "100", f"Bad Request: {wish['from']} is not a registered sender")
        return wish

    def _deliver(self, wish: Document, message: Document, *, request_id: str) -> None:
        country = wish.get("countryCode", "82")
        receive_message(
            self._books,
            channel="sms",
            provider="sens",
            sender=wish["from"],
            to=[message["to"] if country == "82" else f"+{country}{message['to']}"],
            text=str(message.get("content", wish["content"])),
            subject=message.get("subject", wish.get("subject", "")),
            headers={"type": wish["type"], "contentType": wish.get("contentType", "COMM"), "requestId": request_id},
        )


def _parsed(body: bytes) -> Document:
    try:
        wish = json.loads(body)
    except ValueError:
        raise Refused(400, "100", "Bad Request: not JSON") from None
    for error in _validator.iter_errors(wish):
        where = ".".join(map(str, error.absolute_path)) or "body"
        raise Refused(400, "100", f"Bad Request: {where}: {error.message[:200]}")
    found: Document = wish
    return found


def _check_length(text: str, *, most: int, what: str) -> None:
    """Counted in cp949, the EUC-KR that phones know; Python's own euc-kr codec writes rare syllables as 8 bytes."""
    try:
        length = len(text.encode("cp949"))
    except UnicodeEncodeError as error:
        raise Refused(400, "100", f"Bad Request: {what} holds characters outside EUC-KR: {text[error.start : error.end]!r}") from None
    if length > most:
        raise Refused(400, "100", f"Bad Request: {what} is {length} bytes long, at most {most}")


def error_answer(mode: str, _: Fault) -> Response:
    code, message = {"500": ("900", "Unexpected Error"), "401": ("200", "Authentication Failed"), "429": ("420", "Rate Exceeded")}[mode]
    return Refused(int(mode), code, message).answer
