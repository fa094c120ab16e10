"""A database of its own for real processes, on the engine of this test run, and the processes themselves."""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from core.management.running import is_free
from core.tests.ground.actor import Actor
from core.tests.ground.copies import Copy
from core.tests.ground.streams import Stream
from core.tests.ground.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
MANAGE = [sys.executable, str(ROOT / "manage.py")]


def free_port(*, and_next: bool = False) -> int:
    """Below the range that the kernel gives to outgoing connections, so that it stays free until it is used."""
    while True:
        port = random.randrange(15000, 30000)
        if all(is_free("127.0.0.1", port + step) for step in range(1 + and_next)):
            return port


@contextmanager
def database_of_its_own(directory: Path, *, like: Copy | None = None) -> Iterator[str]:
    """Its DATABASE_URL; empty, or `like` the one that migrations have made."""
    if not settings.MYSQL:
        path = directory / "ground.sqlite3"
        if like:
            like.write(path)
        yield f"sqlite:///{path}"
        return
    import MySQLdb

    server = urlsplit(settings.DATABASE_URL)
    name = f"bidangil_ground_{secrets.token_hex(4)}"
    login = {"host": server.hostname, "port": server.port or 3306, "user": server.username, "passwd": server.password or ""}
    admin = MySQLdb.connect(**login)
    admin.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci")
    try:
        if like:
            with closing(MySQLdb.connect(**login, database=name, charset="utf8mb4")) as connection:
                like.write(connection)
        yield server._replace(path=f"/{name}").geturl()
    finally:
        admin.cursor().execute(f"DROP DATABASE {name}")
        admin.close()


class Ground:
    """Starts processes against one database and ends whatever is left of them."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self.directory = directory
        self.database_url = database_url
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))},
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "ENVIRONMENT": "test",
            "DATABASE_URL": database_url,
            "VAR_DIR": str(directory / "var"),
            "SECRET_KEY": "only-for-the-tests-of-the-ground-" + "x" * 30,
        }
        self.started: list[subprocess.Popen[bytes]] = []
        self.actors: list[Actor] = []
        self.webs: list[Web] = []

    def manage(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [*MANAGE, *arguments], env={**self.environment, **environment}, check=False, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        environment = {**self.environment, **environment}
        with (self.directory / f"log-{len(self.started)}.txt").open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self.started.append(process)
        return process

    def actor(self) -> Actor:
        self.actors.append(Actor(self.environment))
        return self.actors[-1]

    def web(self, **constants: float) -> "Web":
        """`manage.py web`; `constants` are the clocks of core.web that a test cannot wait for, e.g. `streams__RECHECK_S=0.5`."""
        port = free_port()
        process = self.start(sys.executable, "-m", "core.tests.ground.quick_web", PORT=str(port), CLOCKS=json.dumps(constants))
        web = Web(process, port)
        self.webs.append(web)
        wait_for(web.answers, why="the web process answers")
        return web

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("log-*.txt")))

    def close(self) -> None:
        for web in self.webs:
            web.close()
        for actor in self.actors:
            actor.close()
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Web:
    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.streams: list[Stream] = []

    def stream(self, **how: Any) -> Stream:
        self.streams.append(Stream(self.port, **how))
        return self.streams[-1]

    def close(self) -> None:
        """Its clients' side; the process goes on."""
        while self.streams:
            self.streams.pop().close()

    def answers(self) -> bool:
        assert self.process.poll() is None, "the web process ended"
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, *, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(self.url + path, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, dict(answer.headers), answer.read()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, as_migrated: Copy) -> Iterator[str]:
    with database_of_its_own(tmp_path_factory.mktemp("ground"), like=as_migrated) as database_url:
        yield database_url


@contextmanager
def standing(directory: Path, database_url: str) -> Iterator[Ground]:
    ground = Ground(directory, database_url)
    try:
        yield ground
    finally:
        ground.close()
        print(ground.logs())


@pytest.fixture
def ground(migrated: str, tmp_path: Path) -> Iterator[Ground]:
    """For a test that starts or ends processes of its own."""
    with standing(tmp_path, migrated) as ground:
        yield ground


@pytest.fixture(scope="module")
def shared(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """For the tests of one file that only talk to what runs."""
    with standing(tmp_path_factory.mktemp("shared"), migrated) as ground:
        yield ground


@pytest.fixture
def actor(ground: Ground) -> Actor:
    return ground.actor()
