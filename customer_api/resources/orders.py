"""A customer's orders: request a quote, look, change the request, and the moves that are the customer's.

What may happen when is decided in workflow/ (process.py, intake.py); paying is `checkout.py`, cancelling `cancellation.py`.
"""

import hashlib
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router
from pydantic import Field, model_validator

from core import events
from core.accounts.models import User
from core.errors import BidangilError, NotFound
from customer_api.idempotency import answer, once, rendered
from customer_api.paging import Paging, key_of, next_cursor, refuse_unknown
from customer_api.resources.addresses import PostalAddress, address_of
from customer_api.resources.order_answers import OrderOut, order_out
from customer_api.schema import Change, In, Nothing, Page
from customer_api.security import Asked
from customer_api.texts import Phone, ProductUrl, Text, refusal
from workflow import intake, queries
from workflow.intake import MAX_ITEMS, MAX_QUANTITY, Destination, WantedItem
from workflow.models import Order
from workflow.process import State
from workflow.transitions import By, lock_order, perform

router = Router(tags=["Orders"])
MAX_ID = 2**63 - 1


# --- Requests -------------------------------------------------------------------------------------------------------------


class ItemWanted(In):
    url: ProductUrl
    options: Annotated[str, Text(longest=500, lines=True)] = ""
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)] = 1
    note: Annotated[str, Text(longest=1000, lines=True)] = ""


class Recipient(In):
    name: Annotated[str, Text(longest=80, shortest=1)]
    phone: Phone


class OrderRequest(In):
    items: Annotated[list[ItemWanted], Field(min_length=1, max_length=MAX_ITEMS)]
    address: PostalAddress | None = None
    address_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    recipient: Recipient | None = None
    note: Annotated[str, Text(longest=2000, lines=True)] = ""

    @model_validator(mode="after")
    def one_address(self) -> "OrderRequest":
        if (self.address is None) == (self.address_id is None):
            raise refusal("address_choice")
        if self.address is not None and self.recipient is None:
            raise refusal("recipient_missing")
        return self


class OrderChange(Change):
    items: Annotated[list[ItemWanted], Field(min_length=1, max_length=MAX_ITEMS)] = []
    address: PostalAddress | None = None
    address_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    recipient: Recipient | None = None
    note: Annotated[str, Text(longest=2000, lines=True)] = ""

    @model_validator(mode="after")
    def one_address(self) -> "OrderChange":
        if self.address is not None and self.address_id is not None:
            raise refusal("address_choice")
        return self


class OrderFilters(Paging):
    state: Literal[tuple(State.values)] | None = None  # type: ignore[valid-type]
    open: bool | None = None


class RecipientMissing(BidangilError):
    status_code = 422
    code = "recipient_missing"
    message = _("Please say who receives the parcel and their telephone number.")


class ChangedMeanwhile(BidangilError):
    status_code = 412
    code = "changed_meanwhile"
    message = _("Somebody changed this order meanwhile. Please look at it again.")


# --- Reading --------------------------------------------------------------------------------------------------------------


@router.get("", response=Page[OrderOut])
def list_orders(request: Asked, response: HttpResponse, filters: Query[OrderFilters]) -> Page[OrderOut]:
    """Own orders, newest first. `open=true`: only those that are not closed."""
    refuse_unknown(request, OrderFilters)
    user: User = request.auth
    before = key_of("orders", filters.cursor)
    response["Event-Stream-Position"] = events.position(events.user_channel(user.pk))
    states = None if filters.state is None else [filters.state]
    rows = queries.orders_page(user.pk, states=states, is_open=filters.open, before_id=before, limit=filters.limit)
    return Page[OrderOut](
        items=[order_out(row, user=user) for row in rows[: filters.limit]],
        next_cursor=next_cursor("orders", (row.pk for row in rows), limit=filters.limit),
    )


@router.get("/{number}", response=OrderOut)
def read_order(request: Asked, number: str) -> HttpResponse:
    """One order with everything. Its ETag may be sent as If-None-Match (304) and, with a change, as If-Match."""
    user: User = request.auth
    position = events.position(events.user_channel(user.pk))
    order = my_order(user, number)
    body = rendered(order_out(order, user=user, scans=True))
    etag = f'"{order.version}-{hashlib.sha256(body).hexdigest()[:20]}"'
    seen = parse_etags(request.headers.get("If-None-Match", ""))
    response = HttpResponse(status=304) if etag in [tag.removeprefix("W/") for tag in seen] or seen == ["*"] else answer(200, body)
    response["ETag"] = etag
    response["Event-Stream-Position"] = position
    patch_cache_control(response, private=True, no_cache=True)
    return response


def my_order(user: User, number: str) -> Order:
    order = queries.order_of(user.pk, number)
    if order is None:
        raise NotFound
    return order


def my_order_id(user: User, number: str) -> int:
    """Someone else's order is as none."""
    order_id = queries.order_id_of(user.pk, number)
    if order_id is None:
        raise NotFound
    return order_id


def order_now(user: User, number: str) -> OrderOut:
    return order_out(my_order(user, number), user=user, scans=True)


# --- Requesting and changing ----------------------------------------------------------------------------------------------


@router.post("", response={201: OrderOut})
def request_order(request: Asked, body: OrderRequest) -> HttpResponse:
    """Ask for a quote: 1 to 50 products by their addresses, to `address_id` of the address book or to `address` and `recipient`.

    Nothing is paid yet.
    """
    user: User = request.auth

    def act() -> OrderOut:
        parts = _destination(user, body)
        if not parts.get("recipient_name") or not parts.get("recipient_phone"):
            raise RecipientMissing(field="recipient")
        destination = Destination(**parts)
        items = _wanted(body.items)
        order = intake.request_quote(user, items=items, destination=destination, by=By.customer(user), note=body.note)
        return order_out(queries.just_made(order, items), user=user, scans=True)

    return once(request, act, status=201)


@router.patch("/{number}", response=OrderOut)
def change_order(request: Asked, number: str, body: OrderChange) -> OrderOut:
    """Items (all of them anew), note, address or recipient, while the quote is only requested."""
    user: User = request.auth
    order_id = my_order_id(user, number)
    changes: dict[str, Any] = {}
    if "items" in body.model_fields_set:
        changes["items"] = _wanted(body.items)
    if "note" in body.model_fields_set:
        changes["note"] = body.note
    with transaction.atomic():
        _refuse_if_changed(request, order_id)
        destination = _destination(user, body)
        if destination:
            changes["destination"] = destination
        if changes:
            intake.change_request(order_id, by=By.customer(user), **changes)
    return order_now(user, number)


def _refuse_if_changed(request: Asked, order_id: int) -> None:
    """If-Match: the version in the ETag must still be the order's, under its lock."""
    wanted = parse_etags(request.headers.get("If-Match", ""))
    if not wanted or wanted == ["*"]:
        return
    version = str(lock_order(order_id).version)
    if version not in {tag.strip('"').partition("-")[0] for tag in wanted}:
        raise ChangedMeanwhile


def _wanted(items: list[ItemWanted]) -> list[WantedItem]:
    return [WantedItem(url=item.url, options=item.options, quantity=item.quantity, note=item.note) for item in items]


def _destination(user: User, body: OrderRequest | OrderChange) -> dict[str, str]:
    """The parts of the destination that the body names, from it or from the address book; the recipient in the body wins."""
    parts: dict[str, str] = {}
    if body.address_id is not None:
        saved = address_of(user, body.address_id)
        parts = {"recipient_name": saved.recipient_name, "recipient_phone": saved.recipient_phone} if saved.recipient_name else {}
    source = body.address if body.address_id is None else saved
    if source is not None:
        parts |= {name: getattr(source, name) for name in ("line1", "line2", "city", "postal_code", "country")} | {"region": source.state}
    if body.recipient is not None:
        parts |= {"recipient_name": body.recipient.name, "recipient_phone": body.recipient.phone}
    return parts


# --- The customer's moves -------------------------------------------------------------------------------------------------


@router.post("/{number}/renew", response=OrderOut)
def renew_order(request: Asked, number: str, body: Nothing | None = None) -> HttpResponse:
    """Ask again after the quote has run out; staff confirm the prices at today's rate."""
    return _move(request, number, "renew_quote")


@router.post("/{number}/confirm-delivery", response=OrderOut)
def confirm_delivery(request: Asked, number: str, body: Nothing | None = None) -> HttpResponse:
    """Everything came: the order is completed."""
    return _move(request, number, "complete")


def _move(request: Asked, number: str, name: str) -> HttpResponse:
    user: User = request.auth
    order_id = my_order_id(user, number)

    def act() -> OrderOut:
        perform(order_id, name, by=By.customer(user))
        return order_now(user, number)

    return once(request, act)
