"""The pages in a real browser over a real web process: live parts, typed values, totals while typing, dialogs."""

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from typing import Any

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import TimeoutError as NotYet
from playwright.sync_api import expect

from backoffice.tests.browser import IN_A_BROWSER, Person, Shop, log_in, no_script_fails, sees, signed_in

pytestmark = IN_A_BROWSER

ORDERS = """
from workflow.process import State
from workflow.tests import factories
print([factories.order_at(State.QUOTE_APPROVED).pk for _ in range(2)] + [factories.order_at(State.ITEMS_PAID, items=6).pk])
"""
HOLD = """
from core.accounts.models import User
from workflow import transitions
transitions.hold({order}, reason="a colleague was here", by=transitions.By.staff(User.objects.get(pk={colleague})))
"""
HELD = """
from workflow import transitions
from workflow.process import Role, State
from workflow.tests import factories
transitions.hold(factories.order_at(State.QUOTE_APPROVED).pk, reason="wait", by=factories.by(Role.SUPPORT))
"""
#: a request, one that a colleague approves, and a task
MEANWHILE = """
from workflow import tasks
from workflow.tests import factories
factories.approve(factories.new_order())
tasks.staff_task(key="look", kind="silent", order=None, text="look")
factories.new_order()
"""
HIDDEN = """
Object.defineProperty(document, "hidden", {{get: () => {}, configurable: true}});
document.dispatchEvent(new Event("visibilitychange"));
"""
#: 3 % from 100,000 won on, 500 won flat, at least 3,000 won
OTHER_FEES = """
from core.accounts.models import User
from workflow import fees
from workflow.transitions import By
fees.add_policy(
    by=By.staff(User.objects.get(pk={owner})), valid_from=None, service_fee_flat_krw=500, service_fee_min_krw=3000,
    service_fee_tiers=[{{"from_krw": 100000, "bp": 300}}],
)
"""
USUAL_FEES = """
from core.accounts.models import User
from workflow import fees
from workflow.transitions import By
fees.add_policy(by=By.staff(User.objects.get(pk={owner})), valid_from=None)
"""
TO_BE_PRICED = """
from workflow.tests import factories
print(factories.order_at("quote_approved").pk)
"""
#: an order of nothing but poison, and what its pages are
POISONED = """
from backoffice.tests.test_poison import write_order
from workflow.tests import factories
order = factories.order_at("quote_requested", items=4)
write_order(order, str, turn=0)
print(order.pk, order.number)
"""
BILLED = "from workflow.models import Invoice; print(Invoice.objects.get(order_id={order}).amount_usd_cents)"


@pytest.fixture(scope="module")
def owner(shop: Shop) -> Person:
    return shop.person("owner")


@pytest.fixture(scope="module")
def colleague(shop: Shop) -> Person:
    return shop.person("support")


@pytest.fixture(scope="module")
def orders(shop: Shop) -> list[int]:
    """Two to be priced, and one that is paid."""
    return shop.told(ORDERS)


@pytest.fixture(scope="module")
def page(shop: Shop, chromium: Any, owner: Person) -> Any:
    """A browser in which the owner has signed in."""
    return signed_in(chromium, shop, owner)


@pytest.fixture(autouse=True)
def _no_script_fails(page: Any) -> Iterator[None]:
    with no_script_fails(page):
        yield


def test_a_colleagues_change_appears_and_what_was_typed_stays(shop: Shop, page: Any, orders: list[int], colleague: Person) -> None:
    # given a price typed and not yet saved
    order = orders[0]
    page.goto(f"/admin/workflow/order/{order}/change/")
    price = page.locator("[name^=price_krw]").first
    price.fill("4711")
    # when a colleague holds the order
    shop.run(HOLD.format(order=order, colleague=colleague.pk))
    # then the page says so by itself, and the typed value is still there
    expect(page.locator("#order-next")).to_contain_text("a colleague was here")
    expect(page.locator("#changed")).to_be_visible()
    expect(price).to_have_value("4711")
    # and saving on top of the unseen change is refused with everything kept
    page.click("text=Save prices")
    sees(page, "Somebody changed this order meanwhile")
    expect(price).to_have_value("4711")
    expect(page.locator(".bo-meanwhile >> text=Put on hold")).to_be_visible()


WAITING = """
import json
from workflow.models import Order, StaffTask
print(json.dumps([Order.objects.filter(state=state).count() for state in ("quote_requested", "quote_approved")]
    + [StaffTask.objects.filter(done_at=None).count()]))
"""


def test_the_home_page_follows_without_reload(shop: Shop, page: Any) -> None:
    # given the home page, which hears what happens from now on, also of an order on hold, looked at with the keyboard
    shop.run(HELD)
    page.goto("/admin/")
    page.evaluate("window.stillTheSamePage = true")
    expect(page.locator("[data-queue=quote_approved]")).to_contain_text("on hold")

    def count(queue: str) -> Any:
        return page.locator(f"[data-queue={queue}] .bo-queue__count")

    task_link = page.locator("#nav-sidebar-apps a[href='/admin/workflow/stafftask/']")
    requested, approved, tasks = shop.told(WAITING)  # not what the page shows: that may be a moment old
    page.locator("[data-queue=quote_requested] a").first.focus()
    # when a request comes in, a colleague moves another one, and a task is put before staff
    shop.run(MEANWHILE)
    # then the cards and the sidebar say so by themselves, and the focus is where it was
    expect(count("quote_approved")).to_have_text(str(approved + 1))
    expect(count("quote_requested")).to_have_text(str(requested + 1))
    expect(task_link).to_contain_text(str(tasks + 1))
    expect(page.locator("[data-queue=quote_requested] a:focus")).to_have_count(1)
    assert page.evaluate("window.stillTheSamePage")
    # and while the tab is hidden nothing is fetched; it is made good for as soon as somebody looks
    page.evaluate(HIDDEN.format("true"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shop.run("from workflow.tests import factories; factories.new_order()")
    page.wait_for_timeout(1300)
    assert [url for url in asked if url.endswith("/admin/today/")] == []
    page.evaluate(HIDDEN.format("false"))
    expect(count("quote_requested")).to_have_text(str(requested + 2))


def test_the_total_while_typing_is_what_the_customer_is_billed(shop: Shop, page: Any, orders: list[int]) -> None:
    # given two items (one of them twice) at an odd rate, priced in odd won
    order = orders[1]
    page.goto(f"/admin/workflow/order/{order}/change/")
    for field, typed in zip(page.locator("[name^=price_krw]").all(), ["12,345", "₩6,789"], strict=True):
        field.fill(typed)
    # 12,345 and 2 x 6,789 won at 1,391.25, each rounded, and 4 % of the sum
    expect(page.locator("[data-total-usd]")).to_have_text("$19.38")
    # when they are saved and confirmed in the dialog
    confirm_prices(page)
    # then the bill is what was shown
    assert shop.run(BILLED.format(order=order)) == "1938"


def confirm_prices(page: Any) -> None:
    page.click("text=Save prices")
    sees(page, "Prices: saved.")
    page.click("a[data-move=confirm_item_prices]")
    page.locator("dialog button.bo-button--primary").click()
    sees(page, "“Confirm item prices” is done.")


@pytest.fixture
def other_fees(shop: Shop, owner: Person) -> Iterator[None]:
    shop.run(OTHER_FEES.format(owner=owner.pk))
    yield
    shop.run(USUAL_FEES.format(owner=owner.pk))


@pytest.mark.usefixtures("other_fees")
@pytest.mark.parametrize(
    ("prices", "shown_fee", "shown_total"),
    [
        (["10,001", "20,003"], "≥ ₩3,000", "$38.11"),
        (["50,001", "60,003"], "3% + ₩500", "$126.23"),
        (["40,001", "20,003"], "4% + ₩500", "$60.17"),
    ],
)
def test_so_it_is_with_flat_parts_a_minimum_and_tiers(shop: Shop, page: Any, prices: list[str], shown_fee: str, shown_total: str) -> None:
    order = shop.run(TO_BE_PRICED)
    page.goto(f"/admin/workflow/order/{order}/change/")
    for field, typed in zip(page.locator("[name^=price_krw]").all(), prices, strict=True):
        field.fill(typed)
    expect(page.locator("[data-total-usd]")).to_have_text(shown_total)
    expect(page.locator("[data-fee-words]")).to_have_text(shown_fee)
    confirm_prices(page)

    billed = int(shop.run(BILLED.format(order=order)))
    assert shown_total == f"${billed // 100}.{billed % 100:02d}"


def test_what_goes_back_is_worked_out_while_one_ticks(page: Any, orders: list[int]) -> None:
    page.goto(f"/admin/workflow/order/{orders[2]}/change/")
    page.click("[data-money=sold_out]")
    dialog = page.locator("dialog.bo-modal")
    dialog.locator("input[type=checkbox]").first.check()
    # 7.19 of the line and 0.29 of the service fee
    expect(dialog.locator(".bo-bill__total >> text=$7.48")).to_be_visible()
    expect(dialog.locator("[name=preview]")).to_be_hidden()
    page.click("dialog [data-close]")


def test_a_refund_is_summed_while_typing_and_says_whether_a_second_person_is_needed(page: Any, orders: list[int]) -> None:
    # given an order of six items at 1,391.25, the last of 6 x 60,000 won
    order = orders[2]
    page.goto(f"/admin/workflow/order/{order}/change/")
    page.click("[data-money=refund]")
    dialog = page.locator("dialog.bo-modal")
    fields = dialog.locator("[data-dollars]")
    # when a part of one line and the whole of another are chosen
    fields.nth(0).fill("$1.5")
    dialog.locator("[data-fill=line]").nth(1).click()
    # then the sum is right and one person may do it
    expect(dialog.locator("[data-total]")).to_have_text("$30.25")
    expect(dialog.locator("[data-second-words]")).to_be_hidden()
    # and what is no sum, or more than is left, is marked
    fields.nth(0).fill("7.20")
    expect(fields.nth(0)).to_have_class(re.compile("bo-input--bad"))
    # and everything is the whole bill, which needs a second person
    dialog.locator("[data-fill=everything]").click()
    expect(dialog.locator("[data-total]")).to_have_text("$680.24")
    expect(dialog.locator("[data-second-words]")).to_be_visible()
    expect(dialog.locator("[data-alone-words]")).to_be_hidden()
    dialog.locator("select[name=reason]").select_option("late")
    dialog.locator("button[type=submit]").click()
    sees(page, "The refund is decided.")
    expect(page.locator("#order-money")).to_contain_text("needs a second person")


def test_a_dialog_closes_without_a_trace(page: Any, orders: list[int]) -> None:
    order = orders[0]
    page.goto(f"/admin/workflow/order/{order}/change/")
    page.click("a[data-move=cancel]")
    page.click("dialog.bo-modal [data-close]")
    expect(page.locator("dialog.bo-modal")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"/admin/workflow/order/{order}/change/$"))


def code_of(secret: str, *, steps: int = 0) -> str:
    """What an authenticator app with this secret shows, `steps` half-minutes from now."""
    totp = TOTP(b32decode(secret))
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06d}"


def test_signing_in_with_a_code_and_with_a_recovery_code(shop: Shop, chromium: Any, colleague: Person) -> None:
    other = signed_in(chromium, shop, colleague)

    def log_out() -> None:
        with other.expect_navigation():
            other.evaluate("document.getElementById('logout-form').submit()")

    def give(code: str) -> None:
        other.fill("[name=code]", code)
        other.click("form button[type=submit]:has-text('Log in')")

    # given an app that has read the secret
    other.goto("/admin/two-step/")
    other.click("text=Set up")
    picture = other.locator(".bo-qr svg")
    expect(picture).to_be_visible()
    assert picture.bounding_box()["width"] > 150
    other.click("summary")
    shown = other.locator("[data-secret]")
    expect(shown).to_be_visible()
    secret = shown.inner_text().replace(" ", "")
    other.fill("[name=code]", code_of(secret))
    other.click("text=Confirm")
    codes = other.locator(".bo-codes li")
    expect(codes).to_have_count(10)
    recovery = codes.all_inner_texts()
    other.click("text=I have kept them")
    sees(other, "Recovery codes left")
    # when the person signs in anew, a wrong code is refused and the next right one lets them in
    log_out()
    log_in(other, colleague)
    give("abc123")
    sees(other, "The code is wrong or was used before")
    give(code_of(secret, steps=1))
    other.wait_for_url("**/admin/")
    # and without the phone a recovery code does
    log_out()
    log_in(other, colleague)
    give(recovery[0])
    other.wait_for_url("**/admin/")
    other.goto("/admin/two-step/")
    expect(other.locator(".bo-facts")).to_contain_text("9")
    other.context.close()


def test_poison_does_nothing_in_a_browser(shop: Shop, page: Any) -> None:
    # given an order of nothing but poison, and eyes on everything that poison would do
    order, number = shop.run(POISONED).split()
    done: list[str] = []
    page.on("dialog", lambda dialog: (done.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith((f"{shop.web.url}/", "data:", "blob:")) or done.append(request.url))
    page.on("framenavigated", lambda frame: frame.url.startswith((f"{shop.web.url}/admin/", "about:")) or done.append(frame.url))
    page.add_init_script("window.alert = () => { window.poisoned = true }")
    # when its pages are opened, its parts are hovered over, and its dialogs come by script
    for path in (f"/admin/workflow/order/{order}/change/", "/admin/workflow/order/", f"/admin/letters/request_quote/?order={number}"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for part in page.locator("bdi:visible").all()[:6]:
            part.hover(force=True)
        assert page.evaluate("[typeof window.poisoned, document.baseURI === location.href]") == ["undefined", True], path
    expect(page.frame_locator("iframe").first.locator("body")).not_to_be_empty()
    page.goto(f"/admin/workflow/order/{order}/change/")
    page.click("a[data-move=reject_quote]")
    expect(page.locator("dialog.bo-modal")).to_be_visible()
    # then nothing was done, and nothing was asked of anybody else
    assert page.evaluate("typeof window.poisoned") == "undefined"
    assert done == []


NOTE = """
from core.accounts.models import User
from workflow import notes, presence
from workflow.transitions import By
colleague = By.staff(User.objects.get(pk={colleague}))
presence.beat({order}, by=colleague)
notes.add_note({order}, text="a note from elsewhere", by=colleague)
"""


def go_to_the_orders(page: Any) -> None:
    """G and then O within 1.2 s, which a loaded machine does not manage every time."""
    for _try in range(5):
        page.keyboard.press("g")
        page.keyboard.press("o")
        try:
            page.wait_for_url("**/admin/workflow/order/", timeout=8_000)
        except NotYet:
            continue
        return
    raise AssertionError("G and O lead nowhere")


def test_keys_reach_the_page_and_never_what_is_typed_while_a_colleague_is_there(
    shop: Shop, page: Any, orders: list[int], colleague: Person
) -> None:
    # given a message begun by its key
    order = orders[2]
    page.goto(f"/admin/workflow/order/{order}/change/")
    message = page.locator("#message-form textarea")
    page.keyboard.press("m")
    expect(message).to_be_focused()
    page.keyboard.type("g? order/")
    # when a colleague opens the order and leaves a note
    shop.run(NOTE.format(order=order, colleague=colleague.pk))
    # then both are seen by themselves, and the keys were letters
    expect(page.locator("#order-history")).to_contain_text("a note from elsewhere")
    expect(page.locator("[data-others]")).to_contain_text("Also here")
    expect(message).to_have_value("g? order/")
    expect(page.locator("dialog")).to_have_count(0)
    # and outside the field they are keys
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("dialog[open] .bo-keys")).to_be_visible()
    page.click("dialog [data-close]")
    expect(page.locator("dialog")).to_have_count(0)
    go_to_the_orders(page)
    page.keyboard.press("j")
    expect(page.locator("tr.bo-row--on")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")
