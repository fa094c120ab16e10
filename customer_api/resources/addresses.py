"""The address book."""

from typing import Annotated

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router
from ninja.responses import Status

from core.accounts.models import Address, User
from core.errors import Conflict, NotFound
from customer_api.idempotency import once
from customer_api.paging import Paging, key_of, next_cursor, refuse_unknown
from customer_api.schema import Change, In, Out, Page
from customer_api.security import Asked
from customer_api.texts import Country, Phone, Text

router = Router(tags=["Address book"])
MOST = 100


class PostalAddress(In):
    """Where a parcel goes."""

    line1: Annotated[str, Text(longest=120, shortest=1)]
    line2: Annotated[str, Text(longest=120)] = ""
    city: Annotated[str, Text(longest=80, shortest=1)]
    state: Annotated[str, Text(longest=40, shortest=1)]
    postal_code: Annotated[str, Text(longest=12, shortest=1)]
    country: Country = "US"


class AddressEntry(PostalAddress):
    """An entry of the book: the address, and whom it is for if that is always the same person."""

    label: Annotated[str, Text(longest=40)] = ""
    recipient_name: Annotated[str, Text(longest=80)] = ""
    recipient_phone: Phone | None = None


class AddressChange(Change):
    line1: Annotated[str, Text(longest=120, shortest=1)] = ""
    line2: Annotated[str, Text(longest=120)] = ""
    city: Annotated[str, Text(longest=80, shortest=1)] = ""
    state: Annotated[str, Text(longest=40, shortest=1)] = ""
    postal_code: Annotated[str, Text(longest=12, shortest=1)] = ""
    country: Country = "US"
    label: Annotated[str, Text(longest=40)] = ""
    recipient_name: Annotated[str, Text(longest=80)] = ""
    recipient_phone: Phone | None = None


class SavedAddress(Out):
    id: int
    label: str
    recipient_name: str
    recipient_phone: str
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str


class BookFull(Conflict):
    code = "address_book_full"
    message = _("The address book is full.")


def _out(row: Address) -> SavedAddress:
    return SavedAddress(**{name: getattr(row, name) for name in SavedAddress.model_fields})


def _columns(body: In) -> dict[str, str]:
    return {name: value or "" for name, value in body.given().items()}


def address_of(user: User, address_id: int) -> Address:
    """The entry of this person's book; someone else's is as none."""
    row = Address.objects.filter(user=user, pk=address_id).first()
    if row is None:
        raise NotFound
    return row


@router.get("", response=Page[SavedAddress])
def list_addresses(request: Asked, paging: Query[Paging]) -> Page[SavedAddress]:
    refuse_unknown(request, Paging)
    after = key_of("addresses", paging.cursor)
    mine = Address.objects.filter(user=request.auth)
    rows = list((mine if after is None else mine.filter(pk__lt=after)).order_by("-pk")[: paging.limit + 1])
    return Page[SavedAddress](
        items=[_out(row) for row in rows[: paging.limit]],
        next_cursor=next_cursor("addresses", (row.pk for row in rows), limit=paging.limit),
    )


@router.post("", response={201: SavedAddress})
def save_address(request: Asked, body: AddressEntry) -> HttpResponse:
    def act() -> SavedAddress:
        user = User.objects.select_for_update().get(pk=request.auth.pk)
        if user.addresses.count() >= MOST:
            raise BookFull
        return _out(Address.objects.create(user=user, **_columns(body)))

    return once(request, act, status=201)


@router.patch("/{int:address_id}", response=SavedAddress)
@transaction.atomic
def change_address(request: Asked, address_id: int, body: AddressChange) -> SavedAddress:
    row = address_of(request.auth, address_id)
    changed = _columns(body)
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save(update_fields=sorted(changed))
    return _out(row)


@router.delete("/{int:address_id}", response={204: None})
def forget_address(request: Asked, address_id: int) -> Status:
    """Orders keep their own copy of the address."""
    address_of(request.auth, address_id).delete()
    return Status(204, None)
