"""Who may open what: every page for the owner, none for staff without a role, and looking never changes anything."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice.tests.conftest import do_url, fingerprint, page_url, work_url
from core.accounts.models import Locale
from core.notices.models import Notice
from core.outbox.models import Effect
from workflow.models import (
    Attempt,
    Dispute,
    ExchangeRate,
    FeePolicy,
    Invoice,
    LedgerEntry,
    Reconciliation,
    Refund,
    Restriction,
    StaffTask,
    StripeEvent,
)
from workflow.process import TRANSITIONS, Role, State, roles_of
from workflow.tests.factories import customer, order_at, rate_card, staff

pytestmark = pytest.mark.django_db

TASKS = ("screen_items", "price_items", "buy_items", "receive_items", "expect_items", "pack_parcels", "set_delivery_fee", "label_parcels")
BESIDE = ("hold", "release", "ask", "answer")
STAFF_MOVES = [spec.name for spec in TRANSITIONS.values() if any(roles_of(spec, state) for state in spec.sources)]
LISTS = (
    "/admin/workflow/order/",
    "/admin/workflow/stafftask/",
    "/admin/workflow/refund/",
    "/admin/workflow/dispute/",
    "/admin/workflow/invoice/",
    "/admin/workflow/attempt/",
    "/admin/workflow/ledgerentry/",
    "/admin/workflow/reconciliation/",
    "/admin/workflow/stripeevent/",
    "/admin/workflow/exchangerate/",
    "/admin/workflow/feepolicy/",
    "/admin/workflow/restriction/",
    "/admin/workflow/ratecard/",
    "/admin/outbox/effect/",
    "/admin/notices/notice/",
    "/admin/accounts/user/",
)


@pytest.fixture
def order(db):
    return order_at(State.SHIPPED)


@pytest.fixture
def urls(order) -> list[str]:
    """Every address of the back office that has a page."""
    task = StaffTask.objects.create(key="t", kind="silent", order=order, text="look")
    refund = Refund.objects.create(order=order, amount_usd_cents=100, reason="late", key="k", status="proposed")
    dispute = Dispute.objects.create(stripe_id="dp_1", order=order, amount_cents=100, reason="general", status="needs_response")
    event = StripeEvent.objects.create(event_id="evt_1", type="x", payload={"id": "evt_1"})
    notice = Notice.objects.create(key="n", kind="k", channel="email", recipient="a@example.com", locale=Locale.KOREAN, text="words")
    rows = {
        "workflow/stafftask": task,
        "workflow/refund": refund,
        "workflow/dispute": dispute,
        "workflow/invoice": Invoice.objects.first(),
        "workflow/attempt": Attempt.objects.first(),
        "workflow/stripeevent": event,
        "workflow/ledgerentry": LedgerEntry.objects.first(),
        "workflow/reconciliation": Reconciliation.objects.create(since=now(), ended_at=now()),
        "workflow/exchangerate": ExchangeRate.objects.first(),
        "workflow/feepolicy": FeePolicy.objects.first(),
        "workflow/restriction": Restriction.objects.first(),
        "workflow/ratecard": rate_card(),
        "outbox/effect": Effect.objects.first(),
        "notices/notice": notice,
        "accounts/user": order.customer,
    }
    return [
        "/admin/",
        *LISTS,
        "/admin/unapplied/",
        *(f"/admin/{path}" for path in ("settings/", "letters/", "letters/ship/", "letters/ship/ko/mail/")),
        f"/admin/letters/ship/?order={order.number}",
        "/admin/prices/",
        f"/admin/many/?ids={order.pk}&move=record_return",
        "/admin/workflow/refund/report/",
        f"/admin/workflow/refund/{refund.pk}/decline/",
        f"/admin/workflow/refund/{refund.pk}/hand/",
        f"/admin/workflow/ledgerentry/?order={order.number}",
        *(f"/admin/{model}/export/" for model in ("workflow/order", "workflow/ledgerentry", "workflow/stafftask", "accounts/user")),
        *(f"/admin/workflow/order/export/{what}/" for what in ("orders", "items", "parcels")),
        "/admin/workflow/exportlog/",
        "/admin/workflow/feepolicy/add/",
        "/admin/workflow/restriction/add/",
        *(f"/admin/workflow/ratecard/{name}" for name in ("add/", "try/", "?standing=held&courier=ems")),
        "/admin/workflow/restriction/try/?text=soju",
        *(f"/admin/workflow/restriction/{Restriction.objects.first().pk}/{name}/" for name in ("version", "end")),
        "/admin/screening/",
        "/admin/screening/csv/",
        "/admin/couriers/",
        "/admin/accounts/user/add/",
        *(f"/admin/{model}/{row.pk}/change/" for model, row in rows.items()),
        page_url(order),
        f"/admin/workflow/order/{order.pk}/receipt/ko/",
        *(f"/admin/workflow/order/{order.pk}/{name}/" for name in ("write/message", "write/note", "assign", "customer")),
        "/admin/keys/",
        "/admin/search/?s=order&extended=1",
        *(do_url(order, name) for name in STAFF_MOVES),
        *(work_url(order, task) for task in TASKS),
        *(f"/admin/workflow/order/{order.pk}/beside/{name}/" for name in BESIDE),
        *(f"/admin/workflow/order/{order.pk}/{name}/" for name in ("refund", "sold_out", "dearer")),
        *(f"/admin/workflow/order/{order.pk}/refund/{refund.pk}/{name}/" for name in ("approve", "decline", "again", "hand")),
    ]


def test_the_owner_opens_every_page_and_looking_changes_nothing(owner, order, urls):
    before = fingerprint(order)
    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            response = owner.get(url)
        assert response.status_code == 200, url
        # the log of who read a customer's data aside, a GET only reads
        written = [q["sql"] for q in queries if not q["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
        assert [sql for sql in written if "workflow_personaldataread" not in sql and sql != "BEGIN IMMEDIATE"] == [], url
    assert fingerprint(order) == before


def test_staff_without_a_role_see_no_page(sign_in, urls):
    client = sign_in()
    assert {url: client.get(url).status_code for url in urls} == dict.fromkeys(urls, 403)


def test_staff_without_a_role_can_sign_out_and_change_their_password(sign_in):
    client = sign_in()
    assert client.get("/admin/password_change/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200


def test_customers_are_sent_to_the_login(client, urls):
    client.force_login(customer())
    for url in urls:
        response = client.get(url)
        assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/"), url


def test_moderators_see_no_orders(sign_in, order):
    client = sign_in(Role.MODERATOR)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/workflow/order/").status_code == 403
    assert client.get(page_url(order)).status_code == 403


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.BUYER, {"refund", "dispute", "attempt", "ledgerentry", "reconciliation", "stripeevent", "feepolicy", "notice", "user"}),
        (Role.WAREHOUSE, {"refund", "dispute", "attempt", "ledgerentry", "reconciliation", "stripeevent", "feepolicy", "notice", "user"}),
        (Role.FINANCE, {"notice", "user"}),
        (Role.SUPPORT, {"refund", "dispute", "attempt", "ledgerentry", "reconciliation", "stripeevent", "feepolicy", "user"}),
    ],
)
def test_each_role_sees_its_lists(sign_in, role, hidden):
    client = sign_in(role)
    seen = {url.rsplit("/", 2)[1]: client.get(url).status_code for url in LISTS}
    assert {name for name, status in seen.items() if status == 403} == hidden
    assert set(seen.values()) <= {200, 403}


@pytest.mark.parametrize(
    "model",
    [
        "workflow/ledgerentry",
        "workflow/reconciliation",
        "workflow/stripeevent",
        "workflow/exchangerate",
        "workflow/refund",
        "workflow/dispute",
        "workflow/invoice",
        "workflow/attempt",
        "notices/notice",
        "outbox/effect",
    ],
)
def test_what_is_on_record_cannot_be_added_changed_or_deleted(owner, urls, model):
    row = next(url for url in urls if url.startswith(f"/admin/{model}/") and url.endswith("/change/"))
    assert owner.get(f"/admin/{model}/add/").status_code == 403
    assert owner.post(row, {"note": "x"}).status_code == 403
    assert owner.post(row.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403


def test_orders_have_no_add_delete_or_history_page(owner, order):
    for tail in ("add/", f"{order.pk}/delete/", f"{order.pk}/history/"):
        assert owner.get(f"/admin/workflow/order/{tail}").status_code == 404
    assert owner.post(page_url(order), {"state": "completed"}).status_code == 405


@pytest.mark.parametrize(
    ("role", "tail"), [(Role.WAREHOUSE, "do/cancel/"), (Role.BUYER, "enter/label_parcels/"), (Role.BUYER, "beside/hold/")]
)
def test_a_post_without_the_permission_is_403_and_changes_nothing(sign_in, order, role, tail):
    before = fingerprint(order)
    response = sign_in(role).post(f"/admin/workflow/order/{order.pk}/{tail}", {"version": order.version, "reason": "x"})
    assert response.status_code == 403
    assert fingerprint(order) == before


def test_a_post_without_csrf_token_is_403(sign_in, order):
    client, before = sign_in(Role.OWNER, csrf=True), fingerprint(order)
    for url in (do_url(order, "record_return"), work_url(order, "label_parcels"), f"/admin/workflow/order/{order.pk}/beside/hold/"):
        assert client.post(url, {"version": order.version, "reason": "x"}).status_code == 403, url
    assert fingerprint(order) == before


def test_an_unknown_move_or_task_is_404(owner, order):
    for url in (
        do_url(order, "expire_quote"),
        do_url(order, "nonsense"),
        work_url(order, "nonsense"),
        page_url(order).replace(str(order.pk), "999999"),
    ):
        assert owner.get(url).status_code == 404, url


def test_forged_lookups_are_refused(owner):
    assert owner.get("/admin/workflow/order/?customer__password__startswith=p").status_code == 400
    assert owner.get("/admin/accounts/user/?password__startswith=p").status_code == 400


def test_the_login_leads_home(client):
    person = staff(Role.BUYER)
    person.set_password("a-long-enough-one")
    person.save()
    response = client.post("/admin/login/", {"username": person.email, "password": "a-long-enough-one"})
    assert (response.status_code, response.url) == (302, "/admin/")
