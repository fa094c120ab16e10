"""A request's body, read whole on the event loop: a slow, endless or half-sent one costs no thread.

Small bodies stay in memory, larger ones go to a temporary file. Limits: how large, how long between two pieces, how long in all.
"""

import asyncio
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from django.conf import settings

from core.web.problems import Problem, Receive, Scope, header

IN_MEMORY_BYTES = 256 * 1024
PIECE_S = 10.0
WHOLE_S = 120.0
#: what is read and thrown away of a body that is refused: most clients look at the answer only when they have said everything
LET_FINISH_BYTES, LET_FINISH_S = 32 * 1024 * 1024, 3.0

CLOSE = [(b"connection", b"close")]


class TooLarge(Exception):
    pass


class ClientGone(Exception):
    """Nobody is there any more to answer to."""


@dataclass
class Body:
    file: IO[Any]
    length: int


#: where staff send many photos at once
PHOTOS = re.compile(r"/admin/workflow/order/[0-9]+/photos/[a-z]+/[0-9]+/")


def is_for_photos(scope: Scope) -> bool:
    return scope["method"] == "POST" and PHOTOS.fullmatch(scope["path"]) is not None


def largest_body(scope: Scope, *, from_staff: bool = False) -> int:
    """Bytes: forms with files may be larger than anything that is parsed in memory, photos of known staff much larger."""
    kind = (header(scope, b"content-type") or "").lower()
    if from_staff and kind.startswith("multipart/") and is_for_photos(scope):
        return settings.MAX_PHOTOS_BODY_BYTES
    if scope["path"].startswith(("/api/", "/webhooks/")) and not kind.startswith("multipart/"):
        return settings.MAX_JSON_BODY_BYTES
    return settings.MAX_BODY_BYTES


async def read_body(scope: Scope, receive: Receive, *, from_staff: bool = False) -> Body:
    limit = largest_body(scope, from_staff=from_staff)
    if int(header(scope, b"content-length") or 0) > limit:
        await _refuse(scope, receive)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by whoever was handed it
    try:
        async with asyncio.timeout(WHOLE_S):
            length = await _collect(receive, file, limit)
    except TooLarge:
        file.close()
        await _refuse(scope, receive)
    except TimeoutError:
        file.close()
        raise Problem(408, "request_timeout", headers=CLOSE) from None
    except OSError:  # the disk is full
        file.close()
        raise Problem(507, "out_of_space", headers=CLOSE) from None
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return Body(file, length)


async def _refuse(scope: Scope, receive: Receive) -> NoReturn:
    """413, once the client has had its say: closing in the middle would reset the connection before the answer is read."""
    if not header(scope, b"expect"):  # who asks first is told at once
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_FINISH_S):
                await _discard(receive)
    raise Problem(413, "body_too_large", headers=CLOSE)


async def _discard(receive: Receive) -> None:
    read, more = 0, True
    while more and read < LET_FINISH_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _collect(receive: Receive, file: IO[Any], limit: int) -> int:
    length, more = 0, True
    while more:
        async with asyncio.timeout(PIECE_S):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        length += len(piece)
        if length > limit:
            raise TooLarge
        file.write(piece)
        more = message.get("more_body", False)
    return length
