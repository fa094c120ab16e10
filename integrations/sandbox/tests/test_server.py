"""The process: quick to start, a busy port is named, an ordinary end, nothing acknowledged is lost by kill -9, no orphan is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from integrations.sandbox.testing import ROOT, running_sandbox, wait_until
from integrations.sandbox.tests.builders import create
from integrations.sandbox.tests.conftest import stripe_client


def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    with running_sandbox(books=tmp_path / "books.sqlite3") as sandbox:
        client = stripe_client(sandbox)
        made = [create(client, key=f"k{number}").id for number in range(20)]
        sandbox.pay(made[0])
        sandbox.move_parcel("fedex", "986578788855", "picked_up")
        before = sandbox.books()

        sandbox.kill()
        sandbox.restart()

        assert sandbox.books() == before
        assert create(client, key="k7").id == made[7]
        assert sandbox.get("parcels")["items"][0]["number"] == "986578788855"
        assert sandbox.requests("stripe")[0]["status"] == 200


def test_it_starts_quickly_and_ends_with_code_0_even_while_it_holds_an_answer(tmp_path: Path) -> None:
    started = time.monotonic()
    with running_sandbox() as sandbox:
        assert time.monotonic() - started < 10  # well under 2 s on a quiet machine
        sandbox.faults("fx", "hang", seconds=60)
        hanging = subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as r; r.urlopen('{sandbox.url}/fx/currency-api/v1/currencies/usd.min.json')"],
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: sandbox.requests("fx"))
        stopped = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - stopped < 6
        assert sandbox.process.returncode == 0
        hanging.wait(timeout=5)
        assert "Traceback" not in sandbox.log()


def test_a_busy_port_is_named() -> None:
    with running_sandbox() as sandbox:
        command = [sys.executable, "-m", "integrations.sandbox", "--port", str(sandbox.port), "--books", str(sandbox.books_path) + ".other"]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert f"Port {sandbox.port} on 127.0.0.1 cannot be used" in second.stderr


def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from integrations.sandbox.testing import running_sandbox\n"
        "with running_sandbox() as sandbox:\n"
        "    print(sandbox.process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    starter.stdout.close()
    wait_until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path(f"/proc/{pid}/stat").exists() else True


def test_the_django_command_serves_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--books", str(tmp_path / "b.sqlite3"), "--webhook-url", ""]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline() or "null")
    assert told, process.communicate()[1]
    assert requests.get(told["sandbox"], timeout=5).status_code == 200
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0
