"""The inbox: every e-mail and SMS that was sent to somebody, in one list."""

from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.books import Books, Condition, Document
from integrations.sandbox.ids import make_id

MESSAGE = "message"


def receive_message(books: Books, *, channel: str, provider: str, sender: str, to: list[str], text: str, **more: Any) -> Document:
    """`channel` is "email" or "sms"; `more` holds what only one of them has (subject, html, headers, segments ...)."""
    message: Document = {
        "id": make_id("msg_", length=16),
        "channel": channel,
        "provider": provider,
        "from": sender,
        "to": to,
        "subject": "",
        "text": text,
        "html": "",
        "headers": {},
        "attachments": [],
        "at": datetime.now(UTC).isoformat(),
    }
    message |= more
    books.put(MESSAGE, message["id"], message)
    return message


def messages(books: Books, *, channel: str | None = None, to: str | None = None, limit: int = -1) -> list[Document]:
    """Newest first."""
    where = [Condition("channel", "=", channel)] if channel else []
    found = books.find(MESSAGE, where=where, limit=-1 if to else limit)
    return [message for message in found if to is None or to in message["to"]]
