"""A client of event streams, over a plain socket: it reads lines as they come, and can stop reading."""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.tests.ground.waiting import PATIENCE_S, wait_for


@dataclass(frozen=True)
class Event:
    id: int
    kind: str
    data: dict[str, Any]
    at: float


class Stream:
    """Connects at once and reads in a thread until the server or `close` ends it."""

    def __init__(self, port: int, *, token: str = "", session: str = "", last_id: int | None = None, path: str = "/api/v1/events") -> None:
        headers = ["Host: 127.0.0.1", "Accept: text/event-stream"]
        headers += [f"Authorization: Bearer {token}"] if token else []
        headers += [f"Cookie: sessionid={session}"] if session else []
        headers += [f"Last-Event-ID: {last_id}"] if last_id is not None else []
        self.events: list[Event] = []
        self.comments = 0
        self.ended_at = 0.0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.sendall(("\r\n".join([f"GET {path} HTTP/1.1", *headers]) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(self.file.readline, b"\r\n"))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            self._read_chunks()
        self.ended_at = time.monotonic()

    def _read_chunks(self) -> None:
        waiting = ""
        while size := int(self.file.readline() or b"0", 16):
            waiting += self.file.read(size).decode()
            self.file.readline()
            *blocks, waiting = waiting.split("\n\n")
            for block in blocks:
                self._take(block)

    def _take(self, block: str) -> None:
        if block.startswith(":"):
            self.comments += 1
            return
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            self.events.append(Event(int(fields["id"]), fields["event"], json.loads(fields["data"]), time.monotonic()))

    @property
    def numbers(self) -> list[int]:
        return [event.data["number"] for event in self.events]

    def wait_for(self, count: int, *, seconds: float = PATIENCE_S) -> None:
        wait_for(lambda: len(self.events) >= count, seconds=seconds, why=f"{count} events, got {len(self.events)}")

    def wait_for_end(self, *, seconds: float = PATIENCE_S) -> float:
        return wait_for(lambda: self.ended_at, seconds=seconds, why="the stream ends")

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.file.close()
        self.socket.close()
