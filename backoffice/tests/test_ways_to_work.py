"""From a list to where its work is done, and what a list says of its rows."""

import pytest

from backoffice.tests.conftest import shown
from workflow.models import ExchangeRate, Order
from workflow.process import Role, State
from workflow.tasks import staff_task
from workflow.tests.factories import order_at, rate

pytestmark = pytest.mark.django_db
ORDERS = "/admin/workflow/order/"


@pytest.mark.parametrize(
    ("role", "state", "address"),
    [
        (Role.BUYER, State.QUOTE_APPROVED, b'href="/admin/prices/"><'),
        (Role.WAREHOUSE, State.DELIVERY_PAID, b'href="/admin/imports/?kind=tracking"'),
        (Role.WAREHOUSE, State.ITEMS_PURCHASED, b'href="/admin/imports/?kind=arrivals"'),
    ],
)
def test_a_queue_leads_to_the_page_where_its_work_is_done(sign_in, role, state, address):
    mark = b"bo-tabs__end"
    theirs = sign_in(role).get(f"{ORDERS}?state={state.value}").content
    assert (address in theirs, mark in theirs) == (True, True)
    assert mark not in sign_in(Role.SUPPORT).get(f"{ORDERS}?state={state.value}").content
    assert mark not in sign_in(role).get(ORDERS).content


def test_the_rate_in_use_is_marked(owner):
    rate("1400.00")
    used = rate("1462.3142")
    ExchangeRate.objects.create(krw_per_usd=9000, source="test", as_of=used.as_of, refused_because="out of the band")
    page = owner.get("/admin/workflow/exchangerate/")
    assert "₩1,462.31" in shown(page)
    assert page.content.count(b">in use<") == 1
    assert shown(page).index("₩9,000.00") < shown(page).index("out of the band") < shown(page).index("in use")
    assert owner.get(f"/admin/workflow/exchangerate/{used.pk}/change/").status_code == 200


def test_tasks_are_found_by_their_order(owner):
    one, other = order_at(State.QUOTE_REQUESTED), order_at(State.QUOTE_REQUESTED)
    for order in Order.objects.all():
        staff_task(key=f"look:{order.pk}", kind="look", order=order, text="Look at it.")
    found = owner.get(f"/admin/workflow/stafftask/?q={one.number}").content.decode()
    assert (one.number in found.split("result_list")[1], other.number in found) == (True, False)
