"""`Idempotency-Key`: the same request twice has one effect and one answer.

The row that claims the key is the first statement of the effect's own transaction and gets the answer as its last: both exist, or
neither. A second request with the key waits at the unique constraint until the first has ended, then reads its answer. A refused
request leaves no row, so its key may be used again.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta

import orjson
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from core.errors import BidangilError, Conflict
from customer_api.models import KeptAnswer
from customer_api.security import Asked
from workflow.transitions import retried

KEPT_FOR = timedelta(hours=48)


class KeyInvalid(BidangilError):
    code = "idempotency_key_invalid"
    message = _("An Idempotency-Key has 1 to 255 visible characters.")


class KeyReused(Conflict):
    code = "idempotency_mismatch"
    message = _("This Idempotency-Key was used for another request.")


def key_of(request: HttpRequest) -> str | None:
    """The request's key, None without one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch("[!-~]{1,255}", key):
        raise KeyInvalid
    return key


@retried
def once(request: Asked, act: Callable[[], BaseModel], *, status: int = 200) -> HttpResponse:
    """Run `act` in one transaction and answer with what it returns; under a key that was used, answer as the first time."""
    key = key_of(request)
    if key is None:
        with transaction.atomic():
            return answer(status, rendered(act()))
    row = _row(request, key)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            row.status, row.body = status, rendered(act()).decode()
            row.save(update_fields=["status", "body"])
    except IntegrityError:
        first = KeptAnswer.objects.filter(user=row.user, route=row.route, key=key).first()
        if first is None:
            raise
        if first.digest != row.digest:
            raise KeyReused from None
        return answer(first.status, first.body.encode())
    return answer(row.status, row.body.encode())


def _row(request: Asked, key: str) -> KeptAnswer:
    match = request.resolver_match
    assert match is not None
    said = json.dumps(json.loads(request.body or b"{}"), sort_keys=True)
    digest = hashlib.sha256(f"{request.path}\n{said}".encode()).hexdigest()
    return KeptAnswer(user=request.auth, route=f"{request.method} {match.route}"[:120], key=key, digest=digest)


def rendered(said: BaseModel) -> bytes:
    return orjson.dumps(said.model_dump())


def answer(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8")
