"""Imports with real processes: a browser from upload to undo, and a process killed between staging and its commit."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from core.tests.ground.conftest import MANAGE, Ground, database_of_its_own
from core.tests.ground.waiting import wait_for

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
PASSWORD = "a-long-enough-one"
SETUP = f"""
import json
from workflow.process import State
from workflow.tests import factories
buyer = factories.staff("buyer")
buyer.set_password("{PASSWORD}"); buyer.save()
factories.rate("1391.2500")
print(json.dumps({{"email": buyer.email, "orders": [factories.order_at(State.QUOTE_APPROVED).number for _ in range(2)]}}))
"""
#: everything is written and nothing is committed yet
HANGS = """
import pathlib, time
from core.accounts.models import User
from workflow.imports import applying, staging
from workflow.transitions import By
by = By.staff(User.objects.get(email="{email}"))
batch = staging.stage(kind="prices", name="killed.csv", content=b"order,item,price\\n{order},1,77000\\n", by=by)
def hang(*_said, **_more):
    pathlib.Path({mark!r}).write_text(str(batch.pk))
    time.sleep(60)
applying.record_all = hang
applying.confirm(batch.pk, only_good=False, by=by)
"""
STATE = """
import json

from workflow import audit
from workflow.models import ImportBatch, Item, OrderEvent
batch = ImportBatch.objects.get(file_name="killed.csv")
print(json.dumps([
    batch.status, Item.objects.filter(price_krw=77000).count(), OrderEvent.objects.filter(door="import", order__number="{order}").count(),
    list(audit.broken_rows()),
]))
"""


class Shop:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.made = json.loads(self.run(SETUP))

    def run(self, code: str) -> str:
        return (self.ground.manage("shell", "-v0", "-c", code).strip().splitlines() or [""])[-1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("imports")
    with database_of_its_own(directory) as database_url:
        ground = Ground(directory, database_url)
        try:
            ground.manage("migrate", "--noinput", "-v0")
            yield Shop(ground)
        finally:
            ground.close()


def test_killed_between_staging_and_commit(shop: Shop) -> None:
    # given a process that has written everything and not committed
    order, mark = shop.made["orders"][1], shop.ground.directory / "reached"
    code = HANGS.format(email=shop.made["email"], order=order, mark=str(mark))
    process = subprocess.Popen([*MANAGE, "shell", "-v0", "-c", code], env=shop.ground.environment)
    wait_for(mark.exists, seconds=40, why="it has written everything")
    # when it is killed
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # then nothing was applied, and the import stands there claimed
    assert json.loads(shop.run(STATE.format(order=order))) == ["applying", 0, 0, []]
    # and once its lease has run out, the log says so and it may be confirmed again
    shop.run("from workflow.models import ImportBatch; ImportBatch.objects.update(claimed_until='2026-01-01T00:00Z')")
    shop.run(
        "from core.accounts.models import User; from workflow.imports import applying; from workflow.transitions import By;"
        "from workflow.models import ImportBatch; batch = ImportBatch.objects.get(); assert batch.was_interrupted;"
        f"applying.confirm(batch.pk, only_good=False, by=By.staff(User.objects.get(email='{shop.made['email']}')))"
    )
    assert json.loads(shop.run(STATE.format(order=order))) == ["applied", 1, 1, []]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
def test_from_the_file_to_undo(shop: Shop) -> None:
    from playwright.sync_api import sync_playwright

    order, web = shop.made["orders"][0], shop.ground.web()
    content = f"주문번호;순번;단가\n{order};1;12,000원\n{order};2;９９００\n".encode("cp949")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=web.url, locale="en-US")
        page.goto("/admin/")
        page.fill("input[name=username]", shop.made["email"])
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/admin/")
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.click("#nav-sidebar >> text=Imports")
        page.set_input_files("input[name=file]", {"name": "가격.csv", "mimeType": "text/csv", "buffer": content})
        page.click("text=Check it")
        page.wait_for_selector("text=Apply all 2 rows")
        assert [cell.strip() for cell in page.locator("ins").all_inner_texts()] == ["₩12,000", "₩9,900"]
        page.click("text=Apply all 2 rows")
        page.wait_for_selector("#import-result:text-is('applied')")
        page.click("button:has-text('Undo')")
        page.wait_for_selector("#import-result:text-is('undone')")
        browser.close()
    assert errors == []
    assert shop.run(f"from workflow.models import Item; print(Item.objects.filter(order__number='{order}', price_krw=None).count())") == "2"
