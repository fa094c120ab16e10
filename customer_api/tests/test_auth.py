"""Signing up, in and out; sessions, tokens and CSRF."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core.accounts.models import AccessToken, EmailCode, User, WrongPasswords
from core.notices.models import Notice
from customer_api.tests.client import Caller, app_of

pytestmark = pytest.mark.django_db

PASSWORD = "비단길 correct horse"


@pytest.fixture
def alex(db) -> User:
    return User.objects.create_user("alex@example.com", PASSWORD, nickname="alex", locale="en")


def code_in_the_mail(email: str) -> str:
    notice = Notice.objects.filter(recipient=email.lower()).latest("pk")
    return re.search(r"\b(\d{6})\b", notice.text)[1]


def proof(caller: Caller, email: str, purpose: str) -> str:
    assert caller.post("/auth/email-codes", {"email": email, "purpose": purpose}).status == 202
    answer = caller.post("/auth/email-codes/verify", {"email": email, "purpose": purpose, "code": code_in_the_mail(email)})
    assert answer.status == 200, answer
    return answer["verification_token"]


# --- Sign-up --------------------------------------------------------------------------------------------------------------


def test_a_code_in_the_mail_makes_an_account(nobody):
    token = proof(nobody, "new@example.com", "signup")
    answer = nobody.post("/auth/signup", {"verification_token": token, "password": PASSWORD, "nickname": "새사람", "locale": "ko"})
    assert answer.status == 201, answer
    assert {name: answer["user"][name] for name in ("email", "nickname", "phone", "locale")} == {
        "email": "new@example.com", "nickname": "새사람", "phone": "", "locale": "ko",
    }  # fmt: skip
    assert Caller(token=answer["token"]).get("/me")["nickname"] == "새사람"
    assert nobody.get("/me")["nickname"] == "새사람", "the browser is signed in too"


def test_the_letter_is_in_the_pages_language(nobody):
    nobody.language = "ko"
    nobody.post("/auth/email-codes", {"email": "ko@example.com", "purpose": "signup"})
    nobody.language = "en"
    nobody.post("/auth/email-codes", {"email": "en@example.com", "purpose": "signup"})
    assert {notice.recipient: notice.locale for notice in Notice.objects.all()} == {"ko@example.com": "ko", "en@example.com": "en"}


def test_known_and_unknown_addresses_get_the_same_answers(nobody, alex):
    known, unknown = [
        nobody.post("/auth/email-codes", {"email": email, "purpose": "password_reset"}) for email in (alex.email, "no@example.com")
    ]
    assert (known.status, known.body) == (unknown.status, unknown.body) == (202, b'{"status":"sent"}')
    wrong = [
        nobody.post("/auth/email-codes/verify", {"email": email, "purpose": "password_reset", "code": "000000"})
        for email in (alex.email, "no@example.com", "never@example.com")
    ]
    assert all(answer.is_problem(400, "code_invalid") for answer in wrong)
    assert len({answer.body for answer in wrong}) == 1


def test_a_code_is_judged_five_times(nobody):
    nobody.post("/auth/email-codes", {"email": "new@example.com", "purpose": "signup"})
    right = code_in_the_mail("new@example.com")
    for _ in range(5):
        assert nobody.post("/auth/email-codes/verify", {"email": "new@example.com", "purpose": "signup", "code": "999"}).status == 400
    answer = nobody.post("/auth/email-codes/verify", {"email": "new@example.com", "purpose": "signup", "code": right})
    assert answer.is_problem(429, "too_many_requests")
    assert answer.headers["Retry-After"] == "600"


def test_a_proof_is_for_its_own_purpose_and_used_once(nobody, alex):
    reset = proof(nobody, alex.email, "password_reset")
    body = {"verification_token": reset, "password": PASSWORD, "nickname": "twin", "locale": "ko"}
    assert nobody.post("/auth/signup", body).is_problem(400, "code_invalid")
    assert nobody.post("/auth/password-reset", {"verification_token": reset, "password": PASSWORD + "2"}).status == 204
    assert nobody.post("/auth/password-reset", {"verification_token": reset, "password": PASSWORD + "3"}).is_problem(400, "code_invalid")


def test_an_old_code_and_another_ones_code_are_refused(nobody):
    for email in ("a@example.com", "b@example.com"):
        nobody.post("/auth/email-codes", {"email": email, "purpose": "signup"})
    others = {"email": "b@example.com", "purpose": "signup", "code": code_in_the_mail("a@example.com")}
    assert nobody.post("/auth/email-codes/verify", others).is_problem(400, "code_invalid")
    EmailCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    own = {"email": "a@example.com", "purpose": "signup", "code": code_in_the_mail("a@example.com")}
    assert nobody.post("/auth/email-codes/verify", own).is_problem(400, "code_invalid")


def test_an_address_has_one_account_and_a_nickname_one_person(nobody, alex):
    taken = {"verification_token": proof(nobody, "ALEX@Example.com", "signup"), "password": PASSWORD, "nickname": "other", "locale": "en"}
    assert nobody.post("/auth/signup", taken).is_problem(409, "email_taken")
    twin = {"verification_token": proof(nobody, "b@example.com", "signup"), "password": PASSWORD, "nickname": "alex", "locale": "en"}
    assert nobody.post("/auth/signup", twin).is_problem(409, "nickname_taken")


@pytest.mark.parametrize(
    ("password", "code"),
    [("password123", "password_too_weak"), ("1", "password_too_weak"), ("x" * 257, "string_too_long"), ("", "string_too_short")],
)
def test_weak_and_endless_passwords_are_refused(nobody, password, code):
    token = proof(nobody, "new@example.com", "signup")
    body = {"verification_token": token, "password": password, "nickname": "new", "locale": "en"}
    assert nobody.post("/auth/signup", body).is_problem(422, code)
    assert not User.objects.exists()
    # and the proof may be used again
    assert nobody.post("/auth/signup", body | {"password": "가" * 64}).status == 201


# --- Login ----------------------------------------------------------------------------------------------------------------


def test_login_gives_a_token_and_a_session(nobody, alex):
    answer = nobody.post("/auth/login", {"email": "Alex@Example.com", "password": PASSWORD})
    assert (answer.status, answer["user"]["nickname"]) == (200, "alex")
    assert Caller(token=answer["token"]).get("/me")["email"] == "alex@example.com"
    assert nobody.get("/me")["email"] == "alex@example.com"


def test_wrong_unknown_and_closed_are_told_alike(nobody, alex):
    User.objects.create_user("closed@example.com", PASSWORD, nickname="closed", is_active=False)
    answers = [
        nobody.post("/auth/login", {"email": "alex@example.com", "password": "wrong"}),
        nobody.post("/auth/login", {"email": "nobody@example.com", "password": PASSWORD}),
        nobody.post("/auth/login", {"email": "closed@example.com", "password": PASSWORD}),
    ]
    assert all(answer.is_problem(401, "credentials_invalid") for answer in answers)
    assert len({answer.body for answer in answers}) == 1


def test_the_sixth_wrong_password_waits_and_so_does_the_right_one(nobody, alex):
    for _ in range(5):
        assert nobody.post("/auth/login", {"email": alex.email, "password": "wrong"}).status == 401
    for password, spoofed in (("wrong", "1.2.3.4"), (PASSWORD, "5.6.7.8")):
        answer = nobody.post("/auth/login", {"email": "ALEX@example.com", "password": password}, x_forwarded_for=spoofed)
        assert answer.is_problem(429, "too_many_logins")
        assert 890 <= int(answer.headers["Retry-After"]) <= 901
    # When fifteen minutes are over
    row = WrongPasswords.objects.get()
    row.tried_at = [tried - 901 for tried in row.tried_at]
    row.save()
    assert nobody.post("/auth/login", {"email": alex.email, "password": PASSWORD}).status == 200


def test_right_passwords_do_not_count(nobody, alex):
    for _ in range(8):
        assert nobody.post("/auth/login", {"email": alex.email, "password": PASSWORD}).status == 200
    assert WrongPasswords.objects.get().tried_at == []


def test_a_preset_session_gets_a_new_name_at_login(nobody, alex):
    nobody.http.cookies["sessionid"] = "preset-by-somebody"
    nobody.post("/auth/login", {"email": alex.email, "password": PASSWORD})
    assert nobody.http.cookies["sessionid"].value != "preset-by-somebody"


def test_staff_get_a_token_but_no_session_which_the_admin_would_take(nobody):
    User.objects.create_user("staff@example.com", PASSWORD, nickname="staff", is_staff=True)
    answer = nobody.post("/auth/login", {"email": "staff@example.com", "password": PASSWORD})
    assert answer.status == 200
    assert "sessionid" not in nobody.http.cookies


def test_another_sites_page_cannot_sign_a_visitor_in(nobody, alex):
    body = {"email": alex.email, "password": PASSWORD}
    assert nobody.post("/auth/login", body, origin="https://evil.example").is_problem(403, "csrf_failed")
    assert nobody.post("/auth/login", body, origin="http://testserver").status == 200


# --- Logout, reset, devices -----------------------------------------------------------------------------------------------


def browser(user: User) -> Caller:
    caller = Caller()
    assert caller.post("/auth/login", {"email": user.email, "password": PASSWORD}).status == 200
    return caller


def csrf(caller: Caller) -> str:
    return caller.get("/auth/session").headers["X-CSRFToken"]


def test_a_session_ends_at_logout_and_its_cookie_is_worth_nothing(alex):
    caller = browser(alex)
    old = caller.http.cookies["sessionid"].value
    assert caller.post("/auth/logout", x_csrftoken=csrf(caller)).status == 204
    thief = Caller()
    thief.http.cookies["sessionid"] = old
    assert thief.get("/me").is_problem(401, "not_authenticated")


def test_a_token_ends_at_logout(alex):
    app = app_of(alex)
    assert app.post("/auth/logout").status == 204
    answer = app.get("/me")
    assert answer.is_problem(401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_change_without_its_csrf_token_is_refused(alex):
    caller = browser(alex)
    assert caller.patch("/me", {"nickname": "x"}).is_problem(403, "csrf_failed")
    assert caller.patch("/me", {"nickname": "x"}, x_csrftoken="wrong").is_problem(403, "csrf_failed")
    token = csrf(caller)
    assert caller.patch("/me", {"nickname": "x"}, x_csrftoken=token, origin="https://evil.example").is_problem(403, "csrf_failed")
    alex.refresh_from_db()
    assert alex.nickname == "alex"
    assert caller.patch("/me", {"nickname": "xander"}, x_csrftoken=token).status == 200


def test_a_wrong_token_is_refused_even_beside_a_good_cookie(alex):
    caller = browser(alex)
    assert caller.get("/me", authorization="Bearer nonsense").is_problem(401, "not_authenticated")


def test_who_is_signed_in(nobody, alex):
    assert nobody.get("/auth/session").json == {"authenticated": False, "user": None}
    assert browser(alex).get("/auth/session")["user"]["nickname"] == "alex"
    assert app_of(alex).get("/auth/session")["authenticated"] is True
    assert Caller(token="nonsense").get("/auth/session")["authenticated"] is False


def test_a_new_password_ends_every_session_and_token(nobody, alex):
    app, caller = app_of(alex), browser(alex)
    token = proof(nobody, alex.email, "password_reset")
    assert nobody.post("/auth/password-reset", {"verification_token": token, "password": "a new password"}).status == 204
    assert app.get("/me").status == 401
    assert caller.get("/me").status == 401
    assert nobody.post("/auth/login", {"email": alex.email, "password": "a new password"}).status == 200


def test_a_closed_account_is_out_at_once(alex):
    app, caller = app_of(alex), browser(alex)
    User.objects.filter(pk=alex.pk).update(is_active=False)
    assert app.get("/me").status == 401
    assert caller.get("/me").status == 401


def test_devices_are_listed_and_revoked_one_by_one(alex, stranger):
    app = app_of(alex)
    other = Caller()
    phone = other.post("/auth/login", {"email": alex.email, "password": PASSWORD}, user_agent="Bidangil/1.0 \u202e (iPhone)")["token"]
    listed = app.get("/me/tokens")["items"]
    assert [(device["label"], device["current"]) for device in listed] == [("Bidangil/1.0  (iPhone)", False), ("", True)]
    assert stranger.delete(f"/me/tokens/{listed[0]['id']}").is_problem(404, "not_found")
    assert app.delete(f"/me/tokens/{listed[0]['id']}").status == 204
    assert Caller(token=phone).get("/me").status == 401
    assert app.delete(f"/me/tokens/{listed[0]['id']}").is_problem(404, "not_found")
    assert app.delete(f"/me/tokens/{10**30}").is_problem(404, "not_found")


def test_tokens_live_ninety_days_from_their_last_use(alex):
    app = app_of(alex)
    AccessToken.objects.update(last_used_at=timezone.now() - timedelta(days=89))
    assert app.get("/me").status == 200
    AccessToken.objects.update(last_used_at=timezone.now() - timedelta(days=91))
    assert app.get("/me").status == 401


def test_a_foreign_host_is_refused():
    answer = Client(raise_request_exception=False).get("/api/v1/auth/session", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
