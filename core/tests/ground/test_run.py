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

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A directory and a database: nothing is migrated until the first test has started it."""
    directory = tmp_path_factory.mktemp("run")
    with database_of_its_own(directory) as database_url:
        yield directory, database_url


@pytest.fixture
def ground(place: tuple[Path, str]) -> Iterator[Ground]:
    directory, database_url = place
    for log in directory.glob("log-*.txt"):
        log.unlink()
    ground = Ground(directory, database_url)
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
    with urllib.request.urlopen(f"http://127.0.0.1:{ground.environment[variable]}{path}", timeout=60) as answer:
        return answer.read().decode()


def stop(ground: Ground, process: "subprocess.Popen[bytes]", *, by: signal.Signals, whole_group: bool) -> float:
    """Seconds until all of it is gone."""
    everything = whole(process)
    started = time.monotonic()
    # Ctrl-C goes to the whole group
    os.killpg(process.pid, by) if whole_group else process.send_signal(by)
    assert process.wait(60) == 0
    took_s = time.monotonic() - started
    assert [pid for pid in everything if alive(pid)] == []
    return took_s


def whole(process: "subprocess.Popen[bytes]") -> list[int]:
    """Run, sandbox, web, worker, two clusters with their workers: all that there is to end."""
    wait_for(lambda: len(family(process.pid)) > 14, why="all of it runs")
    return family(process.pid)


def test_it_comes_up_green_goes_down_within_ten_seconds_and_comes_up_again(ground: Ground) -> None:
    process = start(ground)
    assert get(ground, "PORT", "/readyz") == '{"status": "ready", "degraded": [], "detail": {}}'
    assert "bidangil-demo" in ground.logs()
    assert get(ground, "SANDBOX_PORT", "/")
    downs, ups = [stop(ground, process, by=signal.SIGINT, whole_group=True)], []
    for by, whole_group in ((signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGINT, False)):
        started = time.monotonic()
        process = start(ground)
        ups.append(time.monotonic() - started)
        downs.append(stop(ground, process, by=by, whole_group=whole_group))
    assert max(downs) < 10, downs
    assert max(ups) < 20, ups


def test_killed_outright_it_leaves_nothing_behind(ground: Ground) -> None:
    process = start(ground)
    everything = whole(process)
    process.kill()
    process.wait()
    wait_until_gone(everything, seconds=LAST_WORD_S + 10, why="all end by themselves")


def test_when_a_part_ends_by_itself_all_of_it_ends_and_says_so(ground: Ground) -> None:
    process = start(ground)
    everything = whole(process)
    [web] = [pid for pid in everything if b"\0web\0" in read(pid, "cmdline")]
    os.kill(web, signal.SIGKILL)
    assert process.wait(60) == 1
    assert "web ended by itself" in ground.logs()
    assert [pid for pid in everything if alive(pid)] == []


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_busy_port_is_named_before_anything_starts(ground: Ground, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(ground.environment[variable])))
        other.listen()
        process = ground.start(*MANAGE, "run")
        assert process.wait(60) == 1
    assert f"Port {ground.environment[variable]} " in ground.logs()
    assert f"{variable}=" in ground.logs()
    assert "Preparing" not in ground.logs()
