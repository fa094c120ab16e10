"""Who reads customers' data: masks, what is shown on a reason, and the log of it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice.access import NOTICES_SEEN_BY, PEOPLE_SEEN_BY
from backoffice.privacy import SEEN_BY, SHOWN_ON_REASON, Personal, masked, opened, shown, shown_json
from backoffice.tests.conftest import page_url
from workflow import readings
from workflow.models import Dispute, PersonalDataRead
from workflow.process import Role, State
from workflow.tests import factories

pytestmark = pytest.mark.django_db
PHONE, STREET = "+16505550100", "1600 Amphitheatre Parkway"


@pytest.fixture
def order():
    return factories.order_at(State.ITEMS_PAID)


def show(client, order, reason="the size is sold out, I ask on the phone", **more):
    return client.post(f"/admin/personal/{order.pk}/show/", {"reason": reason, **more})


def asking(user, order):
    """A request for the page of the order."""
    request = RequestFactory().get("/")
    request.user = user
    opened(request, order=order)
    return request


def test_masks():
    assert masked(Personal.EMAIL, "minji@example.com") == "m•••@example.com"
    assert masked(Personal.PHONE, PHONE) == "•••• 0100"
    assert masked(Personal.NAME, "Kim Minji") == "K•••"
    assert masked(Personal.ADDRESS, STREET) == "••••"


def test_a_buyer_sees_the_phone_for_ten_minutes_on_a_reason(sign_in, order):
    # given a buyer who sees masks
    buyer = sign_in(Role.BUYER)
    page = buyer.get(page_url(order)).content.decode()
    assert PHONE not in page
    assert "data-show-personal" in page
    assert not PersonalDataRead.objects.exists()
    # when they say why
    assert show(buyer, order).url == page_url(order)
    # then this order is in clear for them, and nobody else's mask falls
    request = asking(buyer.user, order)
    assert shown(request, Personal.PHONE, PHONE) == PHONE
    page = buyer.get(page_url(order)).content.decode()
    assert "data-show-personal" not in page
    for user, other in ((factories.staff(Role.BUYER), order), (buyer.user, factories.new_order())):
        assert shown(asking(user, other), Personal.PHONE, PHONE) == "•••• 0100"
    row = PersonalDataRead.objects.get(how="shown")
    assert (row.user, row.order, row.customer, row.fields) == (buyer.user, order, order.customer, "address,email,name,phone")
    assert row.reason == "the size is sold out, I ask on the phone"


def test_ten_minutes_later_it_is_masked_again(order):
    buyer = factories.staff(Role.BUYER)
    PersonalDataRead.objects.create(
        user=buyer, order=order, customer=order.customer, how="shown", fields="phone", once="x", at=now() - timedelta(minutes=10)
    )
    assert shown(asking(buyer, order), Personal.PHONE, PHONE) == "•••• 0100"


@pytest.mark.parametrize("reason", ["", "  ", "x"])
def test_without_a_reason_nothing_is_shown(sign_in, order, reason):
    buyer = sign_in(Role.BUYER)
    assert show(buyer, order, reason).status_code == 302
    assert not PersonalDataRead.objects.exists()


@pytest.mark.parametrize("role", [Role.OWNER, Role.SUPPORT, Role.MODERATOR])
def test_who_sees_everything_or_no_order_has_nothing_to_ask_for(sign_in, order, role):
    client = sign_in(role)
    assert show(client, order).status_code == 403
    assert not PersonalDataRead.objects.exists()


def test_the_button_leads_to_no_foreign_page(sign_in, order):
    assert show(sign_in(Role.BUYER), order, next="//evil.example/").url == page_url(order)


def test_opening_an_order_is_noted_once_an_hour_with_one_insert(sign_in, order):
    warehouse = sign_in(Role.WAREHOUSE)
    with CaptureQueriesContext(connection) as queries:
        for _again in range(3):
            assert warehouse.get(page_url(order)).status_code == 200
    assert sum("INSERT" in query["sql"] for query in queries) == 1
    row = PersonalDataRead.objects.get()
    assert (row.user, row.how, row.fields) == (warehouse.user, "opened", "address,name,phone")
    # another process has noted it already: its row stands
    from django.core.cache import cache

    cache.clear()
    warehouse.get(page_url(order))
    assert PersonalDataRead.objects.count() == 1


def test_a_customers_page_is_noted_a_colleagues_is_not(owner, order):
    owner.get(f"/admin/accounts/user/{order.customer_id}/change/")
    owner.get(f"/admin/accounts/user/{factories.staff(Role.BUYER).pk}/change/")
    row = PersonalDataRead.objects.get()
    assert (row.customer, row.order, row.fields) == (order.customer, None, "email,name")


def test_only_the_owner_reads_the_log_and_finds_by_order_and_people(owner, sign_in, order):
    buyer = sign_in(Role.BUYER)
    show(buyer, order)
    url = "/admin/workflow/personaldataread/"
    for term in ("", order.number, buyer.user.email, order.customer.email):
        assert "I ask on the phone" in owner.get(url, {"q": term}).content.decode(), term
    assert "I ask on the phone" not in owner.get(url, {"q": factories.new_order().number}).content.decode()
    for role in set(Role) - {Role.OWNER}:
        assert sign_in(role).get(url).status_code == 403


def test_the_log_is_append_only(order):
    readings.note_opened(factories.staff(Role.SUPPORT), customer_id=order.customer_id, order=order, fields=["email"])
    for change in (lambda rows: rows.update(reason="other"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(PersonalDataRead.objects.all())
    assert PersonalDataRead.objects.get().reason == ""


def test_only_who_sees_addresses_searches_by_them(sign_in, order):
    email = order.customer.email
    assert order.number in sign_in(Role.SUPPORT).get("/admin/workflow/order/", {"q": email}).content.decode()
    assert order.number not in sign_in(Role.BUYER).get("/admin/workflow/order/", {"q": email}).content.decode()


def test_evidence_hides_the_address_from_finance_until_it_is_asked_for(sign_in, order):
    dispute = Dispute.objects.create(stripe_id="dp_1", order=order, amount_cents=100, reason="general", status="needs_response")
    finance, url = sign_in(Role.FINANCE), f"/admin/workflow/dispute/{dispute.pk}/change/"
    page = finance.get(url).content.decode()
    assert order.customer.email in page
    assert STREET not in page
    assert show(finance, order, "evidence for the bank", next=url).url == url
    assert STREET in finance.get(url).content.decode()


def test_payment_data_are_masked_too():
    request = RequestFactory().get("/")
    request.user = factories.staff(Role.FINANCE)
    said = {
        "type": "checkout.session.completed",
        "object": {
            "name": "Bidangil",
            "customer_details": {"email": "a@example.com", "phone": PHONE, "address": {"line1": STREET, "country": "US", "city": None}},
        },
    }
    assert shown_json(request, said) == {
        "type": "checkout.session.completed",
        "object": {
            "name": "Bidangil",
            "customer_details": {
                "email": "a@example.com",
                "phone": "•••• 0100",
                "address": {"line1": "••••", "country": "US", "city": None},
            },
        },
    }


def test_pages_with_unmasked_columns_are_for_roles_that_see_them():
    """The lists of notices and of people print addresses as they are."""
    assert SEEN_BY[Personal.EMAIL] & SEEN_BY[Personal.PHONE] >= NOTICES_SEEN_BY
    assert SEEN_BY[Personal.EMAIL] >= PEOPLE_SEEN_BY
    assert not any(SEEN_BY[what] & SHOWN_ON_REASON[what] for what in Personal)


def test_the_roles_page_is_for_all_staff_and_its_document_is_fresh(sign_in):
    from django.core.management import call_command

    assert "Approve quote" in sign_in(Role.MODERATOR).get("/admin/roles/").content.decode()
    call_command("roles", "--check")


def test_a_receipt_is_for_whom_its_data_are_shown_to(sign_in, order):
    buyer, url = sign_in(Role.BUYER), f"/admin/workflow/order/{order.pk}/receipt/en/"
    assert buyer.get(url).url == page_url(order)
    assert not PersonalDataRead.objects.exists()
    show(buyer, order)
    assert buyer.get(url)["Content-Type"] == "application/pdf"
