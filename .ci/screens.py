"""Pictures of the back office's main pages for docs/screens, and of the public tracking page: light and dark, Korean and English,
against a running `make run`.

    .venv/bin/python .ci/screens.py [--base-url http://127.0.0.1:8000] [--width 1440] [--to docs/screens] [--only home,order-priced]

The pages are those of the owner's sidebar, an order in each kind of work, and those of `BESIDE` below.
"""
# ruff: noqa: T201

import argparse
import io
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OWNER, PASSWORD = "owner@example.com", "bidangil-demo"
LANGUAGES = {"en": "en-US", "ko": "ko-KR"}
THEMES = ("light", "dark")
#: order pages: the state in which the page shows that work
ORDERS = {
    "screen": "quote_requested",
    "price": "quote_approved",
    "buy": "items_paid",
    "weigh": "at_warehouse",
    "ship": "delivery_paid",
    "shipped": "shipped",
    "returned": "returned",
}
#: pages that no sidebar leads to
BESIDE = {
    "promises": "/admin/promises/",
    "couriers": "/admin/couriers/",
    "letters": "/admin/letters/",
    "letter": "/admin/letters/confirm_item_prices/",
    "roles": "/admin/roles/",
    "fees": "/admin/workflow/feepolicy/",
    "fees-add": "/admin/workflow/feepolicy/add/",
    "rate-cards": "/admin/workflow/ratecard/",
    "rate-card-add": "/admin/workflow/ratecard/add/",
    "rate-card-try": "/admin/workflow/ratecard/try/",
    "exchange-rates": "/admin/workflow/exchangerate/",
    "two-step": "/admin/two-step/",
    "export": "/admin/workflow/order/export/",
}


def addresses(page: Page) -> Iterator[tuple[str, str]]:
    """(name, path) of every main page: the sidebar's, then orders at work."""
    for link in page.eval_on_selector_all("#nav-sidebar a[href^='/admin/']", "links => links.map(link => link.getAttribute('href'))"):
        path = link.split("?")[0]
        yield re.sub(r"[^a-z]+", "-", path.removeprefix("/admin/")).strip("-") or "home", path
    for name, state in ORDERS.items():
        page.goto(f"/admin/workflow/order/?state={state}")
        found = page.locator("a[href*='/admin/workflow/order/'][href*='/change/']").first
        if found.count():
            yield f"order-{name}", str(found.get_attribute("href")).split("?")[0]
    yield from _of_an_order(page)
    yield from BESIDE.items()


def _of_an_order(page: Page) -> Iterator[tuple[str, str]]:
    """The arrivals of one that was bought, and the public page of one that was shipped."""
    page.goto("/admin/workflow/order/?state=items_purchased")
    number = page.locator("#result_list a[href*='/change/']").first
    if number.count():
        yield "arrivals-found", f"/admin/arrivals/?q={number.inner_text().strip()}"
    page.goto("/admin/workflow/order/?state=shipped")
    order = page.locator("#result_list a[href*='/change/']").first
    if order.count():
        page.goto(str(order.get_attribute("href")))
        yield "track", str(page.locator("#order-parcels a[href*='/track/']").first.get_attribute("href"))


def sign_in(browser: Browser, *, base_url: str, language: str, theme: Any, width: int) -> Page:
    context = browser.new_context(
        base_url=base_url, locale=LANGUAGES[language], color_scheme=theme, viewport={"width": width, "height": 1000}
    )
    page = context.new_page()
    page.goto("/admin/login/")
    page.fill("input[name=username]", OWNER)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
    return page


def picture(page: Page, path: Path) -> None:
    """A page's picture in 64 colours: a quarter of the bytes, and letters stay sharp."""
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    shot.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "screens")
    parser.add_argument("--only", default="", help="names of pages, with commas")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    only = set(filter(None, options.only.split(",")))
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pages: dict[str, str] = {}
        for language in LANGUAGES:
            for theme in THEMES:
                page = sign_in(browser, base_url=options.base_url, language=language, theme=theme, width=options.width)
                pages = pages or dict(addresses(page))
                for name, path in pages.items():
                    if only and name not in only:
                        continue
                    answer = page.goto(path)
                    # the streams of live pages never end: quiet is when the page itself stands
                    page.wait_for_timeout(400)
                    print(f"{answer.status if answer else '-'} {name} {language} {theme} {path}", flush=True)
                    picture(page, options.to / f"{name}-{language}-{theme}.png")
                page.context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
