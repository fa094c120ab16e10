"""Which service lives under which prefix. A new stand-in (openai, address) is one line in `_services`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from integrations.sandbox import control, ems, fedex, fx, sens, twilio, ups
from integrations.sandbox.books import Books
from integrations.sandbox.control import Control
from integrations.sandbox.ems import Ems
from integrations.sandbox.faults import ErrorAnswer, FaultGate, Faults, Recorder
from integrations.sandbox.fedex import Fedex
from integrations.sandbox.fx import Rates
from integrations.sandbox.options import Options
from integrations.sandbox.pages import Pages
from integrations.sandbox.parcels import Parcels, UnknownParcel
from integrations.sandbox.sens import Sens
from integrations.sandbox.stripe import api as stripe_api
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.idempotency import OneAtATime
from integrations.sandbox.stripe.ledger import Ledger
from integrations.sandbox.stripe.sessions import expire_due
from integrations.sandbox.stripe.webhooks import Deliveries
from integrations.sandbox.twilio import Twilio
from integrations.sandbox.ups import Ups


@dataclass(frozen=True)
class Service:
    name: str
    app: ASGIApp
    error_answer: ErrorAnswer


def build_app(options: Options, *, books: Books, faults: Faults) -> Starlette:
    ledger, parcels = Ledger(books), Parcels(books)
    routes: list[BaseRoute] = [Mount("/_control", routes=Control(options, books, faults, ledger, parcels).routes())]
    routes += [_mounted(service, books=books, faults=faults) for service in _services(options, ledger, parcels)]
    pages = Pages(options, ledger, parcels)
    routes += pages.routes()
    return Starlette(
        routes=routes,
        exception_handlers={
            control.BadQuestion: control.bad_question,
            UnknownParcel: control.bad_question,
            StripeRefusal: control.stripe_refusal,
            404: pages.not_found,
            405: pages.not_found,
        },
        lifespan=lambda _: _background(options, ledger),
    )


def _services(options: Options, ledger: Ledger, parcels: Parcels) -> list[Service]:
    keys, books = options.credentials, ledger.books
    return [
        Service("stripe", stripe_api.stripe_app(ledger, secret_key=keys.stripe_secret_key), stripe_api.error_answer),
        Service("fedex", Fedex(books, parcels, keys).app(), fedex.error_answer),
        Service("ups", Ups(books, parcels, keys).app(), ups.error_answer),
        Service("ems", Ems(parcels, service_key=keys.ems_service_key).app(), ems.error_answer),
        Service("sens", Sens(books, keys).app(), sens.error_answer),
        Service("twilio", Twilio(books, keys).app(), twilio.error_answer),
        Service("fx", Rates(krw_per_usd=options.krw_per_usd, eximbank_key=keys.eximbank_auth_key).app(), fx.error_answer),
    ]


def _mounted(service: Service, *, books: Books, faults: Faults) -> Mount:
    app: ASGIApp = FaultGate(service.app, service=service.name, faults=faults, error_answer=service.error_answer)
    if service.name == "stripe":
        app = OneAtATime(app)
    return Mount(f"/{service.name}", Recorder(app, service=service.name, books=books))


@contextlib.asynccontextmanager
async def _background(options: Options, ledger: Ledger) -> AsyncIterator[None]:
    deliveries = Deliveries(ledger, url=options.webhook_url, secrets=options.credentials.stripe_webhook_secret)
    tasks = [asyncio.create_task(deliveries.run()), asyncio.create_task(_expire_sessions(ledger))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _expire_sessions(ledger: Ledger) -> None:
    while True:
        expire_due(ledger)
        await asyncio.sleep(1)
