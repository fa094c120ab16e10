"""Working together on one order: messages, notes, who looks after it, who is there, what others changed, and what the customer sees."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice.orders import meanwhile
from backoffice.tests.conftest import do_url, fingerprint, page_url, said, shown, url_of, work_url
from core import events
from workflow import assigning, messages, notes, presence, work
from workflow.models import Order, OrderMessage, OrderNote, OrderViewer, StaffTask
from workflow.process import Role, State
from workflow.tests.factories import FEDEX_NUMBER, by, new_order, order_at, reload, staff
from workflow.transitions import By, ask_customer, hold

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/order/"


def customer_writes(order: Order, text: str = "Where is it?") -> OrderMessage:
    return messages.write_as_customer(order.pk, text=text, by=By.customer(order.customer))


# --- Messages and notes ---------------------------------------------------------------------------------------------------


def test_a_message_is_answered_on_the_order_page(sign_in):
    client, order = sign_in(Role.SUPPORT), new_order()
    last = customer_writes(order, "<script>alert(1)</script> Where is it?")
    page = client.get(page_url(order)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Where is it?" in page
    assert "<script>alert(1)" not in page
    assert f'name="last" form="message-form" value="{last.pk}"' in page

    response = client.post(url_of(order, "write/message"), {"last": last.pk, "text": "On its way."})

    assert response.url == f"{page_url(order)}#order-messages"
    answer = order.messages.last()
    assert (answer.text, answer.author, reload(order).unanswered_since) == ("On its way.", client.user, None)
    assert "Answer" not in shown(client.get(page_url(order)))


def test_an_answer_past_a_newer_message_is_refused_and_kept(sign_in):
    client, order = sign_in(Role.SUPPORT), new_order()
    seen = customer_writes(order, "Cancel it.")
    customer_writes(order, "No, do not!")
    before = fingerprint(order)

    response = client.post(url_of(order, "write/message"), {"last": seen.pk, "text": "It is cancelled."})

    assert response.status_code == 409
    page = shown(response)
    assert all(words in page for words in ("There is a newer message.", "No, do not!", "It is cancelled."))
    assert (fingerprint(order), order.messages.count()) == (before, 2)


def test_a_question_stands_in_the_thread(owner):
    order = new_order()
    ask_customer(order.pk, question="Which colour?", by=by(Role.BUYER))
    assert "Question, open" in shown(owner.get(page_url(order)))
    customer_writes(order, "Blue")
    page = owner.get(page_url(order))
    assert "Question, open" not in shown(page)
    assert [message.text for message in page.context["desk"].thread] == ["Which colour?", "Blue"]


def test_a_message_that_needs_no_answer_is_put_away(sign_in):
    client, order = sign_in(Role.SUPPORT), new_order()
    url = url_of(order, "no-answer")
    customer_writes(order, "Thank you!")
    done = f"/admin/workflow/stafftask/{StaffTask.objects.get().pk}/done/"
    assert "The customer still waits" in said(client.post(done, follow=True))[0]
    assert client.get(url).status_code == 405
    assert said(client.post(url, follow=True)) == ["Read; no answer is needed."]
    assert said(client.post(url, follow=True)) == ["No message waits for an answer."]
    assert (reload(order).unanswered_since, StaffTask.objects.filter(done_at=None).count()) == (None, 0)


def test_notes_stand_beside_the_history_newest_first(sign_in):
    client, order = sign_in(Role.FINANCE), new_order()
    url = url_of(order, "write/note")
    assert client.post(url, {"text": "first"}).url == f"{page_url(order)}#order-timeline"
    client.post(url, {"text": "<b>second</b>"})
    page = client.get(page_url(order))
    assert [row.text for row in page.context["desk"].notes] == ["<b>second</b>", "first"]
    assert [type(row).__name__ for row in page.context["timeline"]] == ["OrderNote", "OrderNote", "Happening"]
    assert "&lt;b&gt;second&lt;/b&gt;" in page.content.decode()
    assert client.post(url, {"text": " "}).status_code == 422
    assert client.post(url, {"text": "x" * 4001}).status_code == 422
    assert order.notes.count() == 2


@pytest.mark.parametrize(("role", "message", "note"), [(Role.FINANCE, 403, 200), (Role.BUYER, 200, 200), (Role.MODERATOR, 403, 403)])
def test_who_may_write(sign_in, role, message, note):
    client, order = sign_in(role), new_order()
    assert client.get(url_of(order, "write/message")).status_code == message
    assert client.get(url_of(order, "write/note")).status_code == note
    if message == 403:
        assert client.post(url_of(order, "write/message"), {"text": "x"}).status_code == 403
        assert client.post(url_of(order, "here")).status_code == (403 if role == Role.MODERATOR else 200)
    assert (order.messages.count(), order.notes.count()) == (0, 0)


def test_nothing_is_posted_without_a_token(sign_in):
    client, order = sign_in(Role.OWNER, csrf=True), new_order()
    for what in ("write/message", "write/note", "no-answer", "assign", "here"):
        assert client.post(url_of(order, what), {"text": "x", "to": client.user.pk}).status_code == 403, what
    assert (OrderMessage.objects.count(), OrderNote.objects.count(), OrderViewer.objects.count(), reload(order).assigned_to) == (
        0,
        0,
        0,
        None,
    )


# --- Who looks after it, who is there -------------------------------------------------------------------------------------


def test_take_give_and_let_go(sign_in):
    client, order, colleague = sign_in(Role.BUYER), new_order(), staff(Role.WAREHOUSE)
    url = url_of(order, "assign")
    page = client.get(page_url(order)).content.decode()
    assert f'name="to" value="{client.user.pk}"' in page

    client.post(url, {"to": client.user.pk, "version": order.version})
    assert reload(order).assigned_to == client.user
    assert colleague.nickname in client.get(url).content.decode()
    stale = client.post(url, {"to": colleague.pk, "version": order.version}, follow=True)
    assert said(stale) == ["Somebody changed this order meanwhile. Please look at it again."]
    client.post(url, {"to": colleague.pk, "version": reload(order).version})
    assert reload(order).assigned_to == colleague
    assert f"to {colleague.nickname}" in shown(client.get(page_url(order)))
    client.post(url, {"to": "", "version": reload(order).version})
    assert reload(order).assigned_to is None
    for nobody in ("999999999", "x", "-1"):
        assert client.post(url, {"to": nobody}).status_code == 404


def test_several_are_taken_and_given_at_once_from_the_list(sign_in):
    client, colleague = sign_in(Role.BUYER), staff(Role.SUPPORT)
    orders = [new_order(items=1) for _ in range(3)]
    chosen = [order.pk for order in orders[:2]]

    def act(name, **more):
        return client.post(LIST, {"action": name, "_selected_action": chosen, **more}, follow=True)

    assert said(act("take_chosen")) == ["2 done."]
    assert [reload(order).assigned_to for order in orders] == [client.user, client.user, None]
    assert colleague.nickname in act("give_chosen").content.decode()
    assert said(act("give_chosen", to=colleague.pk)) == ["2 done."]
    assert reload(orders[0]).assigned_to == colleague
    act("let_go_chosen")
    assert reload(orders[0]).assigned_to is None
    assert all(order.events.count() == 4 for order in orders[:2])


def test_the_list_is_narrowed_to_mine_nobodys_and_new_messages(sign_in):
    client = sign_in(Role.BUYER)
    mine, theirs, free, closed = new_order(items=1), new_order(items=1), new_order(items=1), order_at(State.REJECTED, items=1)
    assigning.give(mine.pk, to=client.user, by=By.staff(client.user))
    colleague = by(Role.SUPPORT)
    assigning.give(theirs.pk, to=colleague.user, by=colleague)
    customer_writes(theirs)
    customer_writes(closed)

    def found(**query):
        return [order.pk for order in client.get(LIST, query).context["cl"].result_list]

    assert found(by="me") == [mine.pk]
    assert found(by="nobody") == [free.pk]
    assert found(message="new") == [closed.pk, theirs.pk]
    page = client.get(LIST).content.decode()
    assert page.count("new message</span>") == 2
    assert "bo-pill--bad" not in client.get(LIST, {"message": "new", "by": "me"}).content.decode()
    Order.objects.filter(pk=theirs.pk).update(unanswered_since=now() - timedelta(hours=25))
    assert '<span class="bo-pill bo-pill--bad" title="answer by' in client.get(LIST).content.decode()


def test_a_beating_page_is_seen_by_the_others(sign_in):
    one, other, order = sign_in(Role.BUYER), sign_in(Role.SUPPORT), new_order()
    url = url_of(order, "here")
    assert one.get(url).status_code == 405
    assert "Also here" not in shown(one.post(url))
    assert f"Also here: {one.user.nickname}" in shown(other.post(url))
    assert f"Also here: {other.user.nickname}" in shown(one.get(page_url(order)))
    assert other.post(url, {"leaving": "1"}).status_code == 204
    assert presence.others(order.pk, by=By.staff(one.user)) == []
    assert one.post("/admin/workflow/order/999999/here/").status_code == 404


# --- What others changed --------------------------------------------------------------------------------------------------


def test_who_comes_second_reads_what_is_other_now_field_by_field(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    one, two = order.items.all()
    work.price_items(order.pk, prices={one.pk: 10_000, two.pk: 20_000}, names={one.pk: "Bag"}, by=by(Role.BUYER))
    seen, colleague = reload(order).version, by(Role.BUYER)
    work.price_items(order.pk, prices={one.pk: 12_000, two.pk: 20_000}, names={one.pk: "Red bag", two.pk: "Cap"}, by=colleague)
    hold(order.pk, reason="check", by=by(Role.SUPPORT))

    response = client.post(work_url(order, "price_items"), {"version": seen, f"price_krw-{one.pk}": "11,000"})

    assert response.status_code == 409
    assert response.context["meanwhile"].rows[0].event.user == colleague.user
    changes = [(str(change.label), change.was, change.now) for change in response.context["meanwhile"].changes]
    assert changes == [
        ("Product name of 1. Red bag", "Bag", "Red bag"),
        ("Product name of 2. Cap", "–", "Cap"),
        ("Unit price of 1. Red bag", "₩10,000", "₩12,000"),
        ("Hold", "–", "check"),
    ]
    page = response.content.decode()
    assert "<s><bdi>₩10,000</bdi></s>" in page
    assert 'value="11,000"' in page
    assert colleague.user.nickname in page


def test_saving_again_keeps_what_was_typed_and_undoes_nobodys_work(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    one, two = order.items.all()
    work.price_items(order.pk, prices={one.pk: 10_000, two.pk: 20_000}, names={one.pk: "Bag"}, by=by(Role.BUYER))
    form = {
        field: value for field, value in fields_of(client.get(work_url(order, "price_items"))).items() if field != "csrfmiddlewaretoken"
    }
    work.price_items(order.pk, prices={two.pk: 25_000}, names={one.pk: "Red bag"}, by=by(Role.BUYER))

    refused = client.post(work_url(order, "price_items"), {**form, f"price_krw-{one.pk}": "11,000"})

    again = fields_of(refused)
    assert (again[f"price_krw-{one.pk}"], again[f"name-{one.pk}"], again[f"price_krw-{two.pk}"]) == ("11,000", "Red bag", "25000")
    assert client.post(work_url(order, "price_items"), again).status_code == 302
    assert list(order.items.values_list("price_krw", "name")) == [(11_000, "Red bag"), (25_000, "")]


@pytest.mark.parametrize("seen", ["", "[]", "7", '"x"', "{", '{"name": 1}', "null"])
def test_a_forged_record_of_what_was_seen_is_no_500(sign_in, seen):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    item = order.items.first()
    version = order.version
    work.price_items(order.pk, prices={item.pk: 10_000}, by=by(Role.BUYER))
    response = client.post(work_url(order, "price_items"), {"version": version, "seen": seen, f"price_krw-{item.pk}": "5"})
    assert (response.status_code, order.items.first().price_krw) == (409, 10_000)


def fields_of(response) -> dict[str, str]:
    """The form of a page as a browser would send it."""
    found = re.findall(r"<input[^>]*>", response.content.decode())
    inputs = [dict(re.findall(r'(name|value)="([^"]*)"', tag)) for tag in found]
    return {one["name"]: unescape(one.get("value", "")) for one in inputs if "name" in one}


def test_a_stale_move_says_the_same(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    parcel = order.parcels.get()
    work.label_parcel(order.pk, parcel_id=parcel.pk, courier="fedex", tracking_number=FEDEX_NUMBER, by=by(Role.WAREHOUSE))

    response = client.post(do_url(order, "ship"), {"version": order.version})

    assert (response.status_code, reload(order).state) == (409, State.DELIVERY_PAID)
    changes = [(str(change.label), change.was, change.now) for change in response.context["meanwhile"].changes]
    assert changes == [("Courier of parcel 1", "–", "FedEx"), ("Tracking number of parcel 1", "–", FEDEX_NUMBER)]


def test_what_was_changed_and_changed_back_is_no_difference():
    order = order_at(State.QUOTE_APPROVED)
    item, buyer = order.items.first(), by(Role.BUYER)
    work.price_items(order.pk, prices={item.pk: 10_000}, by=buyer)
    seen = reload(order).version
    for price in (12_000, 10_000):
        work.price_items(order.pk, prices={item.pk: price}, by=buyer)
    found = meanwhile.since(reload(order), seen)
    assert (len(found.rows), found.changes) == (2, [])
    assert not meanwhile.since(reload(order), reload(order).version)


# --- What the customer sees, the clock, personal data ---------------------------------------------------------------------


def test_the_customers_view_in_both_languages(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    response = owner.get(url_of(order, "customer"))
    korean, english = sorted(response.context["views"], key=lambda view: view.locale, reverse=True)
    assert [label for _step, label, _status in english.steps] == ["Received", "Purchased", "At warehouse", "Shipped", "Delivered"]
    assert [label for _step, label, _status in korean.steps] == ["주문 접수", "구매 완료", "물건 도착", "배송 시작", "배송 완료"]
    assert [status for _step, _label, status in english.steps] == ["now", "ahead", "ahead", "ahead", "ahead"]
    bill = english.bills[0]
    assert [title for title, _line in bill.lines][-1] == "Service fee 4%"
    assert [title for title, _line in korean.bills[0].lines][-1] == "대행 수수료 4%"
    assert "/pay/" in bill.pay_url
    assert bill.pay_url in response.content.decode()


def test_the_customers_view_keeps_our_reason_for_a_hold_to_ourselves(owner):
    order = order_at(State.AT_WAREHOUSE)
    hold(order.pk, reason="secret reason", by=by(Role.SUPPORT))
    page = owner.get(url_of(order, "customer"))
    english = next(view for view in page.context["views"] if view.locale == "en")
    assert [step for step, _label, status in english.steps if status != "ahead"] == [1, 2, 3]
    assert "secret reason" not in shown(page)


def test_the_customers_clock_stands_beside_ours(owner):
    order = new_order()
    Order.objects.filter(pk=order.pk).update(requested_at="2026-03-08T10:00:00Z")
    page = shown(owner.get(page_url(order)))
    assert "requested 03-08 19:00" in page or "requested 2026-03-08 19:00" in page
    assert "(03-08 03:00 PDT)" in page
    Order.objects.filter(pk=order.pk).update(region="TX")
    assert "(about 03-08 05:00 CDT)" in shown(owner.get(page_url(order)))
    Order.objects.filter(pk=order.pk).update(region="ON", country="CA")
    assert "Now at the customer" not in shown(owner.get(page_url(order)))


def test_personal_data_is_masked_for_those_who_do_not_need_it(sign_in):
    order = new_order()
    email = order.customer.email
    for role, seen in ((Role.SUPPORT, True), (Role.BUYER, False)):
        page = sign_in(role).get(page_url(order)).content.decode()
        assert [secret in page for secret in ("Kim Minji", "Amphitheatre", "+16505550100", email)] == [seen] * 4, role


# --- The palette ----------------------------------------------------------------------------------------------------------


def palette(client, said: str) -> str:
    return shown(client.get("/admin/search/", {"s": said, "extended": "1"}))


def test_the_palette_finds_orders_exactly_and_pages_by_their_names(sign_in, django_assert_max_num_queries):
    client, order = sign_in(Role.SUPPORT), order_at(State.SHIPPED)
    palette(client, "x")  # the sidebar's badges are counted once in a while
    for text in (order.number, order.number.lower(), FEDEX_NUMBER, order.items.first().shop_order_number, order.customer.email):
        with django_assert_max_num_queries(10):
            assert order.number in palette(client, text), text
    for text in (order.number[:-1], "%", "example.com", "smartstore", "' OR 1=1"):
        assert "BD-" not in palette(client, text), text
    assert "Tasks" in palette(client, "tas")
    assert "Ledger" not in palette(client, "led")


def test_who_sees_no_emails_does_not_find_by_them(sign_in):
    client, order = sign_in(Role.BUYER), new_order()
    assert order.number in palette(client, order.number)
    assert order.number not in palette(client, order.customer.email)
    assert list(client.get(LIST, {"q": order.customer.email}).context["cl"].result_list) == []
    moderator = sign_in(Role.MODERATOR)
    assert order.number not in palette(moderator, order.number)
    assert moderator.get("/admin/keys/").status_code == 200


def test_the_page_listens_from_the_moment_it_was_read(owner):
    order = order_at(State.QUOTE_APPROVED)
    newest = events.position(events.STAFF_CHANNEL)
    assert newest > 0
    assert f'data-stream="/admin/events?last_event_id={newest}"' in owner.get(page_url(order)).content.decode()


def test_the_page_costs_the_same_however_much_was_written(owner):
    order, buyer = order_at(State.AT_WAREHOUSE), by(Role.BUYER)
    owner.get(page_url(order))

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(page_url(order))
        return len(queries)

    few = cost()
    for n in range(5):
        customer_writes(order)
        messages.write_to_customer(order.pk, text="x", by=buyer)
        notes.add_note(order.pk, text=f"{n}", by=buyer)
        presence.beat(order.pk, by=by(Role.SUPPORT))
    assert cost() == few <= 31
