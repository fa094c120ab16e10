"""What couriers tell the product by themselves, when asked to: `POST /_control/parcels/{courier}/{number}` with `"push": true`.

FedEx signs the body, UPS shows the credential it was given, and Korea Post pushes nothing, so a relay does it in the product's own way.
Sent once, several times for `deliver`; nobody tries again, for the product's own polling would find the same.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from integrations.sandbox import ems, fedex, ups
from integrations.sandbox.books import Document
from integrations.sandbox.options import Credentials, Options
from integrations.sandbox.stripe.webhooks import post

log = logging.getLogger("sandbox.pushes")
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Push:
    body: bytes
    headers: dict[str, str]


def _fedex(number: str, scans: list[Document], keys: Credentials) -> Push:
    body = json.dumps(fedex.push(number, scans)).encode()
    digest = hmac.digest(_first(keys.fedex_webhook_secrets), body, hashlib.sha256)
    return Push(body, {"Content-Type": "application/json", "fdx-signature": base64.b64encode(digest).decode()})


def _ups(number: str, scans: list[Document], keys: Credentials) -> Push:
    body = json.dumps(ups.track_alert(number, scans[-1])).encode()
    credential = _first(keys.ups_webhook_secrets).decode()
    return Push(body, {"Content-Type": "application/json", "User-Agent": "UPSPubSubTrackingService", "credential": credential})


def _ems(number: str, scans: list[Document], keys: Credentials) -> Push:
    body, at = ems.document(number, scans).encode(), int(time.time())
    value = hmac.new(_first(keys.ems_webhook_secrets), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return Push(body, {"Content-Type": "application/xml", "X-Bidangil-Signature": f"t={at},v1={value}"})


PUSHES: dict[str, Callable[[str, list[Document], Credentials], Push]] = {"fedex": _fedex, "ups": _ups, "ems": _ems}


def _first(secrets: str) -> bytes:
    return secrets.split(",")[0].strip().encode()


async def send(parcel: Document, options: Options, *, copies: int = 1) -> list[int | str]:
    """The product's answers: statuses, or what went wrong. Nothing is sent where no address is set."""
    if not options.courier_webhook_url:
        return []
    push = PUSHES[parcel["courier"]](parcel["number"], parcel["scans"], options.credentials)
    return [await _send(options.courier_webhook_url + parcel["courier"], push) for _ in range(copies)]


async def _send(url: str, push: Push) -> int | str:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            result: int | str = await post(url, push.body, headers=push.headers)
    except (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
        result = type(error).__name__
    log.info("%s: %s", url, result)
    return result
