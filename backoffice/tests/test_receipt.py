"""The order page's receipt, in both languages."""

import pytest

from backoffice.tests.conftest import page_url, said
from workflow.process import Role, State
from workflow.tests.factories import order_at
from workflow.tests.papers import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.mark.parametrize(("language", "word"), [("ko", "영수증"), ("en", "Receipt")])
def test_staff_open_the_receipt_in_either_language_from_the_order_page(sign_in, language, word):
    client, order = sign_in(Role.SUPPORT), order_at(State.ITEMS_PAID)
    url = f"/admin/workflow/order/{order.pk}/receipt/{language}/"
    assert f'href="{url}"' in client.get(page_url(order)).content.decode()

    response = client.get(url)

    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert response["Content-Disposition"] == f'inline; filename="receipt-{order.number}-{language}.pdf"'
    assert "no-store" in response["Cache-Control"]
    assert word in text_of(response.content)


def test_before_a_payment_there_is_no_link_and_the_address_says_why(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    assert "/receipt/" not in owner.get(page_url(order)).content.decode()
    response = owner.get(f"/admin/workflow/order/{order.pk}/receipt/en/", follow=True)
    assert response.redirect_chain == [(page_url(order), 302)]
    assert said(response) == ["Nothing of this order has been paid yet, so there is no receipt."]


def test_it_is_only_read_and_only_by_those_who_may_see_invoices(owner, sign_in):
    order = order_at(State.ITEMS_PAID)
    url = f"/admin/workflow/order/{order.pk}/receipt/en/"
    assert owner.post(url).status_code == 405
    assert sign_in(Role.MODERATOR).get(url).status_code == 403
    assert owner.get(url.replace("/en/", "/fr/")).status_code == 404
    assert owner.get(url.replace(f"/{order.pk}/", "/999999/")).status_code == 404
