"""Text messages: what leaves this house, and what is made of each answer. At most once, always."""

import base64
import json
import unicodedata
from urllib.parse import parse_qs

import pytest

from integrations.base import AuthRefused, BadAnswer, InvalidRequest, NotFound, RateLimited, Unavailable
from integrations.sms import SmsReceipt, korean_text, send_sms, sens_headers, sms_bytes
from integrations.tests.conftest import Reply, TinyServer

SENS_YES = '{"requestId":"VORSSA-1731900000000","requestTime":"2026-11-22T16:40:00.123","statusCode":"202","statusName":"success"}'
TWILIO_YES = '{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued","error_code":null}'
LINK = "[비단길] 주문 BD-1 결제 링크가 준비됐습니다."
KOREAN, AMERICAN = "+821012345678", "+17145550100"


@pytest.fixture
def server(tiny: TinyServer, settings) -> TinyServer:
    settings.SENS_BASE_URL = settings.TWILIO_BASE_URL = tiny.url
    settings.SENS_SERVICE_ID = "ncp:sms:kr:1:sandbox"
    settings.SENS_ACCESS_KEY, settings.SENS_SECRET_KEY, settings.SENS_FROM = "sandbox-access", "sandbox-secret", "0212345678"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, "sandbox-token"
    settings.TWILIO_FROM = "+15005550006"
    return tiny


def test_a_korean_number_goes_through_sens(server):
    server.replies_with(Reply(SENS_YES, 202))

    receipt = send_sms(to=KOREAN, text=LINK, reference="notice-7")

    assert receipt == SmsReceipt("sens", "VORSSA-1731900000000")
    (request,) = server.seen
    assert (request.method, request.path) == ("POST", "/sms/v2/services/ncp:sms:kr:1:sandbox/messages")
    assert json.loads(request.body) == {
        "type": "SMS",
        "contentType": "COMM",
        "countryCode": "82",
        "from": "0212345678",
        "content": LINK,
        "messages": [{"to": "01012345678"}],
    }
    expected = sens_headers(path=request.path, timestamp_ms=int(request.headers["x-ncp-apigw-timestamp"]))
    assert {name: request.headers[name] for name in expected} == expected


def test_the_signature_fits_the_documented_vector(settings):
    settings.SENS_ACCESS_KEY, settings.SENS_SECRET_KEY = "ACCESS", "SECRET"

    headers = sens_headers(path="/sms/v2/services/ncp:sms:kr:1:x/messages", timestamp_ms=1795334400000)

    assert headers["x-ncp-apigw-signature-v2"] == "y7JtAch1ESOmxn9Y515hm0Y/wGosYeZkA1ji80hJsCg="


def test_any_other_number_goes_through_twilio(server):
    server.replies_with(Reply(TWILIO_YES, 201))

    receipt = send_sms(to=AMERICAN, text="Your order BD-1 is ready — pay here 🙂", reference="notice-8")

    assert receipt == SmsReceipt("twilio", "SM0123456789abcdef0123456789abcdef")
    (request,) = server.seen
    assert (request.method, request.path) == ("POST", f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json")
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"AC{'0' * 32}:sandbox-token".encode()).decode()
    assert parse_qs(request.body.decode()) == {
        "To": [AMERICAN],
        "From": ["+15005550006"],
        "Body": ["Your order BD-1 is ready — pay here 🙂"],
    }


def test_a_messaging_service_may_stand_in_for_a_sender(server, settings):
    settings.TWILIO_FROM = "MG" + "0" * 32
    server.replies_with(Reply(TWILIO_YES, 201))

    send_sms(to=AMERICAN, text="Hello", reference="notice-9")

    assert parse_qs(server.seen[0].body.decode())["MessagingServiceSid"] == ["MG" + "0" * 32]


@pytest.mark.parametrize(
    ("to", "local"), [("+821012345678", "01012345678"), ("+8201012345678", "01012345678"), ("+82212345678", "0212345678")]
)
def test_korean_numbers_are_written_as_koreans_do(server, to, local):
    server.replies_with(Reply(SENS_YES, 202))

    send_sms(to=to, text="안녕", reference="n")

    assert json.loads(server.seen[0].body)["messages"] == [{"to": local}]


@pytest.mark.parametrize(
    "to", ["", "01012345678", "+82", "+0101234567", "+8210-1234-5678", "+82 1012345678", "+８２1012345678", "+1234567890123456"]
)
def test_what_is_no_international_number_is_never_sent(server, to):
    with pytest.raises(InvalidRequest) as caught:
        send_sms(to=to, text="안녕", reference="n")

    assert caught.value.code == "bad_number"
    assert server.seen == []


# --- Length and letters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("abc", 3), ("가", 2), ("가" * 40, 80), ("뷁", 2), ("a—b", 3), ("🙂", 0), ("…", 2), ("\n", 1)],
)
def test_length_is_counted_as_the_operators_do(text, size):
    assert sms_bytes(text) == size


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("결제 — 완료", "결제 - 완료"),
        ("“비단길”의 ‘링크’", "\"비단길\"의 '링크'"),
        ("배송 시작 🙂🎉 안내", "배송 시작  안내"),
        ("Café Ångström", "Cafe Angstrom"),
        ("₩12,000", "￦12,000"),
        (unicodedata.normalize("NFD", "뜨개실"), "뜨개실"),  # decomposed, as a Mac writes it
        ("① 번", "① 번"),
        ("a\u00a0b", "a b"),
        ("é뷁", "e뷁"),
    ],
)
def test_letters_the_network_cannot_carry_are_replaced_sensibly(written, sent):
    assert korean_text(written) == sent


@pytest.mark.parametrize(("letters", "kind"), [(40, "SMS"), (41, "LMS"), (1000, "LMS")])
def test_a_long_text_goes_as_lms_with_a_subject(server, letters, kind):
    server.replies_with(Reply(SENS_YES, 202))

    send_sms(to=KOREAN, text="가" * letters, reference="n")

    body = json.loads(server.seen[0].body)
    assert (body["type"], body.get("subject")) == (kind, "비단길" if kind == "LMS" else None)
    assert len(body.get("subject", "").encode("cp949")) <= 40


@pytest.mark.parametrize(("to", "text"), [(KOREAN, "가" * 1001), (KOREAN, "🙂"), (KOREAN, " "), (AMERICAN, "a" * 1601), (AMERICAN, "\n")])
def test_a_text_that_cannot_be_sent_is_not(server, to, text):
    with pytest.raises(InvalidRequest) as caught:
        send_sms(to=to, text=text, reference="n")

    assert (caught.value.code, caught.value.permanent, caught.value.outcome_unknown) == ("bad_length", True, False)
    assert server.seen == []


# --- Answers --------------------------------------------------------------------------------------------------------------


def twilio_no(status: int, code: int) -> Reply:
    return Reply(
        json.dumps({"code": code, "message": f"The 'To' number {AMERICAN} is not valid.", "more_info": "", "status": status}), status
    )


def sens_no(status: int, code: str) -> Reply:
    return Reply(json.dumps({"status": status, "error": {"errorCode": code, "message": "Authentication Failed"}}), status)


@pytest.mark.parametrize(
    ("to", "reply", "kind", "code", "unknown"),
    [
        (AMERICAN, twilio_no(400, 21211), InvalidRequest, "21211", False),
        (AMERICAN, twilio_no(400, 21610), InvalidRequest, "21610", False),
        (AMERICAN, twilio_no(401, 20003), AuthRefused, "20003", False),
        (AMERICAN, twilio_no(404, 20404), NotFound, "20404", False),
        (AMERICAN, twilio_no(429, 20429), RateLimited, "20429", False),
        (AMERICAN, Reply("", 503), Unavailable, "http_503", False),
        (AMERICAN, Reply("", 500), Unavailable, "http_500", True),
        (AMERICAN, Reply("<html>", 502, "text/html"), Unavailable, "http_502", True),
        (AMERICAN, Reply(TWILIO_YES, 200), BadAnswer, "receipt", True),
        (AMERICAN, Reply("<html>", 201, "text/html"), BadAnswer, "receipt", True),
        (AMERICAN, Reply("{}", 201), BadAnswer, "shape", True),
        (AMERICAN, Reply("[]", 201), BadAnswer, "receipt", True),
        (AMERICAN, Reply('{"sid": 5}', 201), BadAnswer, "shape", True),
        (KOREAN, sens_no(401, "200"), AuthRefused, "200", False),
        (KOREAN, sens_no(429, "400"), RateLimited, "400", False),
        (KOREAN, sens_no(400, "100"), InvalidRequest, "100", False),
        (KOREAN, sens_no(500, "900"), Unavailable, "900", True),
        (KOREAN, Reply('["odd"]', 400), InvalidRequest, "http_400", False),
        (KOREAN, Reply('{"error": "odd"}', 400), InvalidRequest, "http_400", False),
        (KOREAN, Reply("", 202), BadAnswer, "receipt", True),
        (KOREAN, Reply('{"requestId": null}', 202), BadAnswer, "shape", True),
        (KOREAN, Reply("", 302, headers={"Location": "http://169.254.169.254/"}), BadAnswer, "http_302", False),
    ],
)
def test_each_answer_says_whether_to_send_again(server, to, reply, kind, code, unknown):
    server.replies_with(reply)

    with pytest.raises(kind) as caught:
        send_sms(to=to, text="안녕", reference="n")

    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.outcome_unknown) == (code, unknown)
    assert "7145550100" not in str(caught.value)
    assert len(server.seen) == 1


@pytest.mark.parametrize("to", [KOREAN, AMERICAN])
def test_silence_after_sending_leaves_the_outcome_open(server, settings, to):
    settings.PROVIDER_READ_TIMEOUT_S = 0.2
    server.replies_with(Reply(raw=lambda handler: server.released.wait(5)))

    with pytest.raises(Unavailable) as caught:
        send_sms(to=to, text="안녕", reference="n")

    assert (caught.value.code, caught.value.outcome_unknown, caught.value.permanent) == ("timeout", True, False)
    assert len(server.seen) == 1


@pytest.mark.parametrize("to", [KOREAN, AMERICAN])
def test_nobody_there_may_be_tried_again(settings, to):
    settings.SENS_BASE_URL = settings.TWILIO_BASE_URL = "http://127.0.0.1:1"

    with pytest.raises(Unavailable) as caught:
        send_sms(to=to, text="안녕", reference="n")

    assert caught.value.outcome_unknown is False


def test_the_log_names_the_message_but_neither_number_nor_text(server, caplog):
    server.replies_with(Reply(SENS_YES, 202))

    with caplog.at_level("DEBUG"):
        send_sms(to=KOREAN, text="비밀 링크", reference="notice-7")

    assert "sens send notice-7 answered 202" in caplog.text
    assert "1012345678" not in caplog.text
    assert "비밀" not in caplog.text
