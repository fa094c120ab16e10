"""A scanner at the arrivals page, in a real browser without the mouse: every scan lands in the field, whatever was pressed before."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from backoffice.tests.browser import IN_A_BROWSER, Shop, no_script_fails, signed_in

pytestmark = IN_A_BROWSER

ORDER = """
import json
from workflow.tests import factories
order = factories.order_at("items_purchased")
print(json.dumps([order.pk, *order.items.order_by("position").values_list("shop_order_number", flat=True)]))
"""
STATUSES = """
import json
from workflow.models import Item
print(json.dumps(list(Item.objects.filter(order={order}).order_by("position").values_list("status", flat=True))))
"""


@pytest.fixture(scope="module")
def page(shop: Shop, chromium: Any) -> Any:
    return signed_in(chromium, shop, shop.person("warehouse"))


@pytest.fixture(autouse=True)
def _no_script_fails(page: Any) -> Iterator[None]:
    with no_script_fails(page):
        yield


def test_scan_tab_enter(shop: Shop, page: Any) -> None:
    order, first, second = shop.told(ORDER)
    page.goto("/admin/arrivals/")
    field, last = page.locator("#scan"), page.locator(".bo-arrivals__last")
    for number in (first, second):
        expect(field).to_be_focused()
        page.keyboard.type(number)
        page.keyboard.press("Enter")
        expect(page.locator(".bo-line")).to_have_count(1)
        expect(field).to_be_focused()
        expect(field).to_have_value("")
        page.keyboard.press("Tab")
        expect(page.locator("button[value=fine]")).to_be_focused()
        page.keyboard.press("Enter")
        expect(last).to_contain_text("inspected")
    assert shop.told(STATUSES.format(order=order)) == ["inspected", "inspected"]
    # the last one was the wrong parcel
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(last.locator("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(last).to_have_count(0)
    assert shop.told(STATUSES.format(order=order)) == ["inspected", "purchased"]
