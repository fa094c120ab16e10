"""Staff's way in: the lock, the second step, recovery codes, and how long a session lives."""

import re
import time

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import resolve
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from backoffice.access import background
from core.accounts import login_limit, staff, staff_sessions, two_steps
from core.accounts.authentication import person_for
from core.accounts.models import AccountEvent, User, WrongPasswords
from core.errors import Conflict
from workflow.process import Role
from workflow.tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-one"
WRONG = {"username": "", "password": "not-the-password"}


@pytest.fixture
def buyer() -> User:
    return with_password(factories.staff(Role.BUYER))


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def required(settings):
    settings.STAFF_TOTP_REQUIRED = True


def log_in(client: Client, user: User, *, password: str = PASSWORD, **headers):
    return client.post("/admin/login/", {"username": user.email, "password": password}, headers=headers)


def code_of(user: User, *, steps: int = 0) -> str:
    """What the person's app shows, `steps` half-minutes from now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06d}"


def enrolled(user: User) -> list[str]:
    """Two-step sign-in is set up, some time ago: the code of now is still fresh."""
    two_steps.begin(user)
    codes = two_steps.confirm(user, code_of(user))
    some_time_passes(user)
    user.refresh_from_db()
    return codes


def some_time_passes(user: User) -> None:
    TOTPDevice.objects.filter(user=user).update(last_t=-1)


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


# --- The password and its lock --------------------------------------------------------------------------------------------


def test_the_sixth_wrong_password_is_429_at_both_doors_and_then_the_right_one_too(client, buyer):
    for place in range(3):
        assert log_in(client, buyer, password="wrong", X_Forwarded_For=f"203.0.113.{place}").status_code == 200
    for _again in range(2):
        said = client.post("/api/v1/auth/login", {"email": buyer.email.upper(), "password": "wrong"}, content_type="application/json")
        assert said.status_code == 401

    for password in ("wrong", PASSWORD):
        response = log_in(client, buyer, password=password, X_Forwarded_For="198.51.100.7")
        assert response.status_code == 429
        assert 0 < int(response["Retry-After"]) <= 900
        assert "Too many wrong passwords" in response.content.decode()
    assert not is_in(client)


def test_right_passwords_are_not_counted(buyer):
    for _again in range(7):
        assert log_in(Client(), buyer).status_code == 302
    assert WrongPasswords.objects.get().tried_at == []


def test_customers_closed_accounts_and_unknown_addresses_get_the_same_answer(client, django_assert_num_queries):
    closed = with_password(factories.staff(Role.BUYER))
    User.objects.filter(pk=closed.pk).update(is_active=False)
    nobody = User(email="nobody@example.com")

    def answer(user: User) -> tuple[int, str]:
        response = log_in(client, user)
        page = response.content.decode().replace(user.email, "…")
        return response.status_code, re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)

    answers = {answer(user) for user in (with_password(factories.customer()), closed, nobody)}
    assert len(answers) == 1
    assert answers.pop()[0] == 200
    # and each was counted, so that the lock tells nothing either
    assert [len(row.tried_at) for row in WrongPasswords.objects.all()] == [1, 1, 1]


def test_unknown_addresses_cost_a_password_hash_too(client, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, password, salt: hashed.append(1) or encode(self, password, salt))
    counts = []
    for user in (with_password(factories.customer()), User(email="nobody@example.com")):
        hashed.clear()
        log_in(client, user)
        counts.append(len(hashed))
    assert counts == [1, 1]


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example/admin/", "/api/v1/me", "/admin/login/"])
def test_the_login_leads_to_no_foreign_page(client, buyer, wanted):
    response = client.post(f"/admin/login/?next={wanted}", {"username": buyer.email, "password": PASSWORD})
    assert (response.status_code, response.url) == (302, "/admin/")


def test_a_preset_session_gets_a_new_key(client, buyer):
    client.get("/admin/login/")
    client.session["planted"] = "x"
    client.session.save()
    before = client.session.session_key
    log_in(client, buyer)
    assert client.session.session_key != before
    assert is_in(client)


# --- The second step ------------------------------------------------------------------------------------------------------


def test_without_an_app_there_is_no_page_but_its_setting_up(client, buyer, required):
    # when the password is right
    response = log_in(client, buyer)
    # then nobody is signed in yet, and every page leads back to the login
    assert response.url == "/admin/login/set-up/"
    for url in ("/admin/", "/admin/workflow/order/", "/admin/two-step/", "/admin/password_change/", "/admin/login/code/"):
        assert client.get(url).status_code == 302 or url == "/admin/login/code/", url
    assert client.get("/api/v1/auth/session").json()["authenticated"] is False
    # and the page shows the secret as a picture and to type
    page = client.get("/admin/login/set-up/").content.decode()
    assert "<svg" in page
    assert two_steps.secret_of(TOTPDevice.objects.get(user=buyer)) in page


def test_setting_up_shows_ten_codes_once_and_lets_in(client, buyer, required):
    log_in(client, buyer)
    response = client.post("/admin/login/set-up/", {"code": code_of(buyer)})
    codes = re.findall(r'<li class="bo-mono">([\w-]+)</li>', response.content.decode())
    assert (response.status_code, len(set(codes))) == (200, 10)
    assert is_in(client)
    # and only their hashes are kept
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10
    assert not kept & {code.replace("-", "") for code in codes} | kept & set(codes)
    assert AccountEvent.objects.get(user=buyer).kind == AccountEvent.Kind.TWO_STEP_ON


def test_a_wrong_first_code_sets_nothing_up(client, buyer, required):
    log_in(client, buyer)
    response = client.post("/admin/login/set-up/", {"code": "000000" if code_of(buyer) != "000000" else "111111"})
    assert response.status_code == 422
    assert not two_steps.has_device(buyer)
    assert not is_in(client)


@pytest.mark.parametrize("is_required", [True, False])
def test_with_an_app_the_code_is_asked_for_and_good_once(client, buyer, settings, is_required):
    settings.STAFF_TOTP_REQUIRED = is_required
    enrolled(buyer)
    response = client.post("/admin/login/?next=/admin/workflow/order/", {"username": buyer.email, "password": PASSWORD})
    assert response.url == "/admin/login/code/?next=%2Fadmin%2Fworkflow%2Forder%2F"
    assert not is_in(client)
    # when the code is typed, with a space as apps show it
    code = code_of(buyer)
    response = client.post(response.url, {"code": f"{code[:3]} {code[3:]}"})
    assert (response.status_code, response.url) == (302, "/admin/workflow/order/")
    assert is_in(client)
    # then the same code opens nothing a second time
    other = Client()
    log_in(other, buyer)
    response = other.post("/admin/login/code/", {"code": code})
    assert response.status_code == 422
    assert "was used before" in response.content.decode()
    assert not is_in(other)


def test_the_sixth_wrong_code_is_429_and_then_the_right_one_too(client, buyer):
    codes = enrolled(buyer)
    log_in(client, buyer)
    wrong = next(guess for guess in ("000000", "111111", "222222", "333333") if guess not in {code_of(buyer, steps=n) for n in (-1, 0, 1)})
    assert [client.post("/admin/login/code/", {"code": wrong}).status_code for _try in range(5)] == [422] * 5
    for code in (wrong, code_of(buyer), codes[0]):
        response = client.post("/admin/login/code/", {"code": code})
        assert response.status_code == 429
        assert 0 < int(response["Retry-After"]) <= 900
    # a new login does not help
    other = Client()
    log_in(other, buyer)
    assert other.post("/admin/login/code/", {"code": code_of(buyer)}).status_code == 429
    assert two_steps.codes_left(buyer) == 10


def test_a_recovery_code_opens_once(client, buyer):
    codes = enrolled(buyer)
    log_in(client, buyer)
    assert client.post("/admin/login/code/", {"code": codes[3].upper()}).status_code == 302
    assert is_in(client)
    assert two_steps.codes_left(buyer) == 9
    other = Client()
    log_in(other, buyer)
    assert other.post("/admin/login/code/", {"code": codes[3]}).status_code == 422
    assert not is_in(other)


def test_half_signed_in_ends_after_ten_minutes_and_with_the_account(client, buyer):
    enrolled(buyer)
    log_in(client, buyer)
    session = client.session
    session["half_signed_in"] = {**session["half_signed_in"], "until": int(time.time()) - 1}
    session.save()
    assert client.post("/admin/login/code/", {"code": code_of(buyer)}).url == "/admin/login/"
    log_in(client, buyer)
    User.objects.filter(pk=buyer.pk).update(is_active=False)
    assert client.post("/admin/login/code/", {"code": code_of(buyer)}).url == "/admin/login/"


def test_the_api_gives_no_way_around_the_second_step(client, buyer, required):
    """Its token is a person's like any customer's: nothing under /api asks for a role, and the back office takes no token."""
    enrolled(buyer)
    said = client.post("/api/v1/auth/login", {"email": buyer.email, "password": PASSWORD}, content_type="application/json")
    bearer = {"Authorization": f"Bearer {said.json()['token']}"}
    order = factories.new_order()
    assert client.get(f"/api/v1/orders/{order.number}", headers=bearer).status_code == 404
    assert client.get("/api/v1/orders", headers=bearer).json()["items"] == []
    assert client.get("/admin/", headers=bearer).status_code == 302
    assert client.get("/admin/workflow/order/", headers=bearer).status_code == 302


def test_nothing_under_api_asks_for_roles_or_staff():
    from django.conf import settings

    sources = [path for path in (settings.BASE_DIR / "customer_api").rglob("*.py") if "tests" not in path.parts]
    asking = {path.name for path in sources if re.search(r"has_perm|roles_held|By\.staff|is_superuser", path.read_text())}
    assert asking == set()


# --- Under one's own account, and by the owner ----------------------------------------------------------------------------


def test_staff_set_it_up_renew_codes_and_remove_it_themselves(client, buyer):
    log_in(client, buyer)
    other = Client()
    log_in(other, buyer)
    assert client.post("/admin/two-step/begin/").url == "/admin/two-step/set-up/"
    assert client.post("/admin/two-step/set-up/", {"code": code_of(buyer)}).status_code == 200
    some_time_passes(buyer)
    # this session lives on, the others must give a code
    assert is_in(client)
    assert not is_in(other)
    # new codes for a fresh code; a used one is refused
    old = set(StaticToken.objects.values_list("token", flat=True))
    code = code_of(buyer)
    assert client.post("/admin/two-step/renew/", {"code": code}).status_code == 200
    assert not old & set(StaticToken.objects.values_list("token", flat=True))
    assert client.post("/admin/two-step/remove/", {"code": code}).status_code == 422
    assert two_steps.has_device(buyer)
    # removed with the next one; everybody is out
    assert client.post("/admin/two-step/remove/", {"code": code_of(buyer, steps=1)}).url == "/admin/login/"
    assert not two_steps.has_device(buyer)
    assert not is_in(client)
    kinds = AccountEvent.objects.filter(user=buyer).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["two_step_on", "codes_renewed", "two_step_off"]


def test_the_owner_resets_somebody_elses_and_it_is_on_record(owner, client, buyer):
    enrolled(buyer)
    log_in(client, buyer)
    client.post("/admin/login/code/", {"code": code_of(buyer)})
    response = owner.post(f"/admin/accounts/user/{buyer.pk}/reset-two-step/")
    assert response.status_code == 302
    assert not two_steps.has_device(buyer)
    assert not is_in(client)
    event = AccountEvent.objects.get(user=buyer, kind="two_step_reset")
    assert event.by == owner.user


def test_nobody_resets_their_own_and_only_the_owner_somebody_elses(owner, sign_in, buyer):
    enrolled(owner.user)
    enrolled(buyer)
    owner.force_login(owner.user)
    assert owner.post(f"/admin/accounts/user/{owner.user.pk}/reset-two-step/").status_code == 302
    assert sign_in(Role.SUPPORT).post(f"/admin/accounts/user/{buyer.pk}/reset-two-step/").status_code == 403
    assert two_steps.has_device(owner.user)
    assert two_steps.has_device(buyer)
    assert not AccountEvent.objects.filter(kind="two_step_reset").exists()


# --- How long -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Minutes that pass for staff's sessions."""
    passed = [0.0]
    real = time.time
    monkeypatch.setattr(staff_sessions.time, "time", lambda: real() + passed[0] * 60)

    def go(minutes: float) -> None:
        passed[0] += minutes

    return go


def test_thirty_idle_minutes_end_a_session_and_the_way_back_is_kept(client, buyer, clock):
    log_in(client, buyer)
    clock(29)
    assert is_in(client)
    clock(31)
    response = client.get("/admin/workflow/order/?state=shipped")
    assert response.url == "/admin/login/?next=%2Fadmin%2Fworkflow%2Forder%2F%3Fstate%3Dshipped&ended=idle"
    assert "nothing was done here for 30 minutes" in client.get(response.url).content.decode()
    assert client.get("/api/v1/auth/session").json()["authenticated"] is False


def test_eight_hours_end_a_session_however_busy(client, buyer, clock):
    log_in(client, buyer)
    for _quarter in range(8 * 3 - 1):
        clock(20)
        assert is_in(client)
    clock(20)
    assert client.get("/admin/").url.endswith("ended=old")


def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(client, buyer, clock):
    log_in(client, buyer)
    clock(20)
    assert client.get("/admin/", headers={"X-Background": "1"}).status_code == 200
    clock(11)
    assert client.get("/admin/", headers={"X-Background": "1"}).status_code == 401
    assert not is_in(client)


def test_a_view_marked_as_background_keeps_nobody_signed_in(rf):
    view = resolve("/admin/roles/").func
    assert not staff_sessions.is_background(rf.get("/admin/roles/"))
    # the mark goes through the admin's own wrapping
    assert admin.site.admin_view(background(lambda request: None)).is_background
    view.is_background = True
    try:
        assert staff_sessions.is_background(rf.get("/admin/roles/"))
    finally:
        del view.is_background


@pytest.mark.parametrize("url", ["/admin/today/", "/admin/workflow/order/1/here/", "/admin/imports/1/progress/"])
def test_what_our_pages_ask_for_by_themselves_is_marked(rf, url):
    assert staff_sessions.is_background(rf.get(url))


def test_an_ended_session_opens_no_stream(client, buyer, clock):
    log_in(client, buyer)
    key = client.session.session_key
    assert person_for(session_key=key, bearer=None).id == buyer.pk
    clock(31)
    assert person_for(session_key=key, bearer=None) is None


def test_a_closed_account_is_out_with_the_next_request_and_its_stream_with_the_next_look(owner, client, buyer):
    log_in(client, buyer)
    key = client.session.session_key
    staff.change_staff(buyer.pk, by=owner.user, is_active=False, roles=["buyer"], known_roles=Role.values)
    assert client.get("/admin/").status_code == 302
    assert person_for(session_key=key, bearer=None) is None


def test_sessions_of_one_step_end_when_the_second_becomes_required(client, buyer, settings):
    log_in(client, buyer)
    assert is_in(client)
    settings.STAFF_TOTP_REQUIRED = True
    assert client.get("/admin/").url.endswith("ended=one_step")


def test_customers_stay_for_fourteen_days(client):
    customer = with_password(factories.customer())
    client.post("/api/v1/auth/login", {"email": customer.email, "password": PASSWORD}, content_type="application/json")
    assert client.session.get_expiry_age() == 14 * 24 * 3600
    assert staff_sessions.KEY not in client.session


def test_a_customer_who_becomes_staff_must_sign_in_again(owner, client):
    customer = with_password(factories.customer())
    client.post("/api/v1/auth/login", {"email": customer.email, "password": PASSWORD}, content_type="application/json")
    staff.change_staff(customer.pk, by=owner.user, is_active=True, roles=["buyer"], known_roles=Role.values)
    assert not is_in(client)


def test_the_forms_of_the_second_step_need_a_csrf_token(buyer):
    client = Client(enforce_csrf_checks=True)
    assert log_in(client, buyer).status_code == 403
    enrolled(buyer)
    client.handler.enforce_csrf_checks = False
    log_in(client, buyer)
    client.handler.enforce_csrf_checks = True
    assert client.post("/admin/login/code/", {"code": code_of(buyer)}).status_code == 403
    assert not is_in(client)


def test_the_account_log_is_append_only(buyer):
    from django.db import DatabaseError, transaction

    enrolled(buyer)
    for change in (lambda rows: rows.update(kind="made"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(AccountEvent.objects.filter(user=buyer))
    assert AccountEvent.objects.get(user=buyer).kind == "two_step_on"


def test_setting_up_twice_is_refused(buyer):
    enrolled(buyer)
    with pytest.raises(Conflict):
        two_steps.begin(buyer)
    assert len(WrongPasswords.objects.get(address=login_limit.digest_of(two_steps._limit(buyer))).tried_at) == 0
