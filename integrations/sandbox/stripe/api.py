"""The door of the Stripe stand-in: key, version, form, parameters, idempotency, then the operation. START HERE."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Document
from integrations.sandbox.faults import FAULT_KEY, Fault
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe import API_VERSION
from integrations.sandbox.stripe.errors import StripeRefusal, api_error, bad_key, rate_limited
from integrations.sandbox.stripe.events import Cause
from integrations.sandbox.stripe.idempotency import Result, key_of, store_result, stored_result
from integrations.sandbox.stripe.ledger import CHARGE, DISPUTE, EVENT, INTENT, REFUND, SESSION, Ledger
from integrations.sandbox.stripe.lines import lines_page
from integrations.sandbox.stripe.parameters import Parameters, parse_form, read_parameters
from integrations.sandbox.stripe.refunds import create_refund
from integrations.sandbox.stripe.sessions import create_session, expire_due, expire_session

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """One request on its way through an operation."""

    ledger: Ledger
    parameters: Parameters
    cause: Cause
    id: str
    """The object's id from the address, empty where it names none."""
    origin: str
    """Where the caller reached us, e.g. http://127.0.0.1:8001; the pay page lies there too."""


Operation = Callable[[Call], Document]


def _create_session(call: Call) -> Document:
    return create_session(call.ledger, call.parameters, pay_page=f"{call.origin}/pay/")


def _expire_session(call: Call) -> Document:
    return expire_session(call.ledger, call.id, cause=call.cause)


def _line_items(call: Call) -> Document:
    return lines_page(call.ledger, call.id, call.parameters)


def _create_refund(call: Call) -> Document:
    return create_refund(call.ledger, call.parameters, cause=call.cause)


def _retrieve(kind: str, param: str) -> Operation:
    return lambda call: call.ledger.get(kind, call.id, param=param)


def _list(kind: str, url: str, *filters: str) -> Operation:
    return lambda call: call.ledger.page(kind, call.parameters, url=url, filters=filters)


def _list_events(call: Call) -> Document:
    parameters = call.parameters
    wanted = parameters.get("types") or [parameters.get("type", "*")]
    return call.ledger.page(EVENT, parameters, url="/v1/events", filters=(), types=wanted)


OPERATIONS: dict[str, Operation] = {
    "POST /v1/checkout/sessions": _create_session,
    "GET /v1/checkout/sessions": _list(SESSION, "/v1/checkout/sessions", "payment_intent", "status", "customer_details.email"),
    "GET /v1/checkout/sessions/{session}": _retrieve(SESSION, "session"),
    "POST /v1/checkout/sessions/{session}/expire": _expire_session,
    "GET /v1/checkout/sessions/{session}/line_items": _line_items,
    "GET /v1/payment_intents": _list(INTENT, "/v1/payment_intents"),
    "GET /v1/payment_intents/{intent}": _retrieve(INTENT, "intent"),
    "GET /v1/charges": _list(CHARGE, "/v1/charges", "payment_intent"),
    "GET /v1/charges/{charge}": _retrieve(CHARGE, "charge"),
    "POST /v1/refunds": _create_refund,
    "GET /v1/refunds": _list(REFUND, "/v1/refunds", "charge", "payment_intent"),
    "GET /v1/refunds/{refund}": _retrieve(REFUND, "refund"),
    "GET /v1/disputes": _list(DISPUTE, "/v1/disputes", "charge", "payment_intent"),
    "GET /v1/disputes/{dispute}": _retrieve(DISPUTE, "dispute"),
    "GET /v1/events": _list_events,
    "GET /v1/events/{id}": _retrieve(EVENT, "id"),
}


def stripe_app(ledger: Ledger, *, secret_key: str) -> Starlette:
    routes = []
    for name, operation in OPERATIONS.items():
        method, path = name.split(" ")
        routes.append(Route(path, _Endpoint(ledger, name, operation, secret_key=secret_key), methods=[method]))
    return Starlette(routes=routes, exception_handlers={404: _unknown_address, 405: _unknown_address})


class _Endpoint:
    def __init__(self, ledger: Ledger, name: str, operation: Operation, *, secret_key: str) -> None:
        self._ledger = ledger
        self._name = name
        self._operation = operation
        self._secret_key = secret_key

    async def __call__(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        request_id = make_id("req_", length=14)
        try:
            result = self._answer(request, body, request_id=request_id)
        except StripeRefusal as refusal:
            result = Result(refusal.status, refusal.body(), request_id)
        await _as_response(result, request, request_id=request_id)(scope, receive, send)

    def _answer(self, request: Request, body: bytes, *, request_id: str) -> Result:
        """No await from here on: one request at a time works on the books."""
        _check_key(request, self._secret_key)
        _check_version(request)
        text = _form_text(request, body)
        key = key_of(request)
        expire_due(self._ledger)
        if key is not None:
            kept = stored_result(self._ledger.books, key, path=request.url.path, parameters=parse_form(text))
            if kept is not None:
                return kept
        return self._execute(request, text, key=key, request_id=request_id)

    def _execute(self, request: Request, text: str, *, key: str | None, request_id: str) -> Result:
        cause = Cause(request_id=request_id, idempotency_key=key)
        call = Call(
            ledger=self._ledger,
            parameters=read_parameters(self._name, text),
            cause=cause,
            id=next(iter(request.path_params.values()), ""),
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )
        with self._ledger.books.transaction():
            try:
                result = Result(200, self._ledger.expanded(self._operation(call), call.parameters), request_id)
            except StripeRefusal as refusal:
                if not refusal.executed:
                    raise
                result = Result(refusal.status, refusal.body(), request_id)
            if _answer_is_lost_as_500(request):
                result = Result(500, api_error().body(), request_id)
            if key is not None:
                store_result(self._ledger.books, key, result, path=request.url.path, parameters=parse_form(text))
        return result


def _check_key(request: Request, secret_key: str) -> None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            value = base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = "unreadable"
    if value != secret_key:
        raise bad_key(f"{value[:8]}****{value[-4:]}" if value else "")


def _check_version(request: Request) -> None:
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise StripeRefusal(f"Invalid Stripe API version: {version}. The sandbox plays {API_VERSION} only.", executed=False)


def _form_text(request: Request, body: bytes) -> str:
    if request.method == "GET":
        return request.url.query
    content_type = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if content_type != FORM:
        raise StripeRefusal(f"Invalid request (check that your POST content type is {FORM}).", executed=False)
    return body.decode("utf-8", "replace")


def _answer_is_lost_as_500(request: Request) -> bool:
    fault: Fault | None = request.scope.get(FAULT_KEY)
    return fault is not None and fault.mode == "created_then_500"


def _as_response(result: Result, request: Request, *, request_id: str) -> JSONResponse:
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
    if "idempotency-key" in request.headers:
        headers["Idempotency-Key"] = request.headers["idempotency-key"]
    if result.replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": result.request_id}
    return JSONResponse(result.body, status_code=result.status, headers=headers)


async def _unknown_address(request: Request, _: Exception) -> Response:
    refusal = StripeRefusal(
        f"Unrecognized request URL ({request.method}: {request.url.path.removeprefix('/stripe')}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
    )
    return JSONResponse(refusal.body(), status_code=404)


def error_answer(mode: str, _: Fault) -> Response:
    """How Stripe says what a fault asks for."""
    refusal = {"500": api_error, "401": lambda: bad_key("sk_test_****"), "429": rate_limited}[mode]()
    return JSONResponse(refusal.body(), status_code=refusal.status, headers={"Request-Id": make_id("req_", length=14)})
