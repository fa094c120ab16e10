"""`manage.py run`: up, down, killed, started again; a busy port. With a database of its own and without demo data."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.management.commands.cluster import LAST_WORD_S
from core.tests.ground.conftest import MANAGE, Ground, database_of_its_own, free_port
from core.tests.ground.processes import alive, family, read
from core.tests.ground.waiting import wait_for, wait_until_gone

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Ground]:
    """Nothing migrated yet."""
    with database_of_its_own(tmp_path) as database_url:
        ground = Ground(tmp_path, database_url)
        ground.environment |= {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port(and_next=True))}
        try:
            yield ground
        finally:
            ground.close()
            print(ground.logs())


def start(ground: Ground) -> "subprocess.Popen[bytes]":
    process = ground.start(*MANAGE, "run", "--no-demo")
    log = ground.directory / f"log-{len(ground.started) - 1}.txt"

    def runs() -> bool:
        assert process.poll() is None, log.read_text()
        return "Bidangil runs." in log.read_text()

    wait_for(runs, seconds=120, why="it says that it runs")
    return process


def get(ground: Ground, variable: str, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{ground.environment[variable]}{path}", timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_comes_up_green_goes_down_within_ten_seconds_and_comes_up_again(empty: Ground, number: signal.Signals) -> None:
    process = start(empty)
    assert get(empty, "PORT", "/readyz") == '{"status": "ready", "degraded": [], "detail": {}}'
    assert "bidangil-demo" in empty.logs()
    assert get(empty, "SANDBOX_PORT", "/")
    wait_for(lambda: len(family(process.pid)) > 14, why="run, sandbox, web, worker, two clusters with their workers")
    everything = family(process.pid)
    started = time.monotonic()
    os.killpg(process.pid, number)  # as Ctrl-C does: to the whole group
    process.wait(15)
    assert time.monotonic() - started < 10
    assert [pid for pid in everything if alive(pid)] == []
    again = time.monotonic()
    process = start(empty)
    assert time.monotonic() - again < 20
    process.send_signal(number)
    assert process.wait(15) == 0


def test_killed_outright_it_leaves_nothing_behind(empty: Ground) -> None:
    process = start(empty)
    wait_for(lambda: len(family(process.pid)) > 14)
    everything = family(process.pid)
    process.kill()
    process.wait()
    wait_until_gone(everything, seconds=LAST_WORD_S + 10, why="all end by themselves")


def test_when_a_part_ends_by_itself_all_of_it_ends_and_says_so(empty: Ground) -> None:
    process = start(empty)
    wait_for(lambda: len(family(process.pid)) > 14)
    everything = family(process.pid)
    [web] = [pid for pid in everything if b"\0web\0" in read(pid, "cmdline")]
    os.kill(web, signal.SIGKILL)
    assert process.wait(15) == 1
    assert "web ended by itself" in empty.logs()
    assert [pid for pid in everything if alive(pid)] == []


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_busy_port_is_named_before_anything_starts(empty: Ground, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(empty.environment[variable])))
        other.listen()
        process = empty.start(*MANAGE, "run")
        assert process.wait(30) == 1
    assert f"Port {empty.environment[variable]} " in empty.logs()
    assert f"{variable}=" in empty.logs()
    assert "Preparing" not in empty.logs()
