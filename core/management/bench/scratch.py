"""A database that nobody else has: made for a bench and dropped with it."""

import importlib
import importlib.util
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = "bidangil_bench_"


def server_url() -> str:
    """A MariaDB or MySQL that may be asked for a database: the configured one, else the tests' (TEST_MYSQL_URL)."""
    from django.conf import settings

    return str(settings.DATABASE_URL) if settings.MYSQL else os.environ.get("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/bidangil")


@contextmanager
def database(folder: Path, *, sqlite: bool = False) -> Iterator[str]:
    """The address (DATABASE_URL) of an empty database, on a server where one lets us in, else a file in this folder."""
    name = NAME + secrets.token_hex(4)
    server = None if sqlite else _connect(server_url())
    if server is None:
        path = folder / f"{name}.sqlite3"
        try:
            yield f"sqlite:///{path}"
        finally:
            for left in folder.glob(f"{name}.sqlite3*"):
                left.unlink()
        return
    server.query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci")
    try:
        yield urlsplit(server_url())._replace(path=f"/{name}").geturl()
    finally:
        server.query(f"DROP DATABASE {name}")
        server.close()


def _connect(url: str) -> Any:
    """None where no driver is installed, nobody answers, or we may make no database."""
    if importlib.util.find_spec("MySQLdb") is None:
        return None
    driver, said = importlib.import_module("MySQLdb"), urlsplit(url)
    try:
        return driver.connect(
            host=said.hostname or "127.0.0.1",
            port=said.port or 3306,
            user=unquote(said.username or ""),
            password=unquote(said.password or ""),
            connect_timeout=3,
        )
    except driver.Error:
        return None
