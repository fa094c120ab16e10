"""Pages for people: what is going on (/), Stripe's hosted pay page (/pay/...), the inbox, the parcels.

A GET changes nothing; every button is a POST that answers with a redirect. Templates lie in templates/, the one stylesheet in static/.
Everything is escaped; an HTML mail is shown in a sandboxed frame of its own, without scripts and without anything loaded from outside.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from integrations.sandbox import pushes
from integrations.sandbox.books import Document
from integrations.sandbox.inbox import MESSAGE, messages
from integrations.sandbox.options import Options
from integrations.sandbox.parcels import COURIERS, MORE_STATUSES, STATUSES, Parcels, UnknownParcel, read_status
from integrations.sandbox.paywords import words_for
from integrations.sandbox.stripe import payments
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.events import Cause
from integrations.sandbox.stripe.ledger import INTENT, SESSION, Ledger
from integrations.sandbox.stripe.lines import ZERO_DECIMAL
from integrations.sandbox.stripe.sessions import expire_due

HERE = Path(__file__).parent
SEOUL = ZoneInfo("Asia/Seoul")
SHOWN_SESSIONS, SHOWN_MESSAGES, SHOWN_PARCELS, SHOWN_REQUESTS = 8, 200, 60, 12
PAGE_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'"
MAIL_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")
_SYMBOLS = {"usd": "$", "krw": "₩", "jpy": "¥", "eur": "€", "gbp": "£"}


class Pages:
    def __init__(self, options: Options, ledger: Ledger, parcels: Parcels) -> None:
        self._options = options
        self._ledger = ledger
        self._books = ledger.books
        self._parcels = parcels
        self._templates = _environment()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.index),
            Route("/pay/{session}", self.pay_page),
            Route("/pay/{session}/{action}", self.press, methods=["POST"]),
            Route("/inbox", self.inbox),
            Route("/inbox/{message}", self.inbox),
            Route("/inbox/{message}/html", self.mail_body),
            Route("/parcels", self.parcels),
            Route("/parcels", self.move, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    async def index(self, _: Request) -> Response:
        expire_due(self._ledger)
        sessions = self._books.find(SESSION, limit=SHOWN_SESSIONS)
        return self._page(
            "index.html",
            here="index",
            options=self._options,
            sessions=sessions,
            mails=messages(self._books, limit=5),
            parcels=self._parcels.all()[:5],
            requests=self._books.find("request", limit=SHOWN_REQUESTS),
        )

    async def pay_page(self, request: Request) -> Response:
        session = self._session(request)
        intent = self._ledger.find(INTENT, session["payment_intent"] or "") or {}
        return self._page(
            "pay.html",
            here="pay",
            words=words_for(session["locale"], request.headers.get("accept-language", "")),
            session=session,
            lines=self._ledger.lines_of(session["id"]),
            state=_pay_state(session, intent),
            error=intent.get("last_payment_error") if session["status"] == "open" else None,
            success_url=_success_url(session),
        )

    async def press(self, request: Request) -> Response:
        """A button of the pay page. What cannot be done any more only shows the page again."""
        session, action = self._session(request), request.path_params["action"]
        moves = {
            "pay": payments.pay,
            "decline": payments.decline,
            "later": payments.pay_later,
            "settle": payments.async_succeed,
            "fail": payments.async_fail,
        }
        if action not in moves:
            raise HTTPException(404, "No such button.")
        here = f"/pay/{session['id']}"
        try:
            with self._books.transaction():
                moves[action](self._ledger, session["id"], cause=Cause())
        except StripeRefusal:
            return RedirectResponse(here, status_code=303)
        return RedirectResponse(_success_url(session) if action in ("pay", "later") else here, status_code=303)

    async def inbox(self, request: Request) -> Response:
        found = messages(self._books, limit=SHOWN_MESSAGES)
        wanted = request.path_params.get("message")
        shown = self._message(wanted) if wanted else (found[0] if found else None)
        return self._page("inbox.html", here="inbox", mails=found, shown=shown)

    async def mail_body(self, request: Request) -> Response:
        """The mail's own HTML, for the frame: the policy allows links in a new tab and nothing else."""
        html = '<!doctype html><base target="_blank">' + self._message(request.path_params["message"])["html"]
        return HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})

    async def parcels(self, request: Request) -> Response:
        return self._parcels_page(courier=request.query_params.get("courier", "fedex"), number=request.query_params.get("number", ""))

    async def move(self, request: Request) -> Response:
        async with request.form() as form:
            courier, number, status, push = (str(form.get(name, "")) for name in ("courier", "number", "status", "push"))
        try:
            parcel = self._parcels.move(courier, number, status=read_status(status))
        except UnknownParcel as error:
            return self._parcels_page(courier=courier, number=number, error=str(error), status=400)
        if push:
            await pushes.send(parcel, self._options)
        return RedirectResponse(f"/parcels#{quote(parcel['id'])}", status_code=303)

    def _parcels_page(self, *, courier: str, number: str, error: str = "", status: int = 200) -> Response:
        return self._page(
            "parcels.html",
            status=status,
            here="parcels",
            parcels=self._parcels.all()[:SHOWN_PARCELS],
            couriers={code: numbers.label for code, numbers in COURIERS.items()},
            statuses=STATUSES,
            more_statuses=MORE_STATUSES,
            courier=courier,
            number=number,
            error=error,
        )

    def _page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        html = self._templates.get_template(template).render(**values)
        return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    def _session(self, request: Request) -> Document:
        expire_due(self._ledger)
        session = self._ledger.find(SESSION, request.path_params["session"])
        if session is None:
            raise HTTPException(404, "No such checkout session.")
        return session

    def _message(self, message_id: str) -> Document:
        found = self._books.get(MESSAGE, message_id)
        if found is None:
            raise HTTPException(404, "No such message.")
        return found

    async def not_found(self, request: Request, error: Exception) -> Response:
        """For addresses that belong to no service."""
        said = error.detail if isinstance(error, HTTPException) else "Not found"
        if request.url.path.startswith("/_control"):
            return JSONResponse({"error": {"message": said}}, status_code=getattr(error, "status_code", 404))
        return self._page("error.html", status=getattr(error, "status_code", 404), here="", said=said, path=request.url.path)


def _pay_state(session: Document, intent: Document) -> str:
    """open, paid, waiting (asynchronous, under way), failed (asynchronous, came to nothing), expired"""
    if session["status"] != "complete":
        return str(session["status"])
    if session["payment_status"] == "paid":
        return "paid"
    return "waiting" if intent.get("status") == "processing" else "failed"


def _success_url(session: Document) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"money": money, "when": when, "links": with_links, "label": label}
    return environment


def money(amount: int, currency: str) -> str:
    symbol = _SYMBOLS.get(currency, "")
    return f"{symbol}{amount:,}" if currency in ZERO_DECIMAL else f"{symbol}{amount / 100:,.2f}"


def when(value: str | float, form: str = "%d %b %H:%M") -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, tz=SEOUL)
    return moment.astimezone(SEOUL).strftime(form)


def with_links(text: str) -> Markup:
    """Plain text with its addresses made clickable."""
    parts: list[Markup] = []
    position = 0
    for found in _LINK.finditer(text):
        address = escape(found.group())
        parts += [escape(text[position : found.start()]), Markup('<a href="{0}" target="_blank" rel="noreferrer">{0}</a>').format(address)]
        position = found.end()
    return Markup("").join([*parts, escape(text[position:])])


def label(status: str) -> str:
    return status.replace("_", " ").capitalize()
