"""The tests' door, /_control: faults, the record of requests, and what payers, banks and couriers do.

Every answer is JSON; a mistake in the question is a 400 or 404, a move that cannot be made now (paying an expired session) a 409.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.sandbox import pushes
from integrations.sandbox.books import Books, Document
from integrations.sandbox.faults import MODES, SERVICES, Fault, Faults, recorded_requests
from integrations.sandbox.inbox import messages
from integrations.sandbox.options import Options
from integrations.sandbox.parcels import Parcels, read_status, read_time
from integrations.sandbox.stripe import payments
from integrations.sandbox.stripe.disputes import close_dispute, open_dispute
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.events import DELIVERY, Cause, queue_delivery
from integrations.sandbox.stripe.ledger import CHARGE, DISPUTE, EVENT, INTENT, REFUND, SESSION, Ledger
from integrations.sandbox.stripe.refunds import STATUSES, create_refund, settle_refund
from integrations.sandbox.stripe.sessions import expire_due, expire_session

MOST_COPIES = 1000
MOST_PARCELS = 100_000


class BadQuestion(Exception):
    """The caller asked for something that does not exist: 400."""


@dataclass(frozen=True)
class Wish:
    """The JSON body of a control call, read with its checks."""

    fields: Document

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.fields.get(name, default)
        if not isinstance(value, str):
            raise BadQuestion(f"`{name}` must be a text")
        return value

    def number(self, name: str, *, at_least: float = 0) -> float | None:
        value = self.fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < at_least):
            raise BadQuestion(f"`{name}` must be a number, at least {at_least}")
        return value

    def whole(self, name: str, *, at_least: int = 0) -> int | None:
        value = self.number(name, at_least=at_least)
        if value is not None and not isinstance(value, int):
            raise BadQuestion(f"`{name}` must be a whole number")
        return value

    def chosen(self, name: str, among: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.text(name, default=default)
        if value not in among:
            raise BadQuestion(f"`{name}` must be one of {', '.join(among)}")
        return value

    def cause(self) -> Cause:
        copies = self.whole("deliver")
        if copies is not None and copies > MOST_COPIES:
            raise BadQuestion(f"`deliver` must be at most {MOST_COPIES}")
        return Cause(deliver=1 if copies is None else copies)


async def read_wish(request: Request) -> Wish:
    body = await request.body()
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise BadQuestion("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise BadQuestion("the body must be a JSON object")
    return Wish(fields)


class Control:
    def __init__(self, options: Options, books: Books, faults: Faults, ledger: Ledger, parcels: Parcels) -> None:
        self._options = options
        self._parcels = parcels
        self._books = books
        self._faults = faults
        self._ledger = ledger

    def routes(self) -> list[Route]:
        moves: dict[str, Callable[[Wish], Document]] = {
            "pay": self._pay,
            "expire": lambda wish: expire_session(self._ledger, wish.text("session"), cause=wish.cause()),
            "async_succeed": lambda wish: payments.async_succeed(self._ledger, wish.text("session"), cause=wish.cause()),
            "async_fail": lambda wish: payments.async_fail(self._ledger, wish.text("session"), cause=wish.cause()),
            "refund": self._refund,
            "dispute": self._dispute,
            "deliver": self._deliver,
        }
        return [
            Route("/faults", self.faults, methods=["GET", "POST"]),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/requests", self.requests),
            Route("/inbox", self.inbox),
            Route("/parcels", self.all_parcels, methods=["GET"]),
            Route("/parcels", self.make_parcels, methods=["POST"]),
            Route("/parcels/{courier}/{number}", self.move_parcel, methods=["POST"]),
            Route("/stripe", self.stripe_books),
            *(Route(f"/stripe/{name}", self._move(move), methods=["POST"]) for name, move in moves.items()),
        ]

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            wish = await read_wish(request)
            fault = Fault(
                service=wish.chosen("service", SERVICES),
                mode=wish.chosen("mode", MODES),
                path=wish.text("path", default=""),
                seconds=wish.number("seconds"),
                times=wish.whole("times", at_least=1),
                number=wish.text("number", default=""),
            )
            self._faults.add(fault)
            return JSONResponse(fault.as_document(), status_code=201)
        return JSONResponse({"items": self._faults.as_documents()})

    async def reset(self, request: Request) -> Response:
        """Ends all faults, lets go of held answers, forgets the record of requests. `{"books": true}` forgets everything else too."""
        wish = await read_wish(request)
        self._faults.clear()
        if wish.fields.get("books") is True:
            self._books.clear()
        else:
            self._books.clear("request")
        return JSONResponse({"reset": True, "books": wish.fields.get("books") is True})

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"items": recorded_requests(self._books, service=request.query_params.get("service"))})

    async def inbox(self, request: Request) -> Response:
        """Newest first; `?limit=` of them."""
        asked = request.query_params
        limit = asked.get("limit", "-1")
        if not re.fullmatch(r"-1|[0-9]{1,6}", limit):
            raise BadQuestion("`limit` must be a whole number")
        found = messages(self._books, channel=asked.get("channel"), to=asked.get("to"), limit=int(limit))
        return JSONResponse({"items": found})

    async def all_parcels(self, _: Request) -> Response:
        return JSONResponse({"items": self._parcels.all()})

    async def make_parcels(self, request: Request) -> Response:
        """`{"courier", "count", "status", "at"}`: many new parcels in one go, for measurements; answers with their numbers."""
        wish = await read_wish(request)
        count = wish.whole("count", at_least=1) or 1
        if count > MOST_PARCELS:
            raise BadQuestion(f"`count` must be at most {MOST_PARCELS}")
        status = read_status(wish.text("status", default="in_transit"))
        numbers = self._parcels.make(wish.text("courier"), count=count, status=status, at=_time_in(wish))
        return JSONResponse({"numbers": numbers}, status_code=201)

    async def move_parcel(self, request: Request) -> Response:
        """`"push": true`: the courier tells the product at once, `deliver` times; `pushed` are its answers."""
        wish = await read_wish(request)
        courier, number = request.path_params["courier"], request.path_params["number"]
        copies = wish.cause().deliver
        parcel = self._parcels.move(courier, number, status=read_status(wish.text("status")), at=_time_in(wish))
        if wish.fields.get("push") is True:
            return JSONResponse(parcel | {"pushed": await pushes.send(parcel, self._options, copies=copies)})
        return JSONResponse(parcel)

    async def stripe_books(self, _: Request) -> Response:
        """All of Stripe's objects, oldest first."""
        expire_due(self._ledger)
        kinds = {
            "sessions": SESSION,
            "payment_intents": INTENT,
            "charges": CHARGE,
            "refunds": REFUND,
            "disputes": DISPUTE,
            "events": EVENT,
            "deliveries": DELIVERY,
        }
        return JSONResponse({name: self._books.find(kind, oldest_first=True) for name, kind in kinds.items()})

    def _move(self, move: Callable[[Wish], Document]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            wish = await read_wish(request)
            expire_due(self._ledger)
            with self._books.transaction():
                return JSONResponse(move(wish))

        return endpoint

    def _pay(self, wish: Wish) -> Document:
        amount = wish.whole("amount", at_least=1)
        if wish.fields.get("async") is True:
            return payments.pay_later(self._ledger, wish.text("session"), cause=wish.cause())
        return payments.pay(self._ledger, wish.text("session"), cause=wish.cause(), amount=amount)

    def _refund(self, wish: Wish) -> Document:
        """As in Stripe's dashboard. `{"refund": "re_...", "status": "failed"}` tells what became of an earlier one."""
        if "refund" in wish.fields:
            return settle_refund(self._ledger, wish.text("refund"), status=wish.chosen("status", STATUSES), cause=wish.cause())
        charge = self._charge_of(wish)
        amount = wish.whole("amount", at_least=1)
        parameters = {"charge": charge["id"]} | ({"amount": amount} if amount else {})
        status = wish.chosen("status", STATUSES, default="succeeded")
        return create_refund(self._ledger, parameters, cause=wish.cause(), status=status)

    def _dispute(self, wish: Wish) -> Document:
        """`{"dispute": "dp_...", "status": "won"|"lost"}` closes an earlier one."""
        if "dispute" in wish.fields:
            return close_dispute(self._ledger, wish.text("dispute"), status=wish.text("status"), cause=wish.cause())
        reason = wish.text("reason", default="fraudulent")
        return open_dispute(self._ledger, self._charge_of(wish), amount=wish.whole("amount", at_least=1), reason=reason, cause=wish.cause())

    def _charge_of(self, wish: Wish) -> Document:
        return payments.paid_charge(self._ledger, self._ledger.get(SESSION, wish.text("session"), param="session"))

    def _deliver(self, wish: Wish) -> Document:
        event = self._ledger.get(EVENT, wish.text("event"), param="event")
        times = wish.whole("times", at_least=1) or 1
        if times > MOST_COPIES:
            raise BadQuestion(f"`times` must be at most {MOST_COPIES}")
        queue_delivery(self._ledger, event["id"], copies=times)
        return event


def _time_in(wish: Wish) -> datetime | None:
    return read_time(wish.text("at")) if wish.fields.get("at") is not None else None


async def bad_question(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": {"message": str(error)}}, status_code=400)


async def stripe_refusal(_: Request, error: Exception) -> Response:
    """The Stripe stand-in would not do it: its own words, its status."""
    refusal = error if isinstance(error, StripeRefusal) else StripeRefusal(str(error))
    return JSONResponse(refusal.body(), status_code=refusal.status)
