"""The customer's event stream, open for the whole journey; every event is kept."""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from core.management.journey.steps import Failed, Patience

#: the server speaks at least every 20 s
SILENCE_S = 40.0


@dataclass(frozen=True)
class Event:
    id: int
    kind: str
    data: dict[str, Any]
    after_s: float


class Stream:
    def __init__(self, url: str, *, token: str, patience: Patience) -> None:
        self.events: list[Event] = []
        self._patience = patience
        self._ended = ""
        self._began = time.monotonic()
        parts = urlsplit(url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = connect(parts.hostname or "", parts.port, timeout=SILENCE_S)
        self._connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}", "Accept": "text/event-stream"})
        self._answer = self._opened(self._connection.getresponse())
        self._thread = threading.Thread(target=self._follow, name="event-stream", daemon=True)
        self._thread.start()

    def wait_for(self, event: str, /, **data: object) -> list[Event]:
        """The events of this name with these data, once there is one."""

        def look() -> list[Event]:
            found = self.seen(event, **data)
            if not found and self._ended:
                raise Failed(f"the event stream ended early: {self._ended}")
            return found

        said = ", ".join(f"{name}={value}" for name, value in data.items())
        return self._patience.wait(f"the event {event} ({said})", look)

    def wait_until(self, position: int) -> None:
        """Every event up to this id is here."""
        self._patience.wait(f"the event with the id {position}", lambda: any(event.id >= position for event in self.events))

    def seen(self, name: str, /, **data: object) -> list[Event]:
        return [event for event in list(self.events) if event.kind == name and data.items() <= event.data.items()]

    def as_documents(self) -> list[dict[str, object]]:
        return [asdict(event) for event in list(self.events)]

    def close(self) -> None:
        with suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._answer.close()
        self._connection.close()

    @staticmethod
    def _opened(answer: HTTPResponse) -> HTTPResponse:
        kind = answer.headers.get_content_type()
        if answer.status != 200 or kind != "text/event-stream":
            raise Failed(f"the event stream answered {answer.status} with {kind}")
        return answer

    def _follow(self) -> None:
        try:
            self._read()
            self._ended = "the server ended it"
        except (OSError, HTTPException, ValueError) as error:
            self._ended = f"{type(error).__name__}: {error}"

    def _read(self) -> None:
        fields: dict[str, str] = {}
        while line := self._answer.readline():
            text = line.decode().rstrip("\r\n")
            name, _colon, value = text.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif not text:
                self._take(fields)
                fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        if "event" in fields:
            after = round(time.monotonic() - self._began, 3)
            self.events.append(Event(int(fields["id"]), fields["event"], json.loads(fields.get("data") or "{}"), after))
