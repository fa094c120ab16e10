"""Plays the product's webhook address: keeps what comes, answers what the test wants."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe


@dataclass(frozen=True)
class Told:
    path: str
    headers: dict[str, str]
    body: bytes


class Listener:
    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.from_couriers: list[Told] = []
        self.statuses: list[int] = []
        """What to answer to the next ones; then 200."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.statuses.pop(0) if outer.statuses else 200
                if "Stripe-Signature" in self.headers:
                    outer.received.append((self.headers["Stripe-Signature"], body))
                else:
                    outer.from_couriers.append(Told(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.request_queue_size = 256  # a hundred copies come at once
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/stripe"

    def clear(self) -> None:
        self.received.clear()
        self.from_couriers.clear()
        self.statuses.clear()

    def events(self, *, secret: str = "whsec_sandbox") -> list[stripe.Event]:
        """All received events, each with its signature checked by the real SDK."""
        return [stripe.Webhook.construct_event(body, signature, secret) for signature, body in self.received]

    def types(self) -> list[str]:
        return sorted(event.type for event in self.events())
