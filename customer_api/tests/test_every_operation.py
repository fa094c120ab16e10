"""Every operation of the OpenAPI document, walked with bad input: always problem+json or what the document promises, never HTML or 500.

Written against the document, so that a resource added later is walked too.
"""

import json
import string
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_api.api import api
from customer_api.tests.client import Caller, app_of
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


@cache
def document() -> dict[str, Any]:
    return json.loads(json.dumps(api.get_openapi_schema()))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path.removeprefix("/api/v1"), operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = [pytest.param(*one, id=one[2]["operationId"]) for one in operations()]
#: operations anybody may call
OPEN_TO_ALL = {
    "request_email_code", "verify_email_code", "sign_up", "log_in", "read_session", "reset_password", "nickname_is_free",
    "read_exchange_rate", "make_estimate",
}  # fmt: skip

BODIES = [
    b"", b"{", b"null", b"[]", b"5", b'"x"', b"[null,null]", b"{}", b'{"a":1}', b"\xff", b"[" * 50_000, b'{"\\ud800":"\\ud800"}',
    b'{"items":{"0":{}}}', b'{"items":[null]}', b'{"items":"x"}', b'{"email":{"$ne":1},"password":[]}', b'{"note":"\\u0000"}',
    b'{"price_krw":1e400}', b'{"weight_g":-9223372036854775809}', b'{"address_id":99999999999999999999}', b'{"reason":"\\u202e"}',
    b'{"nickname":"' + b"x" * 100_000 + b'"}', b'{"email":"' + b"a" * 300 + b'@x.kr","purpose":"signup"}', b"{'single': 1}", b"NaN",
]  # fmt: skip
WORDS = ["x", "0", "-1", "9" * 40, "%00", "%ED%A0%80", "..%2f..", "' OR 1=1--", "%25", "_", "\\", "가", "🙂", "BD-00000-00000", "x" * 5000]


def filled(path: str, word: str) -> str:
    for name in ("number", "kind", "nickname", "token_id", "address_id", "position"):
        path = path.replace(f"{{{name}}}", word)
    assert "{" not in path, f"{path} has a parameter that this test does not know"
    return path


def is_proper(answer, operation: dict[str, Any]) -> None:
    assert answer.status < 500, answer
    if answer.status >= 400:
        assert answer.is_problem(answer.status, answer["code"])
    else:
        assert str(answer.status) in operation["responses"], answer


@pytest.fixture
def known(minji) -> dict[str, str]:
    """Values of path parameters that exist."""
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    return {"number": order.number, "kind": "items"}


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_bad_bodies(app, known, method, path, operation):
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    path = filled(path, "1")
    for body in BODIES:
        is_proper(app(method, path, raw=body), operation)
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "x", "application/xml"):
        assert app(method, path, raw=b'{"a": 1}', **{"content-type": kind}).is_problem(415, "not_json")
    assert app(method, path, raw=b'{"a":"' + b"x" * 1024 * 1024 + b'"}').is_problem(413, "body_too_large")


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_bad_paths_queries_and_headers(app, method, path, operation):
    for word in WORDS:
        is_proper(app(method, filled(path, word)), operation)
        is_proper(app(method, f"{filled(path, '1')}?limit={word}&cursor={word}&state={word}&{word}={word}"), operation)
        is_proper(app(method, filled(path, "1"), accept_language=word.encode("ascii", "replace").decode()), operation)
    odd = {"if_none_match": 'W/"', "if_match": '"\x7f', "idempotency_key": "\x7f", "x_csrftoken": "x", "origin": "null"}
    is_proper(app(method, filled(path, "1"), **odd), operation)
    query = "&".join(f"a{number}=1" for number in range(6000))
    is_proper(app(method, f"{filled(path, '1')}?{query}"), operation)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_whoever_is_not_signed_in_is_told_so(nobody, method, path, operation):
    answer = nobody(method, filled(path, "1"))
    if operation["operationId"] in OPEN_TO_ALL:
        is_proper(answer, operation)
        assert "security" not in operation
    else:
        assert answer.is_problem(401, "not_authenticated")
    for scheme in ("Bearer", "Bearer ", "Bearer x y", "bearer \u00e9", "Basic eDp5", "x" * 5000):
        is_proper(nobody(method, filled(path, "1"), authorization=scheme), operation)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_other_methods_name_the_right_ones(app, method, path, operation):
    allowed = {m.upper() for m in document()["paths"][f"/api/v1{path}"]}
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = app.http.generic(other, "/api/v1" + filled(path, "1"))
        assert answer.status_code == 405
        assert set(answer["Allow"].split(", ")) == allowed


def test_every_object_forbids_unknown_fields():
    for schema in document()["components"]["schemas"].values():
        if schema["title"] != "Problem" and schema.get("type") == "object" and schema["title"] not in ("Paging", "OrderFilters"):
            assert schema["additionalProperties"] is False, schema["title"]


def test_the_document_that_is_checked_in_is_this_one():
    call_command("openapi", check=True)


def test_the_document_names_nothing_twice(client):
    """Readers in the browser refuse a key that comes twice; Python's silently takes the last."""

    def once(pairs):
        names = [name for name, _value in pairs]
        assert len(names) == len(set(names)), names
        return dict(pairs)

    json.loads(client.get("/api/v1/openapi.json").content, object_pairs_hook=once)


# --- Fuzzing: bodies that nearly fit ----------------------------------------------------------------------------------------

LETTERS = st.text(st.characters(codec=None) | st.sampled_from("\x00\n\u202e\ud800'\"<%_\\"), max_size=30)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | LETTERS
    | st.sampled_from(["items", "US", "https://a.kr", "010-1234-5678"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3), max_leaves=8)


def like(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that are nearly what the schema asks for, and now and then something else."""
    if "$ref" in schema:
        return like(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "allOf" in schema:
        return like(schema["allOf"][0])
    if "anyOf" in schema:
        return st.one_of([like(one) for one in schema["anyOf"]])
    fitting: st.SearchStrategy[Any] = VALUES
    match schema.get("type"):
        case "object":
            fitting = st.fixed_dictionaries({}, optional={name: like(one) for name, one in schema.get("properties", {}).items()})
        case "array":
            fitting = st.lists(like(schema["items"]), max_size=3)
        case "string":
            known = st.sampled_from(schema["enum"]) if "enum" in schema else LETTERS
            fitting = known | st.just("https://smartstore.naver.com/x") | st.text(string.printable, max_size=20)
        case "integer":
            fitting = st.integers(schema.get("minimum", -5) - 1, min(schema.get("maximum", 10**20) + 1, 10**20))
    return st.integers(0, 19).flatmap(lambda chance: VALUES if chance == 0 else fitting)


WITH_BODY = [(method, path, operation) for method, path, operation in operations() if "requestBody" in operation]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_bodies(app, known, data):
    method, path, operation = data.draw(st.sampled_from(WITH_BODY))
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = data.draw(like(schema))
    is_proper(app(method, filled(path, "1"), raw=json.dumps(body).encode()), operation)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=LETTERS, key=LETTERS)
def test_fuzzed_queries(app, word, key):
    said = quote(word.encode("utf-8", "surrogatepass")), quote(key.encode("utf-8", "surrogatepass"))
    for path in ("/orders", "/me/addresses", "/me/tokens"):
        answer = app.get(f"{path}?limit={said[0]}&cursor={said[0]}&{said[1]}={said[0]}")
        assert answer.status < 500, answer
        assert answer.status == 200 or answer.is_problem(422, answer["code"])
    answer = app.get(f"/nicknames/{said[0]}")
    assert answer.status in (200, 404, 422), answer


def test_a_caller_of_another_language_is_answered_in_one_we_have(minji):
    answer = app_of(minji, language="fr-FR,fr;q=0.9").get("/nothing")
    assert answer.headers["Content-Language"] == "en"
    assert isinstance(Caller(language="ko").get("/nothing")["detail"], str)
