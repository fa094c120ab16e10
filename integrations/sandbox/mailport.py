"""The mail port: a plain SMTP server that accepts everything for everybody and puts it into the inbox.

Faults for the service "mail" work here too, `path` matches a recipient: "500" answers 451, "401" 535, "429" 452; "reset" cuts the line,
"hang" and "slow" wait, "created_then_500" and "created_then_hang" keep the mail and lose the answer.
"""

import asyncio
import socket
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from integrations.sandbox.books import Books
from integrations.sandbox.faults import MADE_FIRST, Fault, Faults
from integrations.sandbox.inbox import receive_message

ACCEPTED = "250 OK: in the sandbox's inbox"
_REFUSALS = {
    "500": "451 4.3.0 The sandbox was asked to fail here",
    "401": "535 5.7.8 Authentication failed",
    "429": "452 4.5.3 Too many messages",
}
_REFUSALS |= {"created_then_500": _REFUSALS["500"], "html": "554 <html>Bad gateway</html>"}
MAX_BYTES = 25 * 1024 * 1024


class MailHandler:
    def __init__(self, books: Books, faults: Faults) -> None:
        self._books = books
        self._faults = faults

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self._faults.take(service="mail", method="DATA", path=" ".join(envelope.rcpt_tos))
        if fault is None or fault.mode in MADE_FIRST:
            self._keep(envelope)
        return ACCEPTED if fault is None else await self._play(fault, server, envelope)

    async def _play(self, fault: Fault, server: SMTP, envelope: Envelope) -> str:
        if fault.mode in _REFUSALS:
            return _REFUSALS[fault.mode]
        await self._faults.hold(fault.hold_seconds)
        if fault.mode == "slow":
            self._keep(envelope)
        if fault.mode in ("hang", "reset"):
            cast(asyncio.Transport, server.transport).abort()
        return ACCEPTED

    def _keep(self, envelope: Envelope) -> None:
        mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(cast(bytes, envelope.content))
        receive_message(
            self._books,
            channel="email",
            provider="smtp",
            sender=str(mail["From"] or envelope.mail_from),
            to=list(envelope.rcpt_tos),
            subject=str(mail["Subject"] or "").strip(),  # a long first word is folded onto a line of its own
            text=_part(mail, "plain"),
            html=_part(mail, "html"),
            headers={name: str(value) for name, value in mail.items()},
            attachments=[_shown(attachment) for attachment in mail.iter_attachments()],
        )


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body(preferencelist=(kind,))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def _shown(attachment: Any) -> dict[str, Any]:
    payload = attachment.get_payload(decode=True) or b""
    return {"name": attachment.get_filename() or "", "type": attachment.get_content_type(), "bytes": len(payload)}


async def open_mail_port(listening: socket.socket, *, books: Books, faults: Faults) -> asyncio.Server:
    handler = MailHandler(books, faults)
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(handler, hostname="sandbox", ident="Bidangil sandbox", data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, loop=loop),
        sock=listening,
    )
