"""The whole suite, once on SQLite and once on MySQL/MariaDB: what `make test` runs, with pytest's own arguments behind it.

Services that are not there are named in the closing lines; REQUIRE_SERVICES=1 (set in .ci/run) turns a missing one into a failure.
TEST_MYSQL_URL names the server (mysql://root@127.0.0.1:3306/bidangil); its user must be allowed to make databases.
What is looked at with a browser, and what says nothing about the engine (marked `once`), runs once, on MySQL/MariaDB where it is there.
"""
# ruff: noqa: T201, S603

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "var" / "tests"
MYSQL_URL = os.environ.get("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/bidangil")
NO_TESTS_COLLECTED = 5


def mysql_is_missing() -> str:
    """Why the MySQL half cannot run; empty when it can."""
    if importlib.util.find_spec("MySQLdb") is None:
        return "its driver is not installed (libmariadb-dev, then make setup)"
    import MySQLdb

    url = urlsplit(MYSQL_URL)
    try:
        MySQLdb.connect(
            host=url.hostname or "127.0.0.1",
            port=url.port or 3306,
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            connect_timeout=3,
        ).close()
    except MySQLdb.Error:
        return f"nothing lets us in at {url.hostname}:{url.port or 3306} (TEST_MYSQL_URL)"
    return ""


def browser_is_missing() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    return "" if any(shutil.which(name) for name in names) else "no Chromium on the PATH"


def run_suite(name: str, *, database_url: str | None, arguments: list[str]) -> tuple[int, Path]:
    report = REPORTS / f"{name.lower()}.xml"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "ENVIRONMENT": "test"}
    environment.pop("DATABASE_URL", None)
    if database_url:
        environment["DATABASE_URL"] = database_url
    print(f"\n=== the suite on {name} ===", flush=True)
    # file by file in the order of conftest.py, which puts the long ones first
    spread = ["-n", os.environ.get("TEST_WORKERS", "2"), "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", *spread, f"--junitxml={report}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode, report


def counts(report: Path) -> dict[str, int]:
    if not report.exists():
        return {}
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314
    return {} if suite is None else {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}


def main(arguments: list[str]) -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    missing = {"MySQL/MariaDB": mysql_is_missing(), "Chromium": browser_is_missing()}
    # pytest's last -m holds; what stands in pyproject.toml is said again
    others = [] if missing["MySQL/MariaDB"] else ["-m", "not nightly and not browser and not once"]
    runs = [run_suite("SQLite", database_url=None, arguments=[*others, *arguments])]
    if not missing["MySQL/MariaDB"]:
        # clients, stand-ins and drawn receipts know no database, and `make run` is about the embedded one: once is enough
        once = ["--ignore=integrations", "--ignore=core/tests/ground/test_run.py", "--ignore=workflow/tests/test_receipts.py"]
        runs.append(run_suite("MariaDB", database_url=MYSQL_URL, arguments=[*once, *arguments]))

    totals = [counts(report) for _code, report in runs]
    failed = sum(total.get("failures", 0) + total.get("errors", 0) for total in totals)
    skipped = sum(total.get("skipped", 0) for total in totals)
    passed = sum(total.get("tests", 0) for total in totals) - failed - skipped
    print(f"\n{len(runs)} run(s) in {time.monotonic() - started:.0f} s")
    absent = {name: why for name, why in missing.items() if why}
    for name, why in absent.items():
        print(f"SKIPPED, {name}: {why}")
    broken = any(code not in (0, NO_TESTS_COLLECTED) for code, _report in runs)
    if absent and os.environ.get("REQUIRE_SERVICES") == "1":
        print("REQUIRE_SERVICES=1: what is missing counts as a failure")
        broken = True
    print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if broken or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
