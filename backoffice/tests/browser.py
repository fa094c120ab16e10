"""A shop that really runs, for the tests that look at it with a real browser: a database, a web process, people who can sign in.

One per test process, for all the files that ask for `shop` (conftest.py); each file's browser is its own, and so is what it puts into
the shop. Others have been there before: count what is yours.

Whatever a click, a key or another process sets going takes its time, on a loaded machine a long one. So nothing is read off a page but by
`expect(...)`, which waits for it, and where a whole page comes anew, `sees` waits until its scripts are there too.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from playwright.sync_api import expect

from core.tests.ground.actor import Actor
from core.tests.ground.conftest import Ground, Web

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
#: what a test module says of itself
IN_A_BROWSER = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]

#: for what a loaded machine may take long for; nothing waits longer than it must
PATIENCE_MS = 40_000
expect.set_options(timeout=PATIENCE_MS)

PASSWORD = "a-long-enough-one"
PERSON = f"""
import json
from workflow.tests import factories
one = factories.staff(*{{roles!r}})
one.set_password("{PASSWORD}"); one.save()
print(json.dumps([one.pk, one.email, one.nickname]))
"""


@dataclass(frozen=True)
class Person:
    pk: int
    email: str
    nickname: str


class Shop:
    """At 1,391.25 won for a dollar. What happens elsewhere is done by another process, `run(code)`."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.elsewhere: Actor = ground.actor()
        self.run('from workflow.tests import factories; factories.rate("1391.2500")')

    @cached_property
    def web(self) -> Web:
        return self.ground.web()

    def run(self, code: str) -> str:
        """The last line it prints."""
        return (self.elsewhere.call("run", code).strip().splitlines() or [""])[-1]

    def told(self, code: str) -> Any:
        return json.loads(self.run(code))

    def person(self, *roles: str) -> Person:
        return Person(*self.told(PERSON.format(roles=roles)))


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Not longer than for one file: while it stands, its event loop keeps this process from Django's database."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Any, shop: Shop) -> Any:
    """A browser of somebody who has not signed in yet."""
    page = browser.new_context(base_url=shop.web.url, locale="en-US").new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def log_in(page: Any, person: Person) -> None:
    page.goto("/admin/login/")
    page.fill("input[name=username]", person.email)
    page.fill("input[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")


def signed_in(browser: Any, shop: Shop, person: Person) -> Any:
    """That person's browser, on the home page."""
    page = new_page(browser, shop)
    log_in(page, person)
    page.wait_for_url("**/admin/")
    return page


def sees(page: Any, words: str) -> None:
    """These words, on a page that has loaded: before that its buttons are plain links, without their dialogs."""
    expect(page.locator(f"text={words}").first).to_be_visible()
    page.wait_for_load_state()


@contextlib.contextmanager
def no_script_fails(*pages: Any) -> Iterator[None]:
    """Errors of the pages' own scripts fail the test that made them."""
    errors: list[str] = []

    def note(error: Any) -> None:
        errors.append(str(error))

    for page in pages:
        page.on("pageerror", note)
    yield
    for page in pages:
        page.remove_listener("pageerror", note)
    assert errors == []
