"""E-mail through whatever backend Django is configured with (EMAIL_URL; SMTP, with EMAIL_TIMEOUT).

SMTP has no idempotency. The caller's `message_id` stays the same however often it sends, so that a second copy can be recognised.
"""

import logging
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from integrations.base import AuthRefused, InvalidRequest, ProviderError, Unavailable

if TYPE_CHECKING:
    from django.core.mail import EmailMultiAlternatives

PROVIDER = "mail"
log = logging.getLogger("integrations")


def send_email(*, to: str, subject: str, text: str, html: str, message_id: str, headers: Mapping[str, str] | None = None) -> None:
    """Returns when the server has taken the message; an address it refuses for good is an `InvalidRequest`."""
    headers = {**(headers or {}), "Message-ID": message_id}
    try:
        _send(_message(to=to, subject=subject, text=text, html=html, headers=headers))
    except ProviderError as error:
        log.warning("mail send %s failed: %s", message_id.strip("<>").partition("@")[0], error)
        raise
    log.info("mail send %s taken", message_id.strip("<>").partition("@")[0])


def _message(*, to: str, subject: str, text: str, html: str, headers: dict[str, str]) -> "EmailMultiAlternatives":
    """Written down once before anything is opened: a line break in a header or an address that is none shows here."""
    from django.core.exceptions import ValidationError
    from django.core.mail import EmailMultiAlternatives
    from django.core.validators import validate_email

    try:
        validate_email(to)  # the backend itself takes an empty address for success
        message = EmailMultiAlternatives(subject, text, to=[to], headers=headers)
        if html:
            message.attach_alternative(html, "text/html")
        message.message()
        return message
    except (ValueError, ValidationError):
        pass
    raise InvalidRequest("the message or its address cannot be written", provider=PROVIDER, code="bad_message")


def _send(message: "EmailMultiAlternatives") -> None:
    from django.core.mail import get_connection

    connection = get_connection()
    try:
        with _errors_as_ours(sending=False):
            connection.open()
        with _errors_as_ours(sending=True):
            connection.send_messages([message])
    finally:
        with suppress(smtplib.SMTPException, OSError):  # the message is taken, or not, whatever becomes of the farewell
            connection.close()


@contextmanager
def _errors_as_ours(*, sending: bool) -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise _failure(error, sending=sending) from None  # its text holds addresses


def _failure(error: Exception, *, sending: bool) -> ProviderError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return _said(code, words, sending=sending)
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error, sending=sending)
    if isinstance(error, smtplib.SMTPNotSupportedError | ValueError) and sending:
        return InvalidRequest("the server cannot carry this message", provider=PROVIDER, code="not_supported")
    # No word from the server. Before the message was on its way nothing can have been taken.
    code_of_silence = "broken_off" if sending else "unreachable"
    return Unavailable(f"no answer ({type(error).__name__})", provider=PROVIDER, code=code_of_silence, outcome_unknown=sending)


def _said(code: int, words: Any, *, sending: bool) -> ProviderError:
    """SMTP's own rule: 5xx is for good, 4xx for now. Said in the greeting, neither is about this message."""
    message = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    if code in {530, 534, 535}:
        return AuthRefused(message, provider=PROVIDER, code=f"smtp_{code}")
    kind = InvalidRequest if code >= 500 and sending else Unavailable
    return kind(message, provider=PROVIDER, code=f"smtp_{code}")
