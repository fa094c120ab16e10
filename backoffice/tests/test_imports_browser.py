"""Imports with real processes: a browser from upload to undo, and a process killed between staging and its commit."""

import os
import signal
import subprocess
from typing import Any

import pytest
from playwright.sync_api import expect

from backoffice.tests.browser import CHROMIUM, Person, Shop, no_script_fails, sees, signed_in
from core.tests.ground.conftest import MANAGE
from core.tests.ground.waiting import wait_for

ORDER = """
from workflow.tests import factories
print(factories.order_at("quote_approved").number)
"""
#: everything is written and nothing is committed yet
HANGS = """
import pathlib, time
from core.accounts.models import User
from workflow.imports import applying, staging
from workflow.transitions import By
by = By.staff(User.objects.get(pk={buyer}))
batch = staging.stage(kind="prices", name="killed.csv", content=b"order,item,price\\n{order},1,77000\\n", by=by)
def hang(*_said, **_more):
    pathlib.Path({mark!r}).write_text(str(batch.pk))
    time.sleep(600)
applying.record_all = hang
applying.confirm(batch.pk, only_good=False, by=by)
"""
CONFIRM = """
from core.accounts.models import User
from workflow.imports import applying
from workflow.models import ImportBatch
from workflow.transitions import By
ImportBatch.objects.filter(file_name="killed.csv").update(claimed_until="2026-01-01T00:00Z")
batch = ImportBatch.objects.get(file_name="killed.csv")
assert batch.was_interrupted
applying.confirm(batch.pk, only_good=False, by=By.staff(User.objects.get(pk={buyer})))
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


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> Person:
    return shop.person("buyer")


def test_killed_between_staging_and_commit(shop: Shop, buyer: Person) -> None:
    # given a process that has written everything and not committed
    order, mark = shop.run(ORDER), shop.ground.directory / "reached"
    code = HANGS.format(buyer=buyer.pk, order=order, mark=str(mark))
    process = subprocess.Popen([*MANAGE, "shell", "-v0", "-c", code], env=shop.ground.environment)
    wait_for(mark.exists, seconds=90, why="it has written everything")
    # when it is killed
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # then nothing was applied, and the import stands there claimed
    assert shop.told(STATE.format(order=order)) == ["applying", 0, 0, []]
    # and once its lease has run out, the log says so and it may be confirmed again
    shop.run(CONFIRM.format(buyer=buyer.pk))
    assert shop.told(STATE.format(order=order)) == ["applied", 1, 1, []]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
def test_from_the_file_to_undo(shop: Shop, buyer: Person, chromium: Any) -> None:
    order = shop.run(ORDER)
    content = f"주문번호;순번;단가\n{order};1;12,000원\n{order};2;９９００\n".encode("cp949")
    page = signed_in(chromium, shop, buyer)
    with no_script_fails(page):
        page.click("#nav-sidebar >> text=Imports")
        page.set_input_files("input[name=file]", {"name": "가격.csv", "mimeType": "text/csv", "buffer": content})
        page.click("text=Check it")
        sees(page, "Apply all 2 rows")
        expect(page.locator("ins")).to_have_text(["₩12,000", "₩9,900"])
        page.click("text=Apply all 2 rows")
        expect(page.locator("#import-result")).to_have_text("applied")
        page.wait_for_load_state()
        page.click("button:has-text('Undo')")
        expect(page.locator("#import-result")).to_have_text("undone")
    assert shop.run(f"from workflow.models import Item; print(Item.objects.filter(order__number='{order}', price_krw=None).count())") == "2"
