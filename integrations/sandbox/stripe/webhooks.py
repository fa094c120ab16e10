"""Delivers Events to the product: signed as Stripe signs them, retried with growing pauses until a 2xx.

Deliveries wait in the books, so they survive a restart of the sandbox. Copies and different Events go out at the same time and in no
promised order, as Stripe does it; whoever listens must bear that.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from urllib.parse import urlsplit

from integrations.sandbox.books import Condition, Document
from integrations.sandbox.stripe.events import DELIVERY
from integrations.sandbox.stripe.ledger import EVENT, Ledger

log = logging.getLogger("sandbox.webhooks")

PAUSES_SECONDS = (1, 2, 4, 8, 15, 30, 60, 120, 300)
MAX_ATTEMPTS = 30
"""With the last pause repeated: about two hours. The real one goes on for three days."""
ANSWER_SECONDS = 10
AT_ONCE = 100
LOOK_EVERY_SECONDS = 0.1


def signature_header(payload: bytes, *, secrets: str, at: int) -> str:
    """One `v1` for each secret: while a secret is rolled, Stripe signs with the old and the new one (comma-separated here)."""
    signed = f"{at}.".encode() + payload
    values = [hmac.new(secret.strip().encode(), signed, hashlib.sha256).hexdigest() for secret in secrets.split(",")]
    return ",".join([f"t={at}", *(f"v1={value}" for value in values)])


class Deliveries:
    def __init__(self, ledger: Ledger, *, url: str, secrets: str) -> None:
        self._ledger = ledger
        self._url = url
        self._secrets = secrets
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """For ever: start what is due. Nothing is sent when no address is set."""
        while self._url:
            for delivery in self._due():
                self._under_way[delivery["id"]] = asyncio.create_task(self._deliver(delivery))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _due(self) -> list[Document]:
        free = AT_ONCE - len(self._under_way)
        where = [Condition("status", "=", "pending"), Condition("due_at", "<=", time.time())]
        found = self._ledger.books.find(DELIVERY, where=where, oldest_first=True, limit=AT_ONCE) if free else []
        return [delivery for delivery in found if delivery["id"] not in self._under_way][:free]

    async def _deliver(self, delivery: Document) -> None:
        try:
            event = self._ledger.find(EVENT, delivery["event"])
            result = await self._send(event) if event else "gone"
            self._note(delivery, result)
        except Exception:
            log.exception("delivery %s", delivery["id"])
        finally:
            del self._under_way[delivery["id"]]

    async def _send(self, event: Document) -> int | str:
        payload = json.dumps(event, indent=2, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature_header(payload, secrets=self._secrets, at=int(time.time())),
        }
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await post(self._url, payload, headers=headers)
        except (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
            return type(error).__name__

    def _note(self, delivery: Document, result: int | str) -> None:
        attempts = delivery["attempts"] + 1
        done = isinstance(result, int) and 200 <= result < 300
        status = "delivered" if done else "given_up" if attempts >= MAX_ATTEMPTS or result == "gone" else "pending"
        pause = PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1]
        log.info("%s attempt %s: %s", delivery["event"], attempts, result)
        with self._ledger.books.transaction():
            noted = {**delivery, "attempts": attempts, "status": status, "due_at": time.time() + pause, "last_result": result}
            self._ledger.books.put(DELIVERY, delivery["id"], noted)
            if done:
                self._mark_acknowledged(delivery["event"])

    def _mark_acknowledged(self, event_id: str) -> None:
        event = self._ledger.find(EVENT, event_id)
        if event and event["pending_webhooks"]:
            self._ledger.save({**event, "pending_webhooks": 0})


async def post(url: str, payload: bytes, *, headers: dict[str, str]) -> int:
    """One POST on its own connection; the answer's status. No redirects, no proxy: as Stripe does it."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None)
    try:
        lines = [
            f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: close",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(payload)}", "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + payload)
        await writer.drain()
        status_line = await reader.readline()
        return int(status_line.split()[1]) if status_line.startswith(b"HTTP/") else _no_http()
    finally:
        writer.close()


def _no_http() -> int:
    raise ValueError("the answer was not HTTP")
