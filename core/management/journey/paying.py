"""Paying as a person does: the link of the mail, our page, "one moment", the provider's hosted page, and back. No API is asked to pay."""

import time

from core.management.journey.browser import Browser
from core.management.journey.pages import Page
from core.management.journey.steps import Failed, Patience

REFRESH_S = 1.0


def pay(link: str, *, hosted_at: str, patience: Patience) -> None:
    """`hosted_at` is where the provider's pages live."""
    browser = Browser()
    page = browser.get(link).expect("the pay page")
    hosted = _hosted_page(browser, browser.submit(page, page.form("/pay/" + link.rpartition("/")[2])), at=hosted_at, patience=patience)
    after = browser.submit(hosted, hosted.form("/pay")).expect("the page after paying")
    if not after.url.startswith(link):
        raise Failed(f"after paying the customer stands at {after.url} instead of {link}")


def _hosted_page(browser: Browser, page: Page, *, at: str, patience: Patience) -> Page:
    until = time.monotonic() + patience.seconds
    while not page.url.startswith(at):
        if not page.refreshes or page.status != 200:
            raise Failed(f"the pay button led to {page.url} ({page.status}), not to the provider's page")
        if time.monotonic() > until:
            raise Failed(f"the provider's page did not open within {patience.seconds:g} s; “one moment” it still says")
        time.sleep(REFRESH_S)
        page = browser.get(page.url)
    return page.expect("the provider's page")
