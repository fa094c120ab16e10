"""A day in the back office, from three requests to three shipped orders: a buyer and a colleague in the warehouse, each in a browser of
their own, over a running web process, worker and stand-ins for Stripe and the couriers. What is seen is also looked up in the database.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from backoffice.tests.browser import IN_A_BROWSER, Person, Shop, no_script_fails, sees, signed_in
from core.tests.ground.outside import working
from core.tests.ground.waiting import wait_for

pytestmark = [*IN_A_BROWSER, pytest.mark.timeout(400)]

REQUESTS = """
import json
from workflow.tests import factories
made = [factories.new_order(items=items) for items in (3, 2, 2)]
print(json.dumps([[order.pk, order.number] for order in made]))
"""
APPROVED = """
from workflow.tests import factories
print(factories.order_at("quote_approved").pk)
"""
#: where an order is, and its items and parcels
ORDER = """
import json
from workflow.models import Order
order = Order.objects.get(pk={order})
print(json.dumps({{
    "state": order.state,
    "version": order.version,
    "items": [[item.status, item.price_krw, item.name, item.shop_order_number] for item in order.items.order_by("position")],
    "parcels": [[parcel.weight_g, parcel.courier, parcel.tracking_number] for parcel in order.parcels.all()],
    "fee": order.delivery_fee_krw,
    "moves": [event.name for event in order.events.order_by("number") if event.from_state != event.to_state],
}}))
"""
TOPIC = """
import json
from workflow.models import Item
item = Item.objects.get(order={order}, position=3)
print(json.dumps([item.status, item.restriction.code, item.screening_note]))
"""
SESSION = """
from workflow.models import Attempt
open = Attempt.objects.filter(invoice__order={order}, invoice__kind="{kind}", status="open").first()
print(open.session_id if open else "")
"""
BATCH = """
import json
from workflow.models import ImportBatch
print(json.dumps(list(ImportBatch.objects.order_by("-pk").values_list("status", "applied_count")[:1])))
"""
ARRIVED = """
from workflow.models import Order
from workflow.tests import factories
for pk in {orders}:
    factories.confirm_fee(factories.receive(Order.objects.get(pk=pk)))
"""
AS_OF = "from workflow.models import ExchangeRate; ExchangeRate.objects.update(as_of='{day}')"
PASTE = """(text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
#: a form of somebody else's work, sent all the same
SEND = """async ([address, fields]) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const body = new URLSearchParams({ ...fields, csrfmiddlewaretoken: token });
  return (await fetch(address, { method: "POST", body, redirect: "manual" })).status;
}"""


class Desk:
    """One person's browser."""

    def __init__(self, page: Any, person: Person) -> None:
        self.page, self.person = page, person

    def open(self, order: int) -> None:
        self.page.goto(f"/admin/workflow/order/{order}/change/")

    def save(self, button: str, said: str) -> None:
        self.page.click(f"#order-entries button:has-text('{button}')")
        self.sees(f"{said}: saved.")

    def press(self, move: str, said: str) -> None:
        self.page.click(f"a[data-move={move}]")
        self.page.locator("dialog button.bo-button--primary").click()
        self.sees(f"“{said}” is done.")

    def sees(self, words: str) -> None:
        sees(self.page, words)

    def import_file(self, kind: str, content: str, *, rows: int) -> None:
        """As far as the dry run."""
        self.page.goto("/admin/imports/")
        self.page.check(f"input[name=kind][value={kind}]", force=True)
        self.page.set_input_files("input[name=file]", {"name": f"{kind}.csv", "mimeType": "text/csv", "buffer": content.encode()})
        self.page.click("text=Check it")
        self.sees(f"Apply all {rows} rows")

    def apply_file(self, *, rows: int) -> None:
        """And the orders it completes move on; through when the page, which reloads itself, has nothing more to follow."""
        self.page.check("input[name=and_move]")
        self.page.click(f"text=Apply all {rows} rows")
        expect(self.page.locator("#import-result")).to_have_text("applied")
        expect(self.page.locator("[data-progress]")).to_have_count(0)


@pytest.fixture(scope="module")
def outside(shop: Shop) -> Iterator[Any]:
    with working(shop.ground, shop.web) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def buyer(shop: Shop, chromium: Any) -> Desk:
    return sit_down(shop, chromium, "buyer")


@pytest.fixture(scope="module")
def warehouse(shop: Shop, chromium: Any) -> Desk:
    return sit_down(shop, chromium, "warehouse")


def sit_down(shop: Shop, chromium: Any, role: str) -> Desk:
    """Somebody who says yes to whatever the browser asks back."""
    person = shop.person(role)
    page = signed_in(chromium, shop, person)
    page.on("dialog", lambda dialog: dialog.accept())
    return Desk(page, person)


@pytest.fixture(autouse=True)
def _no_script_fails(buyer: Desk, warehouse: Desk) -> Iterator[None]:
    with no_script_fails(buyer.page, warehouse.page):
        yield


def look(shop: Shop, order: int) -> dict[str, Any]:
    return shop.told(ORDER.format(order=order))


def pay(shop: Shop, outside: Any, order: int, kind: str) -> None:
    """The customer does, at Stripe."""
    asked = SESSION.format(order=order, kind=kind)
    wait_for(lambda: shop.run(asked), seconds=90, why="the worker has opened a session at Stripe")
    outside.pay(shop.run(asked))


def wait_for_state(shop: Shop, orders: list[int], state: str) -> None:
    wait_for(lambda: {look(shop, order)["state"] for order in orders} == {state}, seconds=90, why=f"all are {state}")


def fill_each(page: Any, name: str, values: list[str]) -> None:
    fields = page.locator(f"[name^={name}-]")
    expect(fields).to_have_count(len(values))
    for place, value in enumerate(values):
        fields.nth(place).fill(value)


def test_a_day(shop: Shop, outside: Any, buyer: Desk, warehouse: Desk) -> None:
    requests = shop.told(REQUESTS)
    orders, numbers = [pk for pk, _number in requests], [number for _pk, number in requests]
    by_hand, by_paste, by_file = orders

    # --- The buyer screens: all of it is fine, but one item is alcohol
    for order in orders:
        buyer.open(order)
        buyer.page.click("text=Approve all")
        if order == by_hand:
            buyer.page.locator("[name^=verdict-][value=rejected]").nth(2).check(force=True)
            buyer.page.locator("[name^=topic-]").nth(2).select_option("alcohol")
            note = buyer.page.locator("[name^=note-]").nth(2)
            expect(note).to_have_value(re.compile("주류"))  # in the customer's language
            reason = note.input_value()
        buyer.save("Save screening", "Screening")
        buyer.press("approve_quote", "Approve quote")
    assert shop.told(TOPIC.format(order=by_hand)) == ["rejected", "alcohol", reason]
    assert [[item[0] for item in look(shop, order)["items"]] for order in orders] == [
        ["approved", "approved", "rejected"],
        ["approved", "approved"],
        ["approved", "approved"],
    ]

    # --- and prices: one order on its page,
    buyer.open(by_hand)
    fill_each(buyer.page, "price_krw", ["12,000", "8,500원"])
    buyer.save("Save prices", "Prices")
    assert [item[1] for item in look(shop, by_hand)["items"]] == [12_000, 8_500, None]
    buyer.press("confirm_item_prices", "Confirm item prices")
    # one on the page of all prices, pasted from a spreadsheet,
    buyer.page.goto("/admin/prices/")
    sheet = buyer.page.locator(f"[data-order='{by_paste}']")
    sheet.locator("[data-cell=name]").first.focus()
    buyer.page.evaluate(PASTE, "모자\t₩20,000\r\nSocks\t3000\r\n")
    sheet.locator("button[name=confirm]").click()
    expect(sheet.locator("[data-outcome]")).to_contain_text("Waiting for items payment")
    assert [item[1:3] for item in look(shop, by_paste)["items"]] == [[20_000, "모자"], [3_000, "Socks"]]
    # and one by a file, which changes nothing before it is confirmed
    buyer.import_file("prices", f"order,item,price\n{numbers[2]},1,15000\n{numbers[2]},2,7000\n", rows=2)
    assert [item[1] for item in look(shop, by_file)["items"]] == [None, None]
    buyer.apply_file(rows=2)
    assert shop.told(BATCH) == [["applied", 2]]
    wait_for_state(shop, orders, "awaiting_item_payment")
    assert [item[1] for item in look(shop, by_file)["items"]] == [15_000, 7_000]

    # --- The customers pay; the buyer's page says so by itself
    buyer.open(by_hand)
    for order in orders:
        pay(shop, outside, order, "items")
    expect(buyer.page.locator("#order-head")).to_contain_text("Items paid, to be bought")
    wait_for_state(shop, orders, "items_paid")
    # while the warehouse has nothing to do with it yet but to note what the shops will send
    warehouse.open(by_hand)
    warehouse.sees("Next: Buyer")
    expect(warehouse.page.locator("[data-move]")).to_have_count(0)
    expect(warehouse.page.locator("#order-entries form")).to_have_count(1)
    expect(warehouse.page.locator("#order-entries form")).to_have_attribute("action", re.compile("/enter/expect_items/"))
    address = f"/admin/workflow/order/{by_hand}/do/mark_items_purchased/"
    assert warehouse.page.evaluate(SEND, [address, {"version": look(shop, by_hand)["version"]}]) == 403

    # --- The buyer buys
    for order in orders:
        buyer.open(order)
        fill_each(buyer.page, "shop_order_number", [f"S-{order}-1", f"S-{order}-2"])
        fill_each(buyer.page, "paid_price_krw", ["11,000", "16,000"])
        buyer.save("Save purchases", "Purchases")
        buyer.press("mark_items_purchased", "Mark items purchased")
        assert look(shop, order)["state"] == "items_purchased"
    assert [item[3] for item in look(shop, by_hand)["items"]] == [f"S-{by_hand}-1", f"S-{by_hand}-2", ""]
    # and has no more to do with it than to note the numbers of the shops' parcels
    buyer.sees("Next: Warehouse")
    expect(buyer.page.locator("#order-entries form:not([action$='/expect_items/']), [data-move]")).to_have_count(0)
    address = f"/admin/workflow/order/{by_hand}/enter/receive_items/"
    assert buyer.page.evaluate(SEND, [address, {"version": look(shop, by_hand)["version"]}]) == 403

    # --- The warehouse receives, weighs and asks for the delivery fee
    warehouse.open(by_hand)
    expect(warehouse.page.locator("[name=item]:checked")).to_have_count(0)
    warehouse.save("Everything arrived and is fine", "Arrivals")
    warehouse.press("receive_at_warehouse", "Receive at warehouse")
    warehouse.page.locator("[name=weight_g]").fill("1,200")
    warehouse.page.locator("[name=volume_cm3]").fill("6000")
    warehouse.save("Add parcel", "Parcels")
    expect(warehouse.page.locator("[name=fee_krw]")).to_have_value(re.compile(r"^[1-9]\d*$"))  # proposed from the weight
    warehouse.page.locator("[name=fee_krw]").fill("30,000")
    warehouse.page.locator("form[action*=set_delivery_fee] [name=reason]").fill("a round sum")  # far from what is proposed
    warehouse.save("Save fee", "Delivery fee")
    warehouse.press("confirm_delivery_fee", "Confirm delivery fee")
    seen = look(shop, by_hand)
    assert (seen["state"], seen["fee"], seen["parcels"]) == ("awaiting_delivery_payment", 30_000, [[1_200, "", ""]])
    shop.run(ARRIVED.format(orders=[by_paste, by_file]))
    for order in orders:
        pay(shop, outside, order, "delivery")
    expect(warehouse.page.locator("#order-head")).to_contain_text("Delivery paid, to be shipped")
    wait_for_state(shop, orders, "delivery_paid")

    # --- and ships all of it with the courier's list of tracking numbers
    labels = ["986578788866", "EG123456799KR", "EG123456808KR"]
    content = "주문번호,택배사,송장번호\n" + "".join(f"{number},,{label}\n" for number, label in zip(numbers, labels, strict=True))
    warehouse.import_file("tracking", content, rows=3)
    assert look(shop, by_hand)["parcels"] == [[1_200, "", ""]]
    warehouse.apply_file(rows=3)
    wait_for_state(shop, orders, "shipped")
    expect(warehouse.page.locator(".bo-imports__moves li")).to_have_count(3)
    expect(warehouse.page.locator(".bo-imports__moves li").first).to_contain_text("Shipped")
    assert [look(shop, order)["parcels"][0][1:] for order in orders] == [
        ["fedex", labels[0]],
        ["ems", labels[1]],
        ["ems", labels[2]],
    ]
    assert look(shop, by_hand)["moves"] == [
        "request_quote", "approve_quote", "confirm_item_prices", "record_item_payment", "mark_items_purchased", "receive_at_warehouse",
        "confirm_delivery_fee", "record_delivery_payment", "ship",
    ]  # fmt: skip


def test_two_people_on_one_order(shop: Shop, chromium: Any, buyer: Desk) -> None:
    # given two buyers who have the same order open, one of them typing
    order, other = int(shop.run(APPROVED)), sit_down(shop, chromium, "buyer")
    other.open(order)
    buyer.open(order)
    mine, name = buyer.page.locator("[name^=price_krw-]").first, buyer.page.locator("[name^=name-]").first
    mine.fill("10,000")
    name.fill("Hat")
    # when the other saves first
    fill_each(other.page, "price_krw", ["9,000", "4,000"])
    other.save("Save prices", "Prices")
    # then the page says so, and saving shows who changed what; what was typed is kept
    expect(buyer.page.locator("#changed")).to_be_visible()
    buyer.page.click("#order-entries button:has-text('Save prices')")
    buyer.sees("Somebody changed this order meanwhile")
    expect(buyer.page.locator(".bo-since__who").first).to_contain_text(other.person.nickname)
    expect(buyer.page.locator(".bo-since")).to_contain_text("₩9,000")
    expect(mine).to_have_value("10,000")
    expect(name).to_have_value("Hat")
    assert [item[1:3] for item in look(shop, order)["items"]] == [[9_000, ""], [4_000, ""]]
    # and saving again, knowing it, saves that and leaves the other's second price
    buyer.page.click("button:has-text('Save prices')")
    buyer.sees("Prices: saved.")
    assert [item[1:3] for item in look(shop, order)["items"]] == [[10_000, "Hat"], [4_000, ""]]
    other.page.context.close()


def test_a_refused_move_says_why_and_nothing_happens(shop: Shop, buyer: Desk) -> None:
    # given a dialog that is open while the exchange rate runs out
    order = int(shop.run(APPROVED))
    buyer.open(order)
    fill_each(buyer.page, "price_krw", ["10000", "10000"])
    buyer.save("Save prices", "Prices")
    before = look(shop, order)
    buyer.page.click("a[data-move=confirm_item_prices]")
    expect(buyer.page.locator("dialog button.bo-button--primary")).to_be_visible()
    today = shop.run("from workflow.models import ExchangeRate; print(ExchangeRate.objects.first().as_of)")
    shop.run(AS_OF.format(day="2026-01-01"))
    try:
        # when it is pressed
        buyer.page.locator("dialog button.bo-button--primary").click()
        # then it says why not, and nothing happened
        expect(buyer.page.locator("[role=alert] >> text=exchange rate")).to_be_visible()
        expect(buyer.page.locator("#dialog >> text=There is no trustworthy exchange rate of the last 7 days.")).to_have_count(1)
        assert json.dumps(look(shop, order)) == json.dumps(before)
    finally:
        shop.run(AS_OF.format(day=today))
