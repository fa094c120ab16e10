"""How a courier proves that a message is its own: the three ways of `Webhook.is_genuine` (tracking.py).

Each looks at the raw body and the headers (any case), before anything is parsed, and compares in constant time.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

IsGenuine = Callable[[bytes, Mapping[str, str], str], bool]
"""(body, headers, secret) -> whether whoever knows the secret sent this."""

HOUSE_HEADER = "x-bidangil-signature"
TOLERANCE_S = 300


def hmac_base64(header: str) -> IsGenuine:
    """The header holds base64(HMAC-SHA256(secret, body)), without a time: the same message again is for the receiver to recognise."""

    def is_genuine(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
        expected = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256))
        return hmac.compare_digest(expected, _said(headers, header).encode())

    return is_genuine


def shared_credential(header: str) -> IsGenuine:
    """The header holds the secret itself; it proves who speaks, not that nobody changed the words (TLS does)."""

    def is_genuine(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
        return hmac.compare_digest(secret.encode(), _said(headers, header).encode())

    return is_genuine


def timed_hmac(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Our own, for relays: `X-Bidangil-Signature: t=<unix>,v1=<hex HMAC-SHA256 of "t.body">`, at most five minutes off our clock."""
    parts = [part.strip().partition("=") for part in _said(headers, HOUSE_HEADER).split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not (at.isascii() and at.isdigit() and len(at) <= 12) or abs(int(at) - time.time()) > TOLERANCE_S:
        return False
    expected = house_signature(body, secret=secret, at=int(at)).encode()
    return any(hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1")


def house_signature(body: bytes, *, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def _said(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "").strip()
