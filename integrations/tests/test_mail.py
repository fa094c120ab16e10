"""E-mail over real SMTP: a server that takes it, and servers that refuse at every step."""

import socket
import threading
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from integrations.base import AuthRefused, InvalidRequest, Unavailable
from integrations.mail import send_email


class Mailbox:
    def __init__(self, *, at_rcpt: str = "", at_data: str = "") -> None:
        self.messages = []
        self.at_rcpt, self.at_data = at_rcpt, at_data

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.at_rcpt:
            return self.at_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.at_data:
            return self.at_data
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def smtp(settings):
    """Starts a server around a mailbox and points Django at it."""
    running = []

    def start(mailbox: Mailbox) -> Mailbox:
        controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
        controller.start()
        running.append(controller)
        settings.EMAIL_PORT = controller.port
        return mailbox

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 2
    settings.DEFAULT_FROM_EMAIL = "Bidangil <support@bidangil.example>"
    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def scripted(settings, smtp):
    """A server that says `lines`, one per line it is sent (the first is the greeting), then hangs up or stays silent."""
    listeners, stop = [], threading.Event()

    def start(*lines: str, then_hang: bool = False) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        settings.EMAIL_PORT = listener.getsockname()[1]

        def talk() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as heard:
                for number, line in enumerate(lines):
                    if number:
                        heard.readline()
                    connection.sendall(line.encode() + b"\r\n")
                if then_hang:
                    stop.wait(5)

        threading.Thread(target=talk, daemon=True).start()

    yield start
    stop.set()
    for listener in listeners:
        listener.close()


def send(**changes: object) -> None:
    message = {
        "to": "minji@example.com",
        "subject": "주문 BD-1 접수",
        "text": "안녕하세요",
        "html": "<p>안녕하세요</p>",
        "message_id": "<notice-7@bidangil.example>",
        **changes,
    }
    send_email(**message)


def test_a_message_arrives_with_both_bodies_and_our_own_id(smtp):
    mailbox = smtp(Mailbox())

    send(headers={"Auto-Submitted": "auto-generated"})

    ((sender, recipients, message),) = mailbox.messages
    assert (sender, recipients) == ("support@bidangil.example", ["minji@example.com"])
    assert message["Subject"] == "주문 BD-1 접수"
    assert message["Message-ID"] == "<notice-7@bidangil.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body(["plain"]).get_content().strip() == "안녕하세요"
    assert message.get_body(["html"]).get_content().strip() == "<p>안녕하세요</p>"


def test_without_html_it_is_plain_text(smtp):
    mailbox = smtp(Mailbox())

    send(html="")

    assert mailbox.messages[0][2].get_content_type() == "text/plain"


@pytest.mark.parametrize(
    ("mailbox", "kind", "code"),
    [
        (Mailbox(at_rcpt="550 5.1.1 <minji@example.com> no such user"), InvalidRequest, "smtp_550"),
        (Mailbox(at_rcpt="450 4.2.1 try later"), Unavailable, "smtp_450"),
        (Mailbox(at_data="554 5.7.1 looks like spam"), InvalidRequest, "smtp_554"),
        (Mailbox(at_data="451 4.3.0 no room now"), Unavailable, "smtp_451"),
    ],
)
def test_a_refusal_is_for_good_when_the_server_says_so(smtp, mailbox, kind, code):
    smtp(mailbox)

    with pytest.raises(kind) as caught:
        send()

    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.outcome_unknown, caught.value.provider) == (code, False, "mail")
    assert "minji" not in str(caught.value)


def test_a_refused_password_is_ours_to_mend(scripted, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "wrong"
    scripted("220 hello", "250-hello\r\n250 AUTH PLAIN", "535 5.7.8 no", "221 bye")

    with pytest.raises(AuthRefused) as caught:
        send()

    assert caught.value.code == "smtp_535"


@pytest.mark.parametrize("greeting", ["421 too busy", "554 no service for you"])
def test_a_server_that_takes_nobody_in_has_not_judged_the_message(scripted, greeting):
    scripted(greeting)

    with pytest.raises(Unavailable) as caught:
        send()

    assert (caught.value.permanent, caught.value.outcome_unknown) == (False, False)


def test_nobody_there_means_nothing_was_sent(smtp, settings):
    settings.EMAIL_PORT = 1

    with pytest.raises(Unavailable) as caught:
        send()

    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", False)


TAKES_IT = ("220 hello", "250 hello", "250 from ok", "250 to ok", "354 go on")


@pytest.mark.parametrize("then_hang", [False, True])
def test_silence_after_the_message_leaves_the_outcome_open(scripted, settings, then_hang):
    settings.EMAIL_TIMEOUT = 0.5
    scripted(*TAKES_IT, then_hang=then_hang)

    with pytest.raises(Unavailable) as caught:
        send()

    assert (caught.value.code, caught.value.outcome_unknown) == ("broken_off", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: x@example.com"},
        {"headers": {"X-Note": "a\nBcc: x@example.com"}},
        {"to": "minji@example.com\r\nBcc: x@example.com"},
        {"to": "no address"},
        {"to": ""},
        {"message_id": "<a>\r\nX: y"},
    ],
)
def test_what_cannot_be_a_message_is_refused_for_good(smtp, changes):
    mailbox = smtp(Mailbox())

    with pytest.raises(InvalidRequest):
        send(**changes)

    assert mailbox.messages == []
