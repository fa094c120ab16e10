"""SMS by SENS and Twilio, mail by SMTP: checked as the services check, then in the inbox."""

import base64
import hashlib
import hmac
import smtplib
import time
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from integrations.sandbox.testing import Sandbox
from integrations.sandbox.twilio import count_segments

SENS_PATH = "/sms/v2/services/ncp:sms:kr:1:sandbox/messages"
ACCOUNT = "AC00000000000000000000000000000000"


def sens(sandbox: Sandbox, *, secret: str = "sandbox-secret", minutes: float = 0, path: str = SENS_PATH, **more: Any) -> requests.Response:
    stamp = str(int((time.time() + minutes * 60) * 1000))
    signed = base64.b64encode(hmac.new(secret.encode(), f"POST {path}\n{stamp}\nsandbox-access".encode(), hashlib.sha256).digest()).decode()
    headers = {"x-ncp-apigw-timestamp": stamp, "x-ncp-iam-access-key": "sandbox-access", "x-ncp-apigw-signature-v2": signed}
    body = {"type": "SMS", "from": "0212345678", "content": "[비단길] 결제 링크", "messages": [{"to": "01012345678"}]} | more
    return requests.post(f"{sandbox.url}/sens{path}", json=body, headers=headers, timeout=5)


def twilio(sandbox: Sandbox, *, secret: str = "sandbox-token", **fields: str) -> requests.Response:
    form = {"To": "+17145550100", "From": "+15005550006", "Body": "Ready to pay"} | fields
    address = f"{sandbox.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    return requests.post(address, auth=(ACCOUNT, secret), data={name: value for name, value in form.items() if value}, timeout=5)


def test_sens_accepts_and_the_message_is_in_the_inbox(sandbox: Sandbox) -> None:
    answer = sens(sandbox)
    assert (answer.status_code, answer.json()["statusCode"], answer.json()["statusName"]) == (202, "202", "success")
    (message,) = sandbox.inbox(to="01012345678")
    assert (message["channel"], message["provider"], message["text"], message["from"]) == (
        "sms",
        "sens",
        "[비단길] 결제 링크",
        "0212345678",
    )


@pytest.mark.parametrize("wrong", [{"secret": "other"}, {"minutes": -6}, {"minutes": 6}])
def test_sens_checks_signature_and_clock(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert sens(sandbox, **wrong).status_code == 401
    assert sandbox.inbox() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": "가" * 46},  # 92 bytes
        {"content": "고맙습니다 🙂"},
        {"content": "결제 — 링크".replace("—", "\u2013")},
        {"type": "FAX"},
        {"from": "0299999999"},
        {"messages": []},
        {"messages": [{"to": "+82 10-1234"}]},
        {"type": "LMS", "subject": "가" * 21},
        {"colour": "red"},
    ],
)
def test_sens_refuses_what_phones_cannot_show(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert sens(sandbox, **wrong).status_code == 400
    assert sandbox.inbox() == []


def test_sens_counts_bytes_as_phones_do(sandbox: Sandbox) -> None:
    assert sens(sandbox, content="가" * 45).status_code == 202  # 90 bytes
    assert sens(sandbox, content="뷁" * 45).status_code == 202  # rare, still two bytes each in cp949
    assert sens(sandbox, type="LMS", content="가" * 1000).status_code == 202
    assert sens(sandbox, type="LMS", content="가" * 1001).status_code == 400


def test_sens_knows_its_own_service_only(sandbox: Sandbox) -> None:
    assert sens(sandbox, path="/sms/v2/services/ncp:sms:kr:2:other/messages").status_code == 404


def test_twilio_queues_and_the_message_is_in_the_inbox(sandbox: Sandbox) -> None:
    answer = twilio(sandbox, Body="주문이 준비됐습니다")
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["num_segments"], answer.json()["to"]) == ("queued", "1", "+17145550100")
    (message,) = sandbox.inbox(channel="sms")
    assert (message["provider"], message["to"], message["headers"]["sid"]) == ("twilio", ["+17145550100"], answer.json()["sid"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"To": ""}, 21604), ({"To": "01012345678"}, 21211), ({"From": ""}, 21603), ({"From": "+15551230000"}, 21606), ({"Body": ""}, 21602)],
)
def test_twilio_refuses_with_its_own_numbers(sandbox: Sandbox, fields: dict[str, str], code: int) -> None:
    answer = twilio(sandbox, **fields)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, 400)
    assert sandbox.inbox() == []


def test_twilio_limits_and_credentials(sandbox: Sandbox) -> None:
    assert twilio(sandbox, Body="x" * 1601).json()["code"] == 21617
    assert twilio(sandbox, secret="other").status_code == 401
    assert [count_segments(text) for text in ("x" * 160, "x" * 161, "가" * 70, "가" * 71, "€" * 80, "€" * 81)] == [1, 2, 1, 2, 1, 2]


def mail(*, to: str = "minji@example.com", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Message-ID"] = (
        "shop@example.com",
        to,
        "결제 링크 안내",
        "<event-1@example.com>",
    )
    message.set_content("주문이 준비되었습니다.\nhttp://127.0.0.1:8000/pay/abc\n")
    if html:
        message.add_alternative(html, subtype="html")
    return message


def send(sandbox: Sandbox, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.mail_port, timeout=5) as smtp:
        smtp.send_message(message)


def test_mail_arrives_with_both_bodies_and_its_headers(sandbox: Sandbox) -> None:
    message = mail(html="<p>주문이 <b>준비</b>되었습니다.</p>")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="영수증.pdf")
    send(sandbox, message)
    (kept,) = sandbox.inbox(to="minji@example.com")
    assert (kept["channel"], kept["subject"], kept["from"]) == ("email", "결제 링크 안내", "shop@example.com")
    assert kept["text"].startswith("주문이 준비되었습니다.")
    assert kept["html"] == "<p>주문이 <b>준비</b>되었습니다.</p>\n"
    assert kept["headers"]["Message-ID"] == "<event-1@example.com>"
    assert kept["attachments"] == [{"name": "영수증.pdf", "type": "application/pdf", "bytes": 8}]


def test_newest_first(sandbox: Sandbox) -> None:
    send(sandbox, mail(to="first@example.com"))
    twilio(sandbox)
    send(sandbox, mail(to="last@example.com"))
    assert [message["to"] for message in sandbox.inbox()] == [["last@example.com"], ["+17145550100"], ["first@example.com"]]


@pytest.mark.parametrize(("mode", "code"), [("500", 451), ("429", 452)])
def test_mail_can_be_refused(sandbox: Sandbox, mode: str, code: int) -> None:
    sandbox.faults("mail", mode, path="minji@example.com", times=1)
    send(sandbox, mail(to="alex@example.com"))
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(sandbox, mail())
    assert caught.value.smtp_code == code
    assert [message["to"] for message in sandbox.inbox()] == [["alex@example.com"]]


@pytest.mark.parametrize(("mode", "kept"), [("reset", 0), ("created_then_500", 1)])
def test_mail_whose_answer_is_lost(sandbox: Sandbox, mode: str, kept: int) -> None:
    sandbox.faults("mail", mode, times=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, smtplib.SMTPDataError)):
        send(sandbox, mail())
    assert len(sandbox.inbox()) == kept
