"""Signed-in staff, what the pages' forms send, and a running shop with a browser for those that need one."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from backoffice.tests import browser
from core.accounts import staff_sessions
from core.tests.ground.conftest import Ground, database_of_its_own
from core.tests.ground.copies import Copy
from workflow import adjustments
from workflow.models import Adjustment, LedgerEntry, Order, OrderEvent, Refund, RefundLine
from workflow.process import Role, State
from workflow.tests import factories


@pytest.fixture(autouse=True)
def _no_remembered_badges():
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def sign_in(db):
    """A browser of a new member of staff with these roles; its person is `client.user`."""

    def make(*roles: str, csrf: bool = False) -> Client:
        client = Client(enforce_csrf_checks=csrf)
        client.user = factories.staff(*roles)
        client.force_login(client.user)
        session = client.session
        staff_sessions.begin(session, two_steps=False)
        session.save()
        return client

    return make


@pytest.fixture
def owner(sign_in) -> Client:
    return sign_in(Role.OWNER)


# --- A real browser over real processes (browser.py) ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, as_migrated: Copy) -> Iterator[browser.Shop]:
    directory = tmp_path_factory.mktemp("shop")
    with database_of_its_own(directory, like=as_migrated) as database_url:
        ground = Ground(directory, database_url)
        try:
            yield browser.Shop(ground)
        finally:
            ground.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.chromium() as running:
        yield running


# --- What the pages' forms send -------------------------------------------------------------------------------------------


def page_url(order: Order) -> str:
    return f"/admin/workflow/order/{order.pk}/change/"


def do_url(order: Order, transition: str) -> str:
    return f"/admin/workflow/order/{order.pk}/do/{transition}/"


def work_url(order: Order, task: str) -> str:
    return f"/admin/workflow/order/{order.pk}/enter/{task}/"


def said(response) -> list[str]:
    """The messages on a page."""
    return [str(message) for message in response.context["messages"]] if response.context else []


def fingerprint(order: Order) -> tuple:
    """Everything a refused change must leave alone."""
    fresh = Order.objects.get(pk=order.pk)
    return (
        fresh.state,
        fresh.version,
        fresh.last_event_number,
        fresh.delivery_fee_krw,
        fresh.hold_reason,
        fresh.question,
        list(fresh.items.values_list("pk", "status", "price_krw", "name", "screening_note", "shop_order_number", "parcel_id")),
        list(fresh.parcels.values_list("pk", "weight_g", "tracking_number")),
        list(fresh.invoices.values_list("pk", "status")),
    )


# --- Money ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(db) -> Order:
    """The items are bought: 10,000 and 2 x 20,000 won at 1,400 for a dollar, and 4 % of them."""
    return factories.order_at(State.ITEMS_PURCHASED)


@pytest.fixture
def waiting(db) -> Order:
    """50,000 won of difference are billed at once."""
    order = factories.order_at(State.ITEMS_PAID)
    adjustments.raise_prices(order.pk, prices_krw={order.items.get(position=1).pk: 60_000}, by=factories.by(Role.BUYER))
    return factories.reload(order)


def url_of(order: Order, what: str) -> str:
    return f"/admin/workflow/order/{order.pk}/{what}/"


def lines_of(order: Order, kind: str = "items") -> list:
    return list(order.invoices.get(kind=kind).lines.order_by("position"))


def books(order: Order) -> tuple:
    """Everything that a refused change must leave alone."""
    rows = [model.objects.filter(order=order) for model in (Refund, LedgerEntry, Adjustment, OrderEvent)]
    rows.append(RefundLine.objects.filter(refund__order=order))
    return (*fingerprint(order), *(list(found.order_by("pk").values_list()) for found in rows))


def shown(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
