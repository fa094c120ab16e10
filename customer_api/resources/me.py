"""The signed-in person: profile, devices; and whether a nickname is free."""

from datetime import datetime
from typing import Literal

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router
from ninja.responses import Status

from core.accounts import tokens
from core.accounts.models import AccessToken, User
from core.errors import Conflict, NotFound
from customer_api import security
from customer_api.paging import Paging, key_of, next_cursor, refuse_unknown
from customer_api.schema import Change, Out, Page
from customer_api.security import Asked
from customer_api.texts import Nickname, OwnPhone

router = Router(tags=["Me"])


class Person(Out):
    email: str
    nickname: str
    phone: str
    locale: str
    joined_at: datetime


class PersonChange(Change):
    nickname: Nickname = ""
    phone: OwnPhone = ""
    locale: Literal["ko", "en"] = "ko"


class Device(Out):
    id: int
    label: str
    created_at: datetime
    last_used_at: datetime
    current: bool


class NicknameTaken(Conflict):
    code = "nickname_taken"
    message = _("This nickname is taken.")

    def __init__(self) -> None:
        super().__init__(field="nickname")


class Availability(Out):
    available: bool


def person_out(user: User) -> Person:
    return Person(email=user.email, nickname=user.nickname, phone=user.phone, locale=user.locale, joined_at=user.joined_at)


@router.get("/me", response=Person)
def read_me(request: Asked) -> Person:
    return person_out(request.auth)


@router.patch("/me", response=Person)
def change_me(request: Asked, body: PersonChange) -> Person:
    """Change what is given; an empty phone removes it. SMS go to the phone, notices follow the locale."""
    user: User = request.auth
    for name, value in body.given().items():
        setattr(user, name, value)
    if body.model_fields_set:
        if User.objects.filter(nickname=user.nickname).exclude(pk=user.pk).exists():
            raise NicknameTaken
        try:
            with transaction.atomic():
                user.save(update_fields=sorted(body.model_fields_set))
        except IntegrityError:
            raise NicknameTaken from None
    return person_out(user)


@router.get("/me/tokens", response=Page[Device])
def list_tokens(request: Asked, paging: Query[Paging]) -> Page[Device]:
    """Signed-in devices, newest first."""
    refuse_unknown(request, Paging)
    after = key_of("tokens", paging.cursor)
    alive = AccessToken.objects.filter(user=request.auth, last_used_at__gte=timezone.now() - tokens.LIFETIME)
    rows = list((alive if after is None else alive.filter(pk__lt=after)).order_by("-pk")[: paging.limit + 1])
    current = tokens.digest_of(security.bearer_of(request) or "")
    return Page[Device](
        items=[_device(row, current=current) for row in rows[: paging.limit]],
        next_cursor=next_cursor("tokens", (row.pk for row in rows), limit=paging.limit),
    )


def _device(row: AccessToken, *, current: str) -> Device:
    return Device(id=row.pk, label=row.label, created_at=row.created_at, last_used_at=row.last_used_at, current=row.digest == current)


@router.delete("/me/tokens/{int:token_id}", response={204: None})
def revoke_token(request: Asked, token_id: int) -> Status:
    """Sign a device out."""
    gone, _rows = AccessToken.objects.filter(user=request.auth, pk=token_id).delete()
    if not gone:
        raise NotFound
    return Status(204, None)


@router.get("/nicknames/{nickname}", response=Availability, auth=None)
def nickname_is_free(request: HttpRequest, nickname: Nickname) -> Availability:
    return Availability(available=not User.objects.filter(nickname=nickname).exists())
