"""What every request passes: bodies, methods, unknown addresses, CORS; and what happens when the house is on fire."""

import json

import pytest
from django.db import OperationalError
from django.test import Client

from customer_api.tests.client import Caller, wanted
from workflow import queries
from workflow.models import Order

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("body", ["[null,null]", '"x"', "5", "null", "[]", "true"])
def test_a_body_is_an_object(app, body):
    assert app("POST", "/orders", raw=body.encode()).is_problem(422, "model_type")
    assert app("POST", "/auth/logout", raw=body.encode()).is_problem(422, "model_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"{'a': 1}", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 100_000, '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{}', b'{"a": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(app, body):
    assert app("POST", "/orders", raw=body).is_problem(400, "malformed_json")


def test_no_body_where_one_is_needed(app):
    answer = app("POST", "/orders", raw=b"")
    assert answer.is_problem(422, "missing")
    assert answer.fields == {"body": "missing"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""]
)
def test_json_is_sent_as_json(app, kind):
    answer = app("POST", "/orders", wanted(), **{"content-type": kind})
    assert answer.is_problem(415, "not_json")
    assert Order.objects.count() == 0


def test_json_may_name_its_encoding(app):
    assert app("POST", "/orders", wanted(), **{"content-type": "application/json; charset=utf-8"}).status == 201


def test_large_bodies_are_not_read(app):
    assert app("POST", "/orders", raw=b'{"note": "' + "🙂".encode() * 1_000_000 + b'"}').is_problem(413, "body_too_large")


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ("x" * 2000, 201),
        ("x" * 2001, 422),
        ("한글 🙂 العربية 👨‍👩‍👧", 201),
        ("nul \x00", 422),
        ("surrogate \ud83d", 422),
        ("override \u202e", 422),
        ("isolate \u2066", 422),
        ("escape \x1b[31m", 422),
        ("line\u2028separator", 422),
        ("two\nlines\tand a tab", 201),
    ],
)
def test_one_rule_for_all_text(app, note, status):
    answer = app.post("/orders", wanted(note=note))
    assert answer.status == status, answer
    if status == 201:
        assert answer["note"] == note.replace("\t", " ")
        assert Order.objects.get().note == answer["note"]


def test_text_is_stored_composed(app):
    decomposed = "\u1112\u1161\u11ab\u1100\u1173\u11af"
    assert app.post("/orders", wanted(note=f"  {decomposed} "))["note"] == "한글"


def test_refusals_name_every_field_in_the_callers_language(app):
    app.language = "ko"
    body = wanted() | {"items": [{"url": "ftp://x"}, {"quantity": 0, "url": "https://a.kr", "colour": "red"}]}
    answer = app.post("/orders", body)
    assert answer.is_problem(422, "invalid")
    assert answer.fields == {
        "items.0.url": "string_too_short",
        "items.1.quantity": "greater_than_equal",
        "items.1.colour": "extra_forbidden",
    }
    assert answer.headers["Content-Language"] == "ko"


def test_a_made_up_field_cannot_break_the_answer(app):
    answer = app("POST", "/orders", raw=b'{"\\u0000<script>\\uffff": 1}')
    assert answer.status == 422
    assert answer.fields["\x00<script>\\uffff"] == "extra_forbidden"
    assert app("POST", "/orders", raw=b'{"\\ud800": 1}').is_problem(422, "text_not_allowed")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
def test_other_methods_are_named(app, method):
    answer = app(method, "/orders")
    assert answer.is_problem(405, "method_not_allowed")
    assert sorted(answer.headers["Allow"].split(", ")) == ["GET", "POST"]


def test_head_is_get_without_its_body(app):
    answer = app.http.head("/api/v1/orders", headers={"authorization": f"Bearer {app.token}"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Event-Stream-Position"] == "0"


def test_a_method_is_not_overridden(app):
    assert app("POST", "/me", x_http_method_override="GET").is_problem(405, "method_not_allowed")


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/orders/", "/orders/x/y/z", "/messages", "/../admin", "/%00", "/%ff%fe"])
def test_unknown_addresses_are_problems(app, path):
    assert app.get(path).is_problem(404, "not_found")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/orders", "/webhooks", "/webhooks/couriers/nobody"])
def test_addresses_beside_the_version_are_problems_too(db, path):
    answer = Client().post(path, b"{}", content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_answers_are_kept_by_nobody(app):
    assert app.get("/orders").headers["Cache-Control"] == "no-store"
    assert app.get("/nothing").headers["Cache-Control"] == "no-store"


# --- CORS -----------------------------------------------------------------------------------------------------------------


def test_foreign_origins_are_told_nothing(app):
    for answer in (app.get("/orders", origin="https://evil.example"), app("OPTIONS", "/orders", origin="https://evil.example")):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_our_own_pages_may_call(app, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://bidangil.example"]
    asked = app("OPTIONS", "/orders", origin="https://bidangil.example", access_control_request_method="POST")
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, "https://bidangil.example")
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    answer = app.get("/orders", origin="https://bidangil.example")
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Event-Stream-Position" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in app.get("/orders", origin="https://evil.example").headers


# --- Fire -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError(1213, "Deadlock found"), 503, "unavailable"),
        (OperationalError("database is locked"), 503, "unavailable"),
        (RuntimeError("secret: SELECT password FROM users"), 500, "internal_error"),
    ],
)
def test_faults_say_nothing_of_the_inside(app, monkeypatch, error, status, code):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(queries, "orders_page", fail)
    answer = app.get("/orders")
    assert answer.is_problem(status, code)
    assert b"SELECT" not in answer.body
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_fault_in_the_middleware_is_a_problem_too(minji, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("server has gone away")

    caller = Caller()
    caller.http.force_login(minji)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    assert caller.get("/orders").is_problem(503, "unavailable")
    monkeypatch.undo()
    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", fail)
    assert caller.get("/orders").is_problem(503, "unavailable")


# --- The document ---------------------------------------------------------------------------------------------------------


def test_the_document_and_its_page_load_nothing_from_elsewhere(client):
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"//" not in page.content.replace(b"http://www.w3.org", b"")
    document = json.loads(client.get("/api/v1/openapi.json").content)
    assert document["paths"]["/api/v1/orders"]["post"]["operationId"] == "request_order"
