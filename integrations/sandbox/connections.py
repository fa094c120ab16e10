"""Dropping a TCP connection in the middle of a request: what no ASGI message can say, so we keep the transports at hand."""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class RememberedProtocol(H11Protocol):
    """uvicorn's own protocol; it only notes which transport belongs to which caller."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client is not None:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _transports.pop(self.client, None)
        super().connection_lost(exc)


async def drop_connection(scope: Scope) -> None:
    """Resets the caller's connection (RST, no closing handshake), as a dying server or a firewall does."""
    transport = _transports.get(tuple(scope["client"]))
    if transport is None or transport.is_closing():
        return
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.01)  # let uvicorn see that the caller is gone, or it reports an answer that never came
