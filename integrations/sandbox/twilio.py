"""Twilio's Messages resource (SMS elsewhere): Basic auth, a form, Twilio's own error numbers; what passes lands in the inbox."""

import base64
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Books, Document
from integrations.sandbox.faults import Fault
from integrations.sandbox.inbox import receive_message
from integrations.sandbox.options import Credentials

API = "2010-04-01"
LONGEST_BODY = 1600
MAGIC_FROM = "+15005550006"
"""Twilio's own number for tests; it may always send."""
_E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = set("^{}\\[~]|€")
KNOWN_FIELDS = {
    "To",
    "From",
    "Body",
    "MessagingServiceSid",
    "StatusCallback",
    "ValidityPeriod",
    "MaxPrice",
    "ProvideFeedback",
    "Attempt",
    "SmartEncoded",
    "ShortenUrls",
}


class Twilio:
    def __init__(self, books: Books, keys: Credentials) -> None:
        self._books = books
        self._keys = keys

    def app(self) -> Starlette:
        return Starlette(routes=[Route(f"/{API}/Accounts/{{sid}}/Messages.json", self._send, methods=["POST"])])

    async def _send(self, request: Request) -> Response:
        expected = base64.b64encode(f"{self._keys.twilio_account_sid}:{self._keys.twilio_auth_token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}" or request.path_params["sid"] != self._keys.twilio_account_sid:
            return _refusal(401, 20003, "Authenticate")
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
        return self._refused(fields) or self._accepted(fields)

    def _refused(self, fields: dict[str, str]) -> Response | None:
        to, sender, body = fields.get("To", ""), fields.get("From", ""), fields.get("Body", "")
        checks = (
            (not to, 21604, "A 'To' phone number is required."),
            (not _E164.match(to), 21211, f"The 'To' number {to} is not a valid phone number."),
            (not sender and "MessagingServiceSid" not in fields, 21603, "A 'From' phone number is required."),
            (sender not in ("", self._keys.twilio_from, MAGIC_FROM), 21606, f"The 'From' phone number {sender} is not a valid sender."),
            (not body, 21602, "Message body is required."),
            (len(body) > LONGEST_BODY, 21617, "The concatenated message body exceeds the 1600 character limit."),
            (bool(set(fields) - KNOWN_FIELDS), 20001, f"Unknown parameters: {sorted(set(fields) - KNOWN_FIELDS)}"),
        )
        return next((_refusal(400, code, message) for wrong, code, message in checks if wrong), None)

    def _accepted(self, fields: dict[str, str]) -> Response:
        sid = f"SM{secrets.token_hex(16)}"
        sender = fields.get("From") or self._keys.twilio_from
        segments = count_segments(fields["Body"])
        headers = {"sid": sid, "segments": str(segments)}
        receive_message(
            self._books, channel="sms", provider="twilio", sender=sender, to=[fields["To"]], text=fields["Body"], headers=headers
        )
        return JSONResponse(self._message(sid, fields, sender=sender, segments=segments), status_code=201)

    def _message(self, sid: str, fields: dict[str, str], *, sender: str, segments: int) -> Document:
        now = format_datetime(datetime.now(UTC))
        account = self._keys.twilio_account_sid
        here = f"/{API}/Accounts/{account}/Messages/{sid}"
        return {
            "sid": sid,
            "account_sid": account,
            "api_version": API,
            "body": fields["Body"],
            "date_created": now,
            "date_updated": now,
            "date_sent": None,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": sender,
            "messaging_service_sid": fields.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": str(segments),
            "price": None,
            "price_unit": "USD",
            "status": "queued",
            "subresource_uris": {"media": f"{here}/Media.json"},
            "to": fields["To"],
            "uri": f"{here}.json",
        }


def count_segments(text: str) -> int:
    """GSM-7: 160 characters, 153 each when split; one letter outside it makes all of it UCS-2: 70, 67."""
    if all(character in _GSM or character in _GSM_TWICE for character in text):
        length, single, split = sum(2 if character in _GSM_TWICE else 1 for character in text), 160, 153
    else:
        length, single, split = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // split)


def _refusal(status: int, code: int, message: str) -> JSONResponse:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status_code=status)


def error_answer(mode: str, _: Fault) -> Response:
    code, message = {"500": (20500, "Internal Server Error"), "401": (20003, "Authenticate"), "429": (20429, "Too Many Requests")}[mode]
    return _refusal(int(mode), code, message)
