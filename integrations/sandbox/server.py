"""Starts one sandbox: the sockets (127.0.0.1 only), the mail port, signals. Called by `manage.py sandbox` and `__main__.py`."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn

from integrations.sandbox.app import build_app
from integrations.sandbox.books import Books
from integrations.sandbox.connections import RememberedProtocol
from integrations.sandbox.faults import Faults
from integrations.sandbox.mailport import open_mail_port
from integrations.sandbox.options import DEFAULT_BOOKS, Options, default_port, default_webhook_url

HOST = "127.0.0.1"
PARENT_LOOK_SECONDS = 0.5
log = logging.getLogger("sandbox")


class PortIsBusy(Exception):
    """Another process has the port; the message names it."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=default_port(), help="HTTP port (default SANDBOX_PORT or 8001; 0: any free one)")
    parser.add_argument("--mail-port", type=int, default=None, help="SMTP port (default: the HTTP port + 1)")
    parser.add_argument("--books", type=Path, default=DEFAULT_BOOKS, help=f"where it remembers (default {DEFAULT_BOOKS})")
    parser.add_argument(
        "--webhook-url", default=None, help="where Stripe's events go (default PUBLIC_BASE_URL + /webhooks/stripe; empty: nowhere)"
    )


def options_from(arguments: Namespace) -> Options:
    mail_port = arguments.mail_port
    if mail_port is None:
        mail_port = arguments.port + 1 if arguments.port else 0
    webhook_url = default_webhook_url() if arguments.webhook_url is None else arguments.webhook_url
    rate = os.environ.get("SANDBOX_KRW_PER_USD") or Options.krw_per_usd
    return Options(port=arguments.port, mail_port=mail_port, books=arguments.books, webhook_url=webhook_url, krw_per_usd=rate)


def run(options: Options) -> None:
    """Serves until SIGINT or SIGTERM; raises PortIsBusy before anything else has happened."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    for noisy in ("mail.log", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    http, mail = listen(options.port), listen(options.mail_port)
    real = replace(options, port=http.getsockname()[1], mail_port=mail.getsockname()[1])
    asyncio.run(_serve(real, http=http, mail=mail))


def listen(port: int) -> socket.socket:
    # The protocol is named, or asyncio leaves Nagle's algorithm on and every answer on a kept connection waits 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError as error:
        sock.close()
        raise PortIsBusy(f"Port {port} on {HOST} cannot be used: {error.strerror}.") from error
    sock.listen(1024)
    return sock


class _Server(uvicorn.Server):
    """uvicorn, told to stop by our own signal handlers so that a stop is an ordinary end (exit code 0)."""

    def __init__(self, config: uvicorn.Config, *, faults: Faults) -> None:
        super().__init__(config)
        self._faults = faults

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        self._faults.clear()  # a held answer would hold up the end
        self.should_exit = True


async def _serve(options: Options, *, http: socket.socket, mail: socket.socket) -> None:
    books, faults = Books(options.books), Faults()
    server = _Server(_uvicorn_config(options, books=books, faults=faults), faults=faults)
    mail_server = await open_mail_port(mail, books=books, faults=faults)
    watcher = asyncio.create_task(_announce(server, options))
    try:
        await server.serve(sockets=[http])
    finally:
        watcher.cancel()
        mail_server.close()
        books.close()


def _uvicorn_config(options: Options, *, books: Books, faults: Faults) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(options, books=books, faults=faults),
        http=RememberedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


async def _announce(server: _Server, options: Options) -> None:
    """One line of JSON once it serves (whoever started it reads the ports there); then, for tests, watch the parent."""
    parent = os.getppid()
    while not server.started:
        await asyncio.sleep(0.01)
    sys.stdout.write(json.dumps({"sandbox": options.base_url, "mail_port": options.mail_port, "books": str(options.books)}) + "\n")
    sys.stdout.flush()
    while options.end_with_parent:
        await asyncio.sleep(PARENT_LOOK_SECONDS)
        if os.getppid() != parent:
            server.stop()
            return
