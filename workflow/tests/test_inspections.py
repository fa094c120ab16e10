"""Arrivals taken back; what is found of an item, what the customer is asked and answers, and how it ends."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import Conflict, Invalid, NotFound
from core.outbox.models import Effect as EffectRow
from workflow import adjustments, inspection_rows, inspection_words, inspections, messages, notices, refunds, work
from workflow.imports import arrivals
from workflow.models import Inspection, Order, OrderEvent, Parcel, StaffTask
from workflow.process import Role, State, Waits
from workflow.tests import factories
from workflow.tests.factories import reload
from workflow.transitions import By, TransitionRefused, ask_customer, perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    """Item 1 is one piece, item 2 two."""
    return factories.order_at(State.ITEMS_PURCHASED)


@pytest.fixture
def warehouse() -> By:
    return factories.by(Role.WAREHOUSE)


def items(order):
    return list(order.items.order_by("position"))


def statuses(order):
    return list(order.items.order_by("position").values_list("status", flat=True))


def names(order):
    return list(order.events.order_by("number").values_list("name", flat=True))


def damaged(order, warehouse, *, position=1, verdict="damaged"):
    item = order.items.get(position=position)
    return inspections.inspect_item(order.pk, item_id=item.pk, verdict=verdict, note="the box is wet", by=warehouse)


def asked(order, warehouse, **what):
    inspection = damaged(order, warehouse, **what)
    inspections.ask_about(order.pk, inspection_ids=[inspection.pk], text="What shall we do?", by=warehouse)
    return Inspection.objects.get(pk=inspection.pk)


def answer(order, choice, text="", position=1):
    return inspections.answer_inspection(order.pk, position=position, choice=choice, text=text, by=By.customer(order.customer))


# --- Arrivals taken back --------------------------------------------------------------------------------------------------


def test_an_arrival_is_taken_back(order, warehouse):
    one, two = items(order)
    work.receive_items(order.pk, item_ids=[one.pk, two.pk], inspected=True, by=warehouse)
    work.undo_arrival(order.pk, item_ids=[two.pk], by=warehouse)
    assert list(order.items.order_by("position").values_list("status", "arrived_at")) == [
        ("inspected", items(order)[0].arrived_at),
        ("purchased", None),
    ]
    event = order.events.latest("number")
    assert (event.name, event.user, event.facts) == ("undo_arrival", warehouse.user, {"items": {"2": "purchased"}})


def test_what_did_not_arrive_is_not_taken_back(order, warehouse):
    with pytest.raises(TransitionRefused, match="has not arrived"):
        work.undo_arrival(order.pk, item_ids=[items(order)[0].pk], by=warehouse)
    with pytest.raises(Invalid):
        work.undo_arrival(order.pk, item_ids=[], by=warehouse)
    with pytest.raises(TransitionRefused, match="may not"):
        work.undo_arrival(order.pk, item_ids=[items(order)[0].pk], by=factories.by(Role.FINANCE))
    assert names(reload(order))[-1] == "mark_items_purchased"


def test_no_arrival_is_taken_back_once_the_order_moved_on_or_its_parcel_is_handed_over(order, warehouse):
    item = items(order)[0]
    work.receive_items(order.pk, item_ids=[item.pk], inspected=True, by=warehouse)
    item.parcel = Parcel.objects.create(order=order, position=1, weight_g=1, handed_over_at=now())
    item.save(update_fields=["parcel"])
    with pytest.raises(TransitionRefused) as refused:
        work.undo_arrival(order.pk, item_ids=[item.pk], by=warehouse)
    assert refused.value.code == "handed_over"
    moved_on = factories.order_at(State.AT_WAREHOUSE)
    with pytest.raises(TransitionRefused, match="At the warehouse"):
        work.undo_arrival(moved_on.pk, item_ids=[items(moved_on)[0].pk], by=warehouse)
    assert statuses(moved_on) == ["inspected", "inspected"]


# --- Verdicts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "some_came", "status", "outcome"),
    [
        ("ok", False, "inspected", "fine"),
        ("wrong", False, "arrived", ""),
        ("damaged", False, "arrived", ""),
        ("prohibited", False, "arrived", ""),
        ("missing", False, "purchased", ""),
        ("missing", True, "arrived", ""),
    ],
)
def test_a_verdict(order, warehouse, verdict, some_came, status, outcome):
    item = items(order)[0]
    said = inspections.inspect_item(order.pk, item_id=item.pk, verdict=verdict, note="seen", some_came=some_came, by=warehouse)
    assert (said.number, said.outcome, said.is_open, said.by) == (1, outcome, outcome == "", warehouse.user)
    item.refresh_from_db()
    assert (item.status, item.arrived_at is None, item.inspected_at is None) == (status, status == "purchased", status != "inspected")
    event = order.events.latest("number")
    assert (event.name, event.facts) == ("inspect", {"item": 1, "inspection": 1, "verdict": verdict})


def test_a_bad_verdict_needs_words_and_keeps_the_order_where_it_is(order, warehouse):
    one, two = items(order)
    with pytest.raises(Invalid) as refused:
        inspections.inspect_item(order.pk, item_id=one.pk, verdict="damaged", note=" ", by=warehouse)
    assert refused.value.field == "note"
    with pytest.raises(Invalid):
        inspections.inspect_item(order.pk, item_id=one.pk, verdict="lovely", note="x", by=warehouse)
    damaged(order, warehouse)
    work.receive_items(order.pk, item_ids=[two.pk], inspected=True, by=warehouse)
    with pytest.raises(TransitionRefused) as refused:
        perform(order.pk, Order.receive_at_warehouse, by=warehouse)
    assert str(refused.value) == "Every live item must have arrived and been inspected. 1. Item 1 (arrived)"


def test_nobody_passes_an_open_inspection(order, warehouse):
    damaged(order, warehouse)
    item = items(order)[0]
    for act in (
        lambda: work.receive_items(order.pk, item_ids=[item.pk], inspected=True, by=warehouse),
        lambda: work.undo_arrival(order.pk, item_ids=[item.pk], by=warehouse),
        lambda: damaged(order, warehouse),
    ):
        with pytest.raises(TransitionRefused) as refused:
            act()
        assert refused.value.code == "inspection_open"
    assert arrivals.load([order.pk], []).held == {item.pk}
    assert (statuses(order), Inspection.objects.count()) == (["arrived", "purchased"], 1)


def test_a_verdict_is_taken_back_until_the_customer_was_asked(order, warehouse):
    inspection = damaged(order, warehouse)
    inspections.undo_inspection(order.pk, inspection_id=inspection.pk, by=warehouse)
    inspection.refresh_from_db()
    assert (inspection.outcome, statuses(order)[0]) == ("undone", "arrived")
    second = asked(order, warehouse)
    assert second.number == 2
    with pytest.raises(TransitionRefused) as refused:
        inspections.undo_inspection(order.pk, inspection_id=second.pk, by=warehouse)
    assert refused.value.code == "too_late"


def test_what_was_found_fine_is_taken_back(order, warehouse):
    item = items(order)[0]
    fine = inspections.inspect_item(order.pk, item_id=item.pk, verdict="ok", by=warehouse)
    inspections.undo_inspection(order.pk, inspection_id=fine.pk, by=warehouse)
    assert statuses(order)[0] == "arrived"
    again = inspections.inspect_item(order.pk, item_id=item.pk, verdict="ok", by=warehouse)
    work.undo_arrival(order.pk, item_ids=[item.pk], by=warehouse)
    again.refresh_from_db()
    assert (statuses(order)[0], again.outcome) == ("purchased", "undone")


def test_two_people_look_at_once(order, warehouse):
    """The second pressed on a page that shows the order as it was before."""
    item, seen = items(order)[0], reload(order).version
    inspections.inspect_item(order.pk, item_id=item.pk, verdict="ok", by=warehouse, seen_version=seen)
    with pytest.raises(TransitionRefused) as refused:
        inspections.inspect_item(order.pk, item_id=item.pk, verdict="damaged", note="x", by=factories.by(Role.OWNER), seen_version=seen)
    assert (refused.value.code, Inspection.objects.count()) == ("changed_meanwhile", 1)


# --- Asking and answering -------------------------------------------------------------------------------------------------


def test_the_customer_is_asked(order, warehouse):
    inspection = asked(order, warehouse)
    order = reload(order)
    assert (order.question, order.asked_at, order.waiting_on) == ("What shall we do?", inspection.asked_at, Waits.CUSTOMER)
    assert inspection.answer_by == inspection.asked_at + timedelta(days=7)
    message = order.messages.get()
    assert (message.asks, message.from_staff, message.text) == (True, True, "What shall we do?")
    event = order.events.latest("number")
    assert (event.name, event.facts["asked"], event.facts["message"]) == ("ask_inspection", [1], message.pk)
    assert (
        EffectRow.objects.filter(subject=order.subject, payload__event=event.number).values_list("name", flat=True).get()
        == "notify_customer"
    )


def test_the_letter_names_what_was_found(order, warehouse):
    asked(order, warehouse)
    notices.tell_customer(order.events.select_related("order__customer").latest("number"))
    from core.notices.models import Notice

    notice = Notice.objects.get(kind="ask_inspection")
    assert "the box is wet" in notice.text
    assert f"/orders/{order.number}" in notice.text


@pytest.mark.parametrize(("choice", "text"), [("keep", ""), ("return", "please"), ("other", "Repair it?")])
def test_the_customer_answers(order, warehouse, choice, text):
    inspection = asked(order, warehouse)
    answer(order, choice, text)
    order, inspection = reload(order), Inspection.objects.get(pk=inspection.pk)
    assert (inspection.choice, inspection.answer, inspection.is_open) == (choice, text, True)
    assert (order.question, order.asked_at, order.waiting_on) == ("", None, Waits.STAFF)
    message = order.messages.latest("pk")
    assert message.from_staff is False
    assert message.text == inspection_words.answer(inspection.item, choice, text, locale=order.customer.locale)
    assert order.unanswered_since is None
    assert list(StaffTask.objects.values_list("kind", "done_at")) == [("customer_decided", None)]
    event = order.events.latest("number")
    assert (event.name, event.facts["choice"], event.actor) == ("answer_inspection", choice, "customer")


def test_an_answer_that_cannot_be_taken(order, warehouse):
    with pytest.raises(Conflict) as refused:
        answer(order, "keep")
    assert refused.value.code == "nothing_asked"
    damaged(order, warehouse)
    with pytest.raises(Conflict) as refused:
        answer(order, "keep")
    assert refused.value.code == "nothing_asked"
    with pytest.raises(NotFound):
        answer(order, "keep", position=9)
    stranger = By.customer(factories.customer())
    with pytest.raises(NotFound):
        inspections.answer_inspection(order.pk, position=1, choice="keep", by=stranger)
    with pytest.raises(NotFound):
        inspections.answer_inspection(order.pk, position=1, choice="keep", by=warehouse)


def test_an_answer_is_given_once_and_not_after_the_end(order, warehouse):
    inspection = asked(order, warehouse)
    with pytest.raises(Invalid) as refused:
        answer(order, "other", " ")
    assert refused.value.field == "text"
    with pytest.raises(Invalid):
        answer(order, "burn it")
    answer(order, "keep")
    before = reload(order).version
    with pytest.raises(Conflict) as refused:
        answer(order, "return")
    assert refused.value.code == "answered_already"
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    with pytest.raises(Conflict) as refused:
        answer(order, "return")
    assert refused.value.code == "inspection_ended"
    assert (reload(order).version, order.messages.count()) == (before + 1, 2)


def test_what_may_not_be_sent_is_never_kept(order, warehouse):
    inspection = asked(order, warehouse, verdict="prohibited")
    with pytest.raises(Invalid) as refused:
        answer(order, "keep")
    assert refused.value.field == "choice"
    answer(order, "other", "please send it")
    with pytest.raises(TransitionRefused, match="never kept"):
        inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)


def test_one_question_about_two_items_ends_with_the_second_answer(order, warehouse):
    first, second = asked(order, warehouse), damaged(order, warehouse, position=2)
    inspections.ask_about(order.pk, inspection_ids=[second.pk], text="And this?", by=warehouse)
    assert reload(order).question == "What shall we do?\n\nAnd this?"
    with pytest.raises(TransitionRefused) as refused:
        inspections.ask_about(order.pk, inspection_ids=[first.pk], text="Again?", by=warehouse)
    assert refused.value.code == "asked_already"
    answer(order, "keep")
    assert reload(order).waiting_on == Waits.CUSTOMER
    answer(order, "return", position=2)
    assert reload(order).question == ""


def test_another_question_is_not_mixed_with_it(order, warehouse):
    ask_customer(order.pk, question="Which colour?", by=warehouse)
    inspection = damaged(order, warehouse)
    with pytest.raises(TransitionRefused) as refused:
        inspections.ask_about(order.pk, inspection_ids=[inspection.pk], text="And?", by=warehouse)
    assert refused.value.code == "question_open"
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="looked_again", by=warehouse)
    assert reload(order).question == "Which colour?"


def test_after_seven_days_a_person_decides(order, warehouse):
    inspection = asked(order, warehouse)
    notices.send_reminders()
    assert not StaffTask.objects.exists()
    past = now() - timedelta(days=9)
    Inspection.objects.update(answer_by=past + timedelta(days=7), asked_at=past)
    Order.objects.filter(pk=order.pk).update(asked_at=past)
    notices.send_reminders()
    notices.send_reminders()
    assert list(StaffTask.objects.values_list("kind", flat=True)) == ["inspection_overdue"]
    assert statuses(order)[0] == "arrived"
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="looked_again", by=warehouse)
    assert StaffTask.objects.get().done_at is not None


# --- The end --------------------------------------------------------------------------------------------------------------


def test_kept_and_the_order_goes_on(order, warehouse):
    inspection = asked(order, warehouse)
    work.receive_items(order.pk, item_ids=[items(order)[1].pk], inspected=True, by=warehouse)
    with pytest.raises(TransitionRefused, match="not answered"):
        inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    answer(order, "keep")
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    assert (statuses(order), StaffTask.objects.get().done_by) == (["inspected", "inspected"], warehouse.user)
    with pytest.raises(TransitionRefused) as refused:
        inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    assert refused.value.code == "inspection_ended"
    assert perform(order.pk, Order.receive_at_warehouse, by=warehouse).state == State.AT_WAREHOUSE


@pytest.mark.parametrize("outcome", ["given_up", "fine", "undone", "", "x"])
def test_no_other_end_can_be_chosen(order, warehouse, outcome):
    inspection = damaged(order, warehouse)
    with pytest.raises(Invalid):
        inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome=outcome, by=warehouse)
    assert Inspection.objects.get().is_open


def test_what_nobody_was_asked_about_or_did_not_come_is_not_kept(order, warehouse):
    inspection = damaged(order, warehouse)
    with pytest.raises(TransitionRefused, match="Ask the customer first"):
        inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    absent = asked(order, warehouse, position=2, verdict="missing")
    answer(order, "keep", position=2)
    with pytest.raises(TransitionRefused, match="Nothing of it is here"):
        inspections.end_inspection(order.pk, inspection_id=absent.pk, outcome="kept", by=warehouse)


def test_a_written_answer_counts_too(order, warehouse):
    """The customer wrote a message instead of choosing: staff read it and decide."""
    inspection = asked(order, warehouse)
    messages.write_as_customer(order.pk, text="Just send it.", by=By.customer(order.customer))
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="kept", by=warehouse)
    assert statuses(order)[0] == "inspected"


def test_looked_at_again(order, warehouse):
    inspection = asked(order, warehouse)
    inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="looked_again", by=warehouse)
    assert (reload(order).question, statuses(order)[0]) == ("", "arrived")
    again = inspections.inspect_item(order.pk, item_id=items(order)[0].pk, verdict="ok", by=warehouse)
    assert (again.number, statuses(order)[0]) == (2, "inspected")
    assert [one.number for one in inspection_rows.of_items([again.item_id])[again.item_id]] == [1, 2]


def test_given_up_by_leaving_the_order(order, warehouse):
    """By the two ways on which money goes back, and by cancelling: all end the inspection and its question."""
    asked(order, warehouse)
    adjustments.sell_out(order.pk, item_ids=[items(order)[0].pk], by=factories.by(Role.SUPPORT))
    assert (Inspection.objects.get().outcome, reload(order).question, statuses(order)[0]) == ("given_up", "", "unavailable")

    second = factories.order_at(State.ITEMS_PURCHASED)
    asked(second, warehouse)
    answer(second, "return")
    line = second.invoices.get().lines.get(item__position=1)
    refunds.refund_lines(second.pk, lines={line.pk: 100}, reason="damaged", leaving=[items(second)[0].pk], by=factories.by(Role.FINANCE))
    assert (Inspection.objects.latest("pk").outcome, statuses(second)[0]) == ("given_up", "refunded")
    assert not StaffTask.objects.filter(order=second, kind="customer_decided", done_at=None).exists()

    third = factories.order_at(State.ITEMS_PURCHASED)
    asked(third, warehouse)
    perform(third.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="asked for")
    assert (Inspection.objects.latest("pk").outcome, reload(third).question) == ("given_up", "")


def test_only_the_roles_that_may(order, warehouse):
    inspection, finance = damaged(order, warehouse), factories.by(Role.FINANCE)
    for act in (
        lambda: inspections.inspect_item(order.pk, item_id=items(order)[1].pk, verdict="ok", by=finance),
        lambda: inspections.undo_inspection(order.pk, inspection_id=inspection.pk, by=finance),
        lambda: inspections.ask_about(order.pk, inspection_ids=[inspection.pk], text="?", by=finance),
        lambda: inspections.end_inspection(order.pk, inspection_id=inspection.pk, outcome="looked_again", by=finance),
    ):
        with pytest.raises(TransitionRefused) as refused:
            act()
        assert refused.value.code == "not_allowed"
    assert OrderEvent.objects.filter(order=order, name__contains="inspect").count() == 1
