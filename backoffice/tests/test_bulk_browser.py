"""The price page in a real browser: thirty items priced with the keyboard and a pasted block, one mended, saved and put back."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from backoffice.tests.browser import IN_A_BROWSER, Shop, no_script_fails, signed_in

pytestmark = IN_A_BROWSER

ORDERS = """
from workflow.tests import factories
print([factories.order_at("quote_approved", items=6).pk for _ in range(5)])
"""
ONE = """
from workflow.tests import factories
print(factories.order_at("quote_approved").pk)
"""
QUICKER = """
from workflow import work
from workflow.models import Order
from workflow.tests import factories
order = Order.objects.get(pk={order})
work.price_items(order.pk, prices={{order.items.get(position=1).pk: 9000}}, by=factories.by("buyer"))
"""
#: what the server has of these orders
STORED = """async (orders) => {
  const page = new DOMParser().parseFromString(await (await fetch("/admin/prices/")).text(), "text/html");
  return orders.flatMap((pk) => [...page.querySelectorAll(`[data-order="${pk}"] [data-cell=name]`)].map((name) =>
    `${name.value}|${name.closest("tr").querySelector("[data-cell=price]").value}`));
}"""
PASTE = """(text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def page(shop: Shop, chromium: Any) -> Any:
    """A buyer's; every question of the browser's own is answered with yes."""
    page = signed_in(chromium, shop, shop.person("buyer"))
    page.on("dialog", lambda dialog: dialog.accept())
    return page


@pytest.fixture(autouse=True)
def _no_script_fails(page: Any) -> Iterator[None]:
    with no_script_fails(page):
        yield


def said(page: Any, words: str) -> None:
    expect(page.locator("[data-said]")).to_contain_text(words)


def test_thirty_items_with_the_keyboard_and_a_pasted_block(shop: Shop, page: Any) -> None:
    # given five orders of six items, the last ones of those that wait
    orders = shop.told(ORDERS)
    page.goto("/admin/prices/")
    prices = page.locator(",".join(f"[data-order='{pk}'] [data-cell=price]" for pk in orders))
    names = page.locator(",".join(f"[data-order='{pk}'] [data-cell=name]" for pk in orders))
    expect(prices).to_have_count(30)

    def stored() -> list[str]:
        return page.evaluate(STORED, orders)

    # when three are typed: Enter and the arrow go down, Esc takes back what was typed, Tab goes across
    names.nth(0).focus()
    page.keyboard.type("모자")
    page.keyboard.press("Tab")
    page.keyboard.type("₩12,345")
    page.keyboard.press("Enter")
    page.keyboard.type("6789")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("999")
    page.keyboard.press("Escape")
    for row, value in enumerate(["12,345", "6,789", ""]):
        expect(prices.nth(row)).to_have_value(value)
    # 12,345 and 2 x 6,789 won at 1,391.25, each rounded, and 4 % of the sum, as the order's own page says
    expect(page.locator(f"[data-order='{orders[0]}'] [data-total-usd]")).to_have_text("$19.38")
    # and the others pasted from a spreadsheet, one of them no number and one too many
    page.keyboard.press("Shift+Tab")
    block = [f"Item {n}\t{'vier' if n == 20 else f'₩{n},000'}" for n in range(3, 32)]
    page.evaluate(PASTE, "\r\n".join(block) + "\r\n")
    said(page, "Pasted values that did not fit: Item 31, ₩31,000")
    expect(prices.nth(2)).to_have_value("3,000")
    expect(prices.nth(29)).to_have_value("30,000")
    expect(page.locator("[data-changed]")).to_contain_text("Changed orders: 5 · Cells that cannot be read: 1")
    # then saving says which cell was not read, and saves the rest
    page.keyboard.press("Control+s")
    said(page, "4 orders saved. 1 order not done, see its row.")
    expect(page.locator("[data-cell]:focus")).to_have_value("vier")
    expect(page.locator(".bo-cell--bad + .bo-error")).to_have_text("Please enter a whole number.")
    after = stored()
    assert (after[0], after[1], after[2], after[29]) == ("모자|12,345", "|6,789", "Item 3|3,000", "Item 30|30,000")
    assert after[18:24] == ["|"] * 6
    # and mended it is saved too
    page.keyboard.press("Control+a")
    page.keyboard.type("２０，０００원")
    page.keyboard.press("Control+s")
    said(page, "1 order saved.")
    expect(page.locator("[data-changed]")).to_have_text("Nothing changed")
    assert stored()[18:21] == ["Item 19|19,000", "Item 20|20,000", "Item 21|21,000"]
    # and both saves are put back, the last one first
    page.click("[data-undo]")
    said(page, "1 order put back.")
    expect(prices.nth(19)).to_have_value("")
    assert stored()[18:24] == ["|"] * 6
    page.click("[data-undo]")
    said(page, "4 orders put back.")
    assert set(stored()) == {"|"}
    expect(page.locator("[data-undo]")).to_be_hidden()


def test_a_colleague_was_quicker_and_the_prices_are_confirmed_all_the_same(shop: Shop, page: Any) -> None:
    order = shop.told(ONE)
    page.goto("/admin/prices/")
    first = page.locator(f"[data-order='{order}']")
    first.locator("[data-cell=price]").nth(1).fill("2000")
    shop.run(QUICKER.format(order=order))
    page.keyboard.press("Control+s")
    expect(first.locator("[data-outcome]")).to_contain_text("₩9,000")
    # what was typed stays, marked as not saved; beside it stands what the colleague saved
    for row, value in enumerate(["9,000", "2,000"]):
        expect(first.locator("[data-cell=price]").nth(row)).to_have_value(value)
    expect(first.locator(".bo-cell--changed")).to_have_count(1)
    # and pressing again, knowing it, saves and confirms
    first.locator("button[name=confirm]").click()
    said(page, "Prices of 1 order confirmed.")
    expect(first.locator("[data-cell=price]").first).to_be_disabled()
    expect(first.locator("[data-outcome]")).to_contain_text("Waiting for items payment")
