"""Profile, nicknames and the address book."""

import pytest

from core.accounts.models import Address
from customer_api.resources import addresses
from customer_api.tests.client import ADDRESS
from workflow.tests import factories

pytestmark = pytest.mark.django_db


def test_the_profile_changes_by_what_is_given(app, minji):
    answer = app.patch("/me", {"nickname": "  민지 Kim 🙂 ", "phone": "+82 10-1234-5678"})
    assert (answer.status, answer["nickname"], answer["phone"], answer["locale"]) == (200, "민지 Kim 🙂", "+821012345678", "ko")
    assert app.patch("/me", {"phone": "", "locale": "en"}).status == 200
    minji.refresh_from_db()
    assert (minji.nickname, minji.phone, minji.locale) == ("민지 Kim 🙂", "", "en")
    assert app.patch("/me", {}).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"nickname": ""}, "string_too_short"),
        ({"nickname": "   "}, "string_too_short"),
        ({"nickname": "x" * 41}, "string_too_long"),
        ({"nickname": "a/b"}, "nickname_not_allowed"),
        ({"nickname": ".."}, "nickname_not_allowed"),
        ({"nickname": "a\u200bb"}, "nickname_not_allowed"),
        ({"nickname": "x\n\nevent: paid\ndata:{}"}, "text_not_allowed"),
        ({"nickname": "x\r\nBcc: victim@example.com"}, "text_not_allowed"),
        ({"nickname": "x\x00"}, "text_not_allowed"),
        ({"nickname": "x\ud800"}, "text_not_allowed"),
        ({"nickname": "\u202egnp.exe"}, "text_not_allowed"),
        ({"nickname": 5}, "string_type"),
        ({"nickname": None}, "string_type"),
        ({"phone": "010-1234-5678"}, "phone_not_international"),
        ({"phone": "+1 900 <script>"}, "phone_not_international"),
        ({"locale": "fr"}, "literal_error"),
        ({"email": "other@example.com"}, "extra_forbidden"),
        ({"is_staff": True}, "extra_forbidden"),
    ],
)
def test_what_is_no_profile_is_refused(app, minji, body, code):
    answer = app.patch("/me", body)
    assert answer.is_problem(422, code)
    assert list(answer.fields) == list(body)
    minji.refresh_from_db()
    assert (minji.nickname, minji.is_staff) == ("민지", False)


def test_a_nickname_belongs_to_one_person(app, nobody):
    factories.customer(nickname="taken")
    assert app.patch("/me", {"nickname": "taken"}).is_problem(409, "nickname_taken")
    assert app.patch("/me", {"nickname": "민지"}).status == 200, "one's own is no conflict"
    assert nobody.get("/nicknames/taken").json == {"available": False}
    assert nobody.get("/nicknames/%EC%83%88%EC%9D%B4%EB%A6%84").json == {"available": True}
    assert nobody.get("/nicknames/%00").is_problem(422, "text_not_allowed")


def test_the_address_book(app, stranger, minji):
    made = app.post("/me/addresses", ADDRESS | {"label": "집", "recipient_name": "Kim", "recipient_phone": "650-555-0100"})
    assert made.status == 201, made
    assert {name: made[name] for name in ADDRESS} == ADDRESS
    changed = app.patch(f"/me/addresses/{made['id']}", {"line2": "", "state": "NY"})
    assert (changed["line2"], changed["state"], changed["line1"]) == ("", "NY", ADDRESS["line1"])
    assert [address["id"] for address in app.get("/me/addresses")["items"]] == [made["id"]]
    for answer in (stranger.patch(f"/me/addresses/{made['id']}", {"line2": "x"}), stranger.delete(f"/me/addresses/{made['id']}")):
        assert answer.is_problem(404, "not_found")
    assert stranger.get("/me/addresses")["items"] == []
    assert app.delete(f"/me/addresses/{made['id']}").status == 204
    assert not Address.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("line1", "", "string_too_short"),
        ("line1", "x" * 121, "string_too_long"),
        ("country", "United States", "string_too_long"),
        ("country", "us", "country_invalid"),
        ("recipient_phone", "call me", "phone_invalid"),
        ("city", ["x"], "string_type"),
    ],
)
def test_incomplete_and_overlong_addresses_are_refused(app, field, value, code):
    answer = app.post("/me/addresses", ADDRESS | {field: value})
    assert answer.is_problem(422, code)
    assert answer.fields == {field: code}


def test_the_book_has_an_end(app, monkeypatch):
    monkeypatch.setattr(addresses, "MOST", 1)
    assert app.post("/me/addresses", ADDRESS).status == 201
    assert app.post("/me/addresses", ADDRESS).is_problem(409, "address_book_full")
