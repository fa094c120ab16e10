"""Text messages: Korean numbers (+82) through Naver SENS, all others through Twilio.

Neither provider knows idempotency keys. A message is sent once or never: whenever it may have gone out although we cannot tell, the
error says `outcome_unknown`, and whoever called must not send it again.
"""

import base64
import hashlib
import hmac
import re
import time
import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings

from integrations.base import Answer, BadAnswer, InvalidRequest, ProviderError, call, refusal
from integrations.shape import Record, read_json

SENS, TWILIO = "sens", "twilio"
E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
SMS_BYTES, LMS_BYTES = 80, 2000  # SENS documents 90 for an SMS; operators cut at 80
LMS_SUBJECT = "비단길"
TWILIO_CHARS = 1600
SPELLINGS = str.maketrans("—–−‑“”„‘’‚•₩\u00a0\u202f", "----\"\"\"'''-￦  ")


@dataclass(frozen=True)
class SmsReceipt:
    """Accepted for sending, which is not yet delivered; `id` is the provider's."""

    provider: str
    id: str


def send_sms(*, to: str, text: str, reference: str) -> SmsReceipt:
    """`to` is an E.164 number; `reference` names the message in our log."""
    if not E164.fullmatch(to):
        raise InvalidRequest("not an international telephone number", provider="sms", code="bad_number")
    return _send_sens(to, text, reference) if to.startswith("+82") else _send_twilio(to, text, reference)


def sms_bytes(text: str) -> int:
    """The length that Korean operators count: bytes of EUC-KR (cp949; Python's euc-kr spells rare syllables in eight)."""
    return len(korean_text(text).encode("cp949"))


def korean_text(text: str) -> str:
    """What of the text the Korean network can carry: typographic signs simplified, accents taken off, emoji dropped."""
    composed = unicodedata.normalize("NFC", text).translate(SPELLINGS)
    return "".join(_carried(letter) for letter in composed)


def _carried(letter: str) -> str:
    for candidate in (letter, "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))):
        try:
            candidate.encode("cp949")
        except UnicodeEncodeError:
            continue
        return candidate
    return ""


# --- Naver SENS -----------------------------------------------------------------------------------------------------------


def _send_sens(to: str, text: str, reference: str) -> SmsReceipt:
    path = f"/sms/v2/services/{quote(settings.SENS_SERVICE_ID, safe=':')}/messages"
    answer = call(
        "POST",
        settings.SENS_BASE_URL + path,
        provider=SENS,
        what=f"send {reference}",
        headers=sens_headers(path=path, timestamp_ms=int(time.time() * 1000)),
        json=_sens_body(to, korean_text(text)),
    )
    return SmsReceipt(SENS, _accepted(answer, provider=SENS, status=202).text("requestId"))


def sens_headers(*, path: str, timestamp_ms: int) -> dict[str, str]:
    """Signature version 2, over the path as the provider sees it; the body is not signed."""
    signed = f"POST {path}\n{timestamp_ms}\n{settings.SENS_ACCESS_KEY}"
    mac = hmac.new(settings.SENS_SECRET_KEY.encode(), signed.encode(), hashlib.sha256).digest()
    return {
        "x-ncp-apigw-timestamp": str(timestamp_ms),
        "x-ncp-iam-access-key": settings.SENS_ACCESS_KEY,
        "x-ncp-apigw-signature-v2": base64.b64encode(mac).decode(),
    }


def _sens_body(to: str, content: str) -> dict[str, Any]:
    size = len(content.encode("cp949"))
    if not content.strip() or size > LMS_BYTES:
        raise InvalidRequest(f"a text of {size} bytes cannot be sent", provider=SENS, code="bad_length")
    kind = {"type": "SMS"} if size <= SMS_BYTES else {"type": "LMS", "subject": LMS_SUBJECT}
    local = "0" + to.removeprefix("+82").removeprefix("0")  # people write +82 010… as well
    return {
        **kind,
        "contentType": "COMM",
        "countryCode": "82",
        "from": settings.SENS_FROM,
        "content": content,
        "messages": [{"to": local}],
    }


# --- Twilio ---------------------------------------------------------------------------------------------------------------


def _send_twilio(to: str, text: str, reference: str) -> SmsReceipt:
    if not text.strip() or len(text) > TWILIO_CHARS:
        raise InvalidRequest(f"a text of {len(text)} characters cannot be sent", provider=TWILIO, code="bad_length")
    sender = "MessagingServiceSid" if settings.TWILIO_FROM.startswith("MG") else "From"
    answer = call(
        "POST",
        f"{settings.TWILIO_BASE_URL}/2010-04-01/Accounts/{quote(settings.TWILIO_ACCOUNT_SID, safe='')}/Messages.json",
        provider=TWILIO,
        what=f"send {reference}",
        auth=(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN),
        data={"To": to, sender: settings.TWILIO_FROM, "Body": text},
    )
    return SmsReceipt(TWILIO, _accepted(answer, provider=TWILIO, status=201).text("sid"))


# --- Both -----------------------------------------------------------------------------------------------------------------


class _Receipt(Record):
    """Read after the provider has said yes: whatever is wrong with it, the message may be on its way."""

    def bad(self, key: str) -> Any:
        raise BadAnswer(f"accepted, but {key} is missing", provider=self.provider, code="shape", outcome_unknown=True)


def _accepted(answer: Answer, *, provider: str, status: int) -> Record:
    if answer.status >= 300:
        raise _refused(answer, provider=provider)
    try:
        if answer.status == status:
            return _Receipt(read_json(answer, provider=provider), provider=provider, what="receipt")
    except BadAnswer:
        pass
    raise BadAnswer("said yes in a way we cannot read", provider=provider, code="receipt", outcome_unknown=True)


def _refused(answer: Answer, *, provider: str) -> ProviderError:
    """With the provider's own code (Twilio 21211, SENS errorCode) where the body has one."""
    try:
        body = read_json(answer, provider=provider)
    except BadAnswer:
        body = None
    details = body if isinstance(body, dict) else {}
    inner = details.get("error")
    details = {**details, **(inner if isinstance(inner, dict) else {})}
    code = details.get("code") or details.get("errorCode") or ""
    message = details.get("message") or details.get("errorMessage") or ""
    return refusal(answer, provider=provider, code=str(code)[:40], message=str(message))
