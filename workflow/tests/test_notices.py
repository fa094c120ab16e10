"""What customers and staff are told, by mail and SMS, for every event that promises a notice; and reminders."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.accounts.models import User
from core.notices import Letter
from core.notices.models import Notice
from core.notices.rendering import as_html, as_text
from integrations.couriers import TrackingResult, TrackingScan, TrackingStatus
from integrations.sms import sms_bytes
from workflow import adjustments, disposal, inspections, messages, notices, refunds, reminders, tracking, work
from workflow.letters import CUSTOMER, STAFF, About
from workflow.models import Item, Order, OrderEvent, Parcel, PayLink, StaffTask
from workflow.process import TRANSITIONS, Effect, Role, State
from workflow.tests import factories
from workflow.transitions import By, answer_question, ask_customer, hold, perform

pytestmark = pytest.mark.django_db

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
HANGUL = re.compile("[가-힣]")
#: with SMS as well as mail
CUSTOMER_SMS = {
    "confirm_item_prices",
    "record_item_payment",
    "mark_items_purchased",
    "confirm_delivery_fee",
    "record_delivery_payment",
    "ship",
}
STAFF_SMS = {"request_quote", "record_item_payment", "record_delivery_payment"}
#: told to the customer and to staff, beside the transitions
BESIDE_CUSTOMER = {
    "request_quote", "ask", "message", "sold_out", "difference", "difference_paid", "difference_unpaid", "refund", "refund_approved",
    "label_parcels", "extend_storage", "ask_inspection", "parcel_trouble",
}  # fmt: skip
BESIDE_STAFF = {"request_quote", "answer", "answer_inspection", "message", "difference_paid"}


def told(effect: Effect) -> set[str]:
    return {spec.name for spec in TRANSITIONS.values() if effect in spec.then}


@pytest.fixture(autouse=True)
def _staff_addresses(settings):
    settings.PUBLIC_BASE_URL = "https://bidangil.example"
    settings.STAFF_NOTICE_EMAILS = ["staff@bidangil.example"]
    settings.STAFF_NOTICE_PHONES = ["+821000000001"]


@pytest.fixture
def life() -> dict[str, OrderEvent]:
    """One event of every kind that is told, from orders that really went that way; name -> event."""
    orders = [
        factories.order_at(state) for state in (State.DELIVERED, State.REJECTED, State.RETURNED, State.QUOTE_EXPIRED, State.CANCELLED)
    ]
    perform(orders[3].pk, Order.renew_quote, by=By.customer(orders[3].customer))
    ask_customer(orders[2].pk, question="다시 보내 드릴까요?\n주소가 맞나요?", by=factories.by(Role.SUPPORT))
    answered = factories.order_at(State.QUOTE_REQUESTED)
    ask_customer(answered.pk, question="Which colour?", by=factories.by(Role.BUYER))
    answer_question(answered.pk, by=By.customer(answered.customer))
    messages.write_to_customer(answered.pk, text="It is on its way.", by=factories.by(Role.SUPPORT))
    disposal.extend(orders[2].pk, days=14, reason="on holiday", by=factories.by(Role.SUPPORT))
    changed = [
        _changed_after_the_payment(),
        _refunded_by_two(),
        _with_a_corrected_number(),
        _held_up(),
        _damaged(is_answered=False),
        _damaged(is_answered=True),
    ]
    events = OrderEvent.objects.filter(order__in=[*orders, answered, *changed]).order_by("-pk")
    return {event.name: event for event in events if event.name != "label_parcels" or "corrected" in event.facts}


def _changed_after_the_payment() -> Order:
    """Sold out, dearer and paid, dearer and not paid."""
    order, buyer = factories.order_at(State.ITEMS_PAID, items=3), factories.by(Role.BUYER)
    sold_out, paid, unpaid = (item.pk for item in order.items.all())
    adjustments.sell_out(order.pk, item_ids=[sold_out], by=buyer)
    adjustments.raise_prices(order.pk, prices_krw={paid: 100_000}, by=buyer)
    factories.pay_difference(order)
    adjustments.raise_prices(order.pk, prices_krw={unpaid: 100_000}, by=buyer)
    adjustments.end(order.pk, by=By.job(), run_out=True)
    return order


def _with_a_corrected_number() -> Order:
    order, warehouse = factories.order_at(State.SHIPPED), factories.by(Role.WAREHOUSE)
    work.label_parcel(order.pk, parcel_id=order.parcels.get().pk, courier="ems", tracking_number=factories.EMS_NUMBER, by=warehouse)
    return order


def _held_up() -> Order:
    order = factories.order_at(State.SHIPPED)
    scan = TrackingScan(now(), "SE", TrackingStatus.EXCEPTION, "Clearance delay", "Memphis")
    tracking.take_in(order.parcels.get(), TrackingResult(factories.FEDEX_NUMBER, TrackingStatus.EXCEPTION, (scan,)))
    return order


def _damaged(*, is_answered: bool) -> Order:
    order, warehouse = factories.order_at(State.ITEMS_PURCHASED), factories.by(Role.WAREHOUSE)
    item = order.items.first()
    inspections.inspect_item(order.pk, item_id=item.pk, verdict="damaged", note="A seam is open.", by=warehouse)
    inspections.ask_about(order.pk, inspection_ids=[item.inspections.get().pk], text="A seam is open. Send it?", by=warehouse)
    if is_answered:
        inspections.answer_inspection(order.pk, position=item.position, choice="keep", by=By.customer(order.customer))
    return order


def _refunded_by_two() -> Order:
    order = factories.order_at(State.ITEMS_PURCHASED, price_krw=500_000)
    first, second = order.invoices.get().lines.filter(kind="item")
    refunds.refund_lines(order.pk, lines={first.pk: 100}, reason="goodwill", by=factories.by(Role.SUPPORT))
    refunds.refund_lines(order.pk, lines={second.pk: 30_000}, reason="damaged", by=factories.by(Role.SUPPORT))
    refunds.approve(order.refunds.get(status="proposed").pk, by=factories.by(Role.FINANCE))
    return order


def last_event(order: Order) -> OrderEvent:
    return OrderEvent.objects.filter(order=order).latest("number")


def letter_to(event: OrderEvent, *, locale: str) -> Letter:
    letter = CUSTOMER[event.name](About(Order.objects.get(pk=event.order_id), locale, event))
    assert letter is not None
    return letter


def everything_in(letter: Letter) -> str:
    return " ".join([letter.subject, as_text(letter, locale="ko"), letter.sms])


# --- Every promised notice has its letter ---------------------------------------------------------------------------------


def test_the_tables_hold_exactly_what_the_process_promises():
    assert set(CUSTOMER) == told(Effect.NOTIFY_CUSTOMER) | BESIDE_CUSTOMER
    assert set(STAFF) == told(Effect.NOTIFY_STAFF) | BESIDE_STAFF


def test_every_event_has_a_letter_to_the_customer_in_both_languages(life):
    for name in set(CUSTOMER) - {"answer"}:
        event = life[name] if name != "ask" else OrderEvent.objects.filter(name="ask", order__question__gt="").first()

        korean, english = letter_to(event, locale="ko"), letter_to(event, locale="en")

        for letter in (korean, english):
            assert event.order.number in letter.subject, name
            assert letter.button is not None
            assert letter.button[1].startswith("https://"), name
        assert HANGUL.search(korean.subject + korean.lines[0] + korean.button[0]), name
        assert not HANGUL.search(english.subject + english.lines[0] + english.button[0] + english.sms), name
        assert (len(korean.rows), len(korean.links), bool(korean.total), bool(korean.sms)) == (
            len(english.rows), len(english.links), bool(english.total), bool(english.sms),
        ), name  # fmt: skip
        assert bool(korean.sms) == (name in CUSTOMER_SMS), name


def test_every_event_for_staff_has_a_letter_in_both_languages(life):
    for name, write in STAFF.items():
        for locale in ("ko", "en"):
            letter = write(About(life[name].order, locale, life[name]))

            assert letter is not None
            assert letter.button[1] == f"https://bidangil.example/admin/workflow/order/{life[name].order_id}/change/"
            assert bool(letter.sms) == (name in STAFF_SMS), name
            assert bool(HANGUL.search(letter.subject)) == (locale == "ko")


def test_sms_are_short_enough_for_one_message(life):
    Parcel.objects.update(courier="ems", tracking_number="EG123456785KR")
    for table, names in ((CUSTOMER, CUSTOMER_SMS), (STAFF, STAFF_SMS)):
        for name in names:
            korean = table[name](About(life[name].order, "ko", life[name])).sms
            english = table[name](About(life[name].order, "en", life[name])).sms

            assert sms_bytes(korean) <= 80, korean
            assert korean.encode("cp949").decode("cp949") == korean, korean
            assert len(english) <= 160, english
            assert set(english) <= GSM, english


@pytest.mark.parametrize("status", ["attempt_failed", "available_for_pickup"])
def test_a_parcel_that_needs_the_recipient_says_so_by_sms_too(life, status):
    event = life["parcel_trouble"]
    event.facts["status"] = status
    korean, english = (letter_to(event, locale=locale).sms for locale in ("ko", "en"))
    assert 0 < sms_bytes(korean) <= 80
    assert 0 < len(english) <= 160
    assert set(english) <= GSM


def test_letters_hold_no_personal_data(life):
    for name in CUSTOMER:
        event = life[name] if name != "ask" else OrderEvent.objects.filter(name="ask", order__question__gt="").first()
        for locale in ("ko", "en"):
            said = everything_in(letter_to(event, locale=locale))
            for secret in ("Amphitheatre", "Apt 5", "94043", "Kim Minji", "6505550100", event.order.customer.email):
                assert secret not in said, (name, secret)


# --- What they say --------------------------------------------------------------------------------------------------------


def test_the_pay_letter_has_lines_total_link_and_deadline():
    order = factories.order_at(State.QUOTE_APPROVED)
    Item.objects.filter(order=order, position=1).update(name="양말 <b>")
    factories.confirm_prices(order)
    Order.objects.filter(pk=order.pk).update(pay_by="2026-11-26T01:30:00Z")
    order.invoices.update(pay_by="2026-11-26T01:30:00Z")

    letter = letter_to(last_event(order), locale="en")

    assert letter.rows[0] == ("양말 <b>", "₩10,000 · $7.14")
    assert letter.rows[2][1] == "₩2,000 · $1.43"
    assert letter.total == ("Total", "₩52,000 · $37.14")
    assert letter.button == ("Pay now", f"https://bidangil.example/pay/{PayLink.objects.get(order=order).token}")
    assert "Wednesday, November 25, 5:30 PM (Pacific time)" in letter.lines[1]
    assert "11월 25일(수) 오후 5시 30분 (미국 서부 시간)" in letter_to(last_event(order), locale="ko").lines[1]
    assert "양말 &lt;b&gt;" in as_html(letter, locale="en")
    assert "<b>" not in as_html(letter, locale="en")


def test_a_second_version_says_what_changed():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    buyer = factories.by(Role.BUYER)
    perform(order.pk, Order.revise_item_prices, by=buyer)
    first = order.items.get(position=1)
    work.price_items(order.pk, prices={first.pk: 12_000}, by=buyer)
    perform(order.pk, Order.confirm_item_prices, by=buyer)

    letter = letter_to(last_event(order), locale="en")

    assert letter.lines[2:] == ("This replaces the earlier amount: $37.14 → $38.63.", "smartstore.naver.com: ₩10,000 → ₩12,000")


def test_screening_says_what_customs_will_say_of_each_item():
    order = factories.new_order()
    one, two = order.items.all()
    buyer = factories.by(Role.BUYER)
    verdicts = {
        one.pk: {"verdict": "approved", "note": "Duty free below $800"},
        two.pk: {"verdict": "rejected", "note": "육류는 보낼 수 없습니다"},
    }
    work.screen_items(order.pk, verdicts=verdicts, by=buyer)
    perform(order.pk, Order.approve_quote, by=buyer)

    letter = letter_to(last_event(order), locale="ko")

    assert [value for _label, value in letter.rows] == ["Duty free below $800", "구매할 수 없음: 육류는 보낼 수 없습니다"]
    assert "1개 상품은 구매해 드릴 수 없습니다" in letter.lines[2]


def test_a_cancellation_says_what_goes_back():
    paid = factories.order_at(State.ITEMS_PAID)
    perform(paid.pk, Order.cancel, by=By.customer(paid.customer), reason="changed my mind")
    unpaid = factories.order_at(State.CANCELLED)

    assert letter_to(last_event(paid), locale="en").total == ("Refund", "$37.14")
    assert letter_to(last_event(paid), locale="en").rows == (("From the items payment", "$37.14"),)
    assert letter_to(last_event(unpaid), locale="en").after == ("You had not been charged, so there is nothing to refund.",)
    assert "changed my mind" not in everything_in(letter_to(last_event(paid), locale="en"))


def test_staff_give_their_reason_for_a_cancellation():
    order = factories.order_at(State.ITEMS_PAID)
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="The shop has closed")

    assert "Why: The shop has closed" in letter_to(last_event(order), locale="en").lines


def test_each_parcel_has_its_tracking_link():
    order = factories.order_at(State.AT_WAREHOUSE)
    warehouse = factories.by(Role.WAREHOUSE)
    one, two = order.items.all()
    work.pack_parcel(order.pk, weight_g=500, volume_cm3=900, item_ids=[one.pk], by=warehouse)
    factories.confirm_fee(order)
    factories.pay(order, "delivery")
    numbers = {1: ("fedex", factories.FEDEX_NUMBER), 2: ("ems", factories.EMS_NUMBER)}
    for parcel in order.parcels.all():
        courier, number = numbers[parcel.position]
        work.label_parcel(order.pk, parcel_id=parcel.pk, courier=courier, tracking_number=number, by=warehouse)
    perform(order.pk, Order.ship, by=warehouse)

    letter = letter_to(last_event(order), locale="ko")

    assert [value for _courier, value in letter.rows] == [factories.FEDEX_NUMBER, factories.EMS_NUMBER]
    assert [factories.FEDEX_NUMBER in letter.links[0][1], factories.EMS_NUMBER in letter.links[1][1]] == [True, True]
    assert letter.sms.endswith("986578788855 외 1개")
    assert sms_bytes(letter.sms) <= 80


def test_the_button_leads_to_the_public_page_of_all_parcels():
    order = factories.order_at(State.SHIPPED)

    letter = letter_to(OrderEvent.objects.get(order=order, name="ship"), locale="en")

    assert letter.button == ("Track your order", f"https://bidangil.example/track/{order.track_link.token}")
    assert [factories.FEDEX_NUMBER in url for _words, url in letter.links] == [True]


def test_a_corrected_number_is_told_once_and_a_first_one_is_not():
    order, warehouse = factories.order_at(State.SHIPPED), factories.by(Role.WAREHOUSE)
    first = OrderEvent.objects.get(order=order, name="label_parcels")
    for number in ("477179081230", "986578788866"):
        label = {"parcel_id": order.parcels.get().pk, "courier": "fedex", "tracking_number": number}
        work.label_parcel(order.pk, **label, by=warehouse)
        work.label_parcel(order.pk, **label, by=warehouse)  # the same again corrects nothing

    letters = [CUSTOMER["label_parcels"](About(factories.reload(order), "en", event)) for event in _labellings(order)]

    assert CUSTOMER["label_parcels"](About(order, "en", first)) is None
    assert [letter.rows if letter else None for letter in letters] == [None, None, None, (("FedEx", "986578788866"),), None]


def _labellings(order: Order) -> list[OrderEvent]:
    return list(OrderEvent.objects.filter(order=order, name="label_parcels").order_by("number"))


def test_delivery_brings_the_review_invitation_and_the_claim_window(life):
    letter = letter_to(life["record_delivery"], locale="en")

    assert letter.button == ("Write a review", "https://bidangil.example/community/review")
    assert "If something is wrong, tell us on your order page by" in letter.notes[0]


def test_an_answered_question_is_not_asked_by_mail():
    order = factories.new_order()
    ask_customer(order.pk, question="Which colour?", by=factories.by(Role.BUYER))
    event = last_event(order)
    answer_question(order.pk, by=By.customer(order.customer))

    notices.tell_customer(OrderEvent.objects.get(pk=event.pk))

    assert not Notice.objects.exists()


def test_staff_who_close_a_question_themselves_are_not_told():
    order = factories.new_order()
    ask_customer(order.pk, question="Which colour?", by=factories.by(Role.BUYER))
    answer_question(order.pk, by=factories.by(Role.BUYER))

    notices.tell_staff(last_event(order))

    assert not Notice.objects.exists()


# --- Who gets them, by which channel --------------------------------------------------------------------------------------


def test_a_milestone_goes_out_by_mail_and_sms_once_each():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=factories.customer(phone="010-1234-5678", locale="ko"))
    event = last_event(order)

    notices.tell_customer(event)
    notices.tell_customer(event)

    key = f"order:{order.pk}:{event.number}:confirm_item_prices"
    rows = Notice.objects.order_by("channel").values_list("key", "kind", "channel", "recipient", "user_id", "locale", "status")
    assert list(rows) == [
        (key, "confirm_item_prices", "email", order.customer.email, order.customer_id, "ko", "queued"),
        (key, "confirm_item_prices", "sms", "+821012345678", order.customer_id, "ko", "queued"),
    ]
    assert Notice.objects.get(channel="sms").text == f"[비단길] {order.number} 상품 결제가 준비됐습니다. 메일의 링크로 결제해 주세요."


def test_an_effect_that_runs_again_after_the_address_changed_tells_nobody_twice():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    notices.tell_customer(last_event(order))
    User.objects.filter(pk=order.customer_id).update(email="new@example.com", phone="010-1111-2222")

    notices.tell_customer(last_event(order))

    assert sorted(Notice.objects.values_list("channel", flat=True)) == ["email", "sms"]


def test_without_an_own_number_the_recipients_is_used_and_an_undiallable_one_is_not():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    silent = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    Order.objects.filter(pk=silent.pk).update(recipient_phone="ask the neighbour")

    notices.tell_customer(last_event(order))
    notices.tell_customer(last_event(silent))

    assert list(Notice.objects.filter(channel="sms").values_list("recipient", flat=True)) == ["+16505550100"]
    assert Notice.objects.filter(channel="email").count() == 2


def test_staff_are_told_by_mail_and_phone_in_their_language(settings):
    settings.STAFF_NOTICE_EMAILS = ["Boss@bidangil.example", "team@bidangil.example"]
    User.objects.create_user("boss@bidangil.example", None, nickname="boss", locale="en", is_staff=True)
    order = factories.new_order(items=3)

    notices.tell_staff(last_event(order))
    notices.tell_staff(last_event(order))

    rows = Notice.objects.order_by("pk").values_list("channel", "recipient", "locale", "subject", "text")
    assert [row[:4] for row in rows] == [
        ("email", "Boss@bidangil.example", "en", f"New order: 3 items ({order.number})"),
        ("email", "team@bidangil.example", "ko", f"새 주문이 들어왔습니다: 상품 3개 ({order.number})"),
        ("sms", "+821000000001", "ko", ""),
    ]
    assert rows[2][4] == f"[비단길] 새 주문 {order.number}, 상품 3개"
    assert not Notice.objects.exclude(kind="staff_request_quote").exists()


def test_staff_get_no_sms_where_nothing_came_in(life):
    notices.tell_staff(life["renew_quote"])

    assert list(Notice.objects.values_list("channel", flat=True)) == ["email"]


# --- Reminders ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def at(monkeypatch):
    """Set the clock that reminders look at."""

    def set_clock(moment):
        monkeypatch.setattr(notices, "now", lambda: moment)

    return set_clock


def reminded() -> list[str]:
    return [key.partition(":")[2].partition(":")[2] for key in Notice.objects.order_by("pk").values_list("key", flat=True)]


def test_the_items_invoice_is_reminded_of_a_day_and_six_hours_before_its_end(at):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=factories.customer(phone="010-1234-5678"))
    end = order.pay_by

    at(end - timedelta(hours=24, minutes=1))
    assert notices.send_reminders() == 0
    at(end - timedelta(hours=24))
    assert notices.send_reminders() == 1
    assert notices.send_reminders() == 0
    at(end - timedelta(hours=6))
    assert notices.send_reminders() == 1
    assert notices.send_reminders() == 0
    at(end)
    assert notices.send_reminders() == 0

    assert reminded() == ["invoice-1:items_unpaid:24h", "invoice-1:items_unpaid:6h"]
    assert set(Notice.objects.values_list("channel", "kind")) == {("email", "remind_items_unpaid")}


def test_after_a_pause_only_the_latest_reminder_goes_out(at):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    at(order.pay_by - timedelta(hours=1))
    notices.send_reminders()

    assert reminded() == ["invoice-1:items_unpaid:6h"]


def test_a_fresh_invoice_is_left_alone_for_two_hours(at):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    Order.objects.filter(pk=order.pk).update(pay_by=now() + timedelta(hours=5))

    at(now() + timedelta(hours=1, minutes=58))
    assert notices.send_reminders() == 0
    at(now() + timedelta(hours=2, minutes=1))
    assert notices.send_reminders() == 1


def test_nobody_is_reminded_of_what_is_paid_held_or_being_processed(at):
    paid = factories.order_at(State.ITEMS_PAID)
    held = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    hold(held.pk, reason="dispute", by=factories.by(Role.SUPPORT))
    processing = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    attempt = factories.new_attempt(processing.invoices.get())
    type(attempt).objects.filter(pk=attempt.pk).update(status="open", processing=True)

    at(min(paid.pay_by, held.pay_by, processing.pay_by) - timedelta(hours=5))

    assert notices.send_reminders() == 0


def test_the_delivery_invoice_is_reminded_of_after_two_and_five_days(at):
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    issued = order.invoices.get(kind="delivery").created_at

    written = []
    for days in (1.9, 2, 4, 5, 9, 20):
        at(issued + timedelta(days=days))
        written.append(notices.send_reminders())

    assert written == [0, 1, 0, 1, 0, 0]
    assert reminded() == ["invoice-2:delivery_unpaid:2d", "invoice-2:delivery_unpaid:5d"]


def test_an_open_question_is_reminded_of_and_then_handed_to_staff(at):
    order = factories.new_order()
    ask_customer(order.pk, question="Which colour?", by=factories.by(Role.BUYER))
    asked_at = Order.objects.get(pk=order.pk).asked_at

    written, tasks = [], []
    for days in (0.9, 1, 3, 7, 7.9, 8, 9):
        at(asked_at + timedelta(days=days))
        written.append(notices.send_reminders())
        tasks.append(StaffTask.objects.filter(kind="question_unanswered", order=order).count())

    assert written == [0, 1, 1, 1, 0, 0, 0]
    assert tasks == [0, 0, 0, 0, 0, 1, 1]
    assert "Which colour?" in Notice.objects.first().text


def test_each_question_has_its_own_reminders(at):
    order = factories.new_order()
    buyer = factories.by(Role.BUYER)
    ask_customer(order.pk, question="Which colour?", by=buyer)
    at(now() + timedelta(days=1, minutes=1))
    assert notices.send_reminders() == 1
    answer_question(order.pk, by=By.customer(order.customer))
    assert notices.send_reminders() == 0
    ask_customer(order.pk, question="Which size?", by=buyer)
    Order.objects.filter(pk=order.pk).update(asked_at=now() + timedelta(seconds=5))

    assert notices.send_reminders() == 1


def test_one_order_that_cannot_be_written_to_does_not_silence_the_others(at, caplog):
    broken = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    fine = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    PayLink.objects.filter(order=broken).delete()

    at(fine.pay_by - timedelta(hours=1))

    assert notices.send_reminders() == 1
    assert "no reminder" in caplog.text


def test_a_round_that_finds_everything_written_costs_the_same_whatever_it_finds(at, django_assert_num_queries):
    orders = [factories.order_at(State.AWAITING_ITEM_PAYMENT) for _ in range(4)]
    at(min(order.pay_by for order in orders) - timedelta(hours=1))
    notices.send_reminders()

    with django_assert_num_queries(9):
        notices.send_reminders()


def test_reminders_read_in_both_languages():
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    Order.objects.filter(pk=order.pk).update(question="Which colour?", asked_at=now() - timedelta(days=2))
    invoices = {invoice.kind: invoice for invoice in order.invoices.all()}
    invoices["items"].pay_by = now()
    difference = factories.order_at(State.ITEMS_PAID)
    adjustments.raise_prices(difference.pk, prices_krw={difference.items.first().pk: 100_000}, by=factories.by(Role.BUYER))
    invoices["adjustment"] = difference.invoices.get(kind="adjustment")
    PayLink.objects.filter(order=difference, kind="adjustment").update(order=order)
    kinds = {"items_unpaid": "items", "delivery_unpaid": "delivery", "difference_unpaid": "adjustment", "question_open": ""}
    for kind, invoice in ((kind, invoices.get(of)) for kind, of in kinds.items()):
        for locale in ("ko", "en"):
            User.objects.filter(pk=order.customer_id).update(locale=locale)
            letter = reminders.Reminder(key="k", kind=kind, order=Order.objects.get(pk=order.pk), invoice=invoice).letter()

            assert bool(HANGUL.search(letter.subject)) == (locale == "ko")
            assert letter.button[1].startswith("https://bidangil.example/")
