"""What we and the customer write to each other, what it does to the order, and what staff write among themselves."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now
from django_eventstream.models import Event

from core.errors import Invalid, NotFound
from core.notices.models import Notice
from core.outbox.models import Effect
from workflow import assigning, audit, messages, notes, presence, queries, transitions
from workflow.models import Order, OrderEvent, OrderMessage, OrderNote, OrderViewer, StaffTask
from workflow.process import Role, State, Waits
from workflow.tests import factories
from workflow.tests.factories import by, new_order, reload, staff
from workflow.transitions import By, TransitionRefused

pytestmark = pytest.mark.django_db


def of(order: Order) -> By:
    return By.customer(order.customer)


def last_event(order: Order) -> OrderEvent:
    return order.events.latest("number")


def told(order: Order) -> list[str]:
    """The effects that the last event promised."""
    return [effect.name for effect in Effect.objects.order_by("pk") if effect.payload.get("event") == last_event(order).number]


def heard(channel: str) -> list[str]:
    return list(Event.objects.filter(channel=channel).order_by("pk").values_list("type", flat=True))


# --- Messages -------------------------------------------------------------------------------------------------------------


def test_staff_write_and_the_customer_is_told_in_their_language_and_on_both_streams():
    from workflow import notices

    order = new_order()
    customer = order.customer
    type(customer).objects.filter(pk=customer.pk).update(locale="ko")

    message = messages.write_to_customer(order.pk, text="  월요일에 출발합니다.\r\n감사합니다. ", by=by(Role.WAREHOUSE))

    assert (message.from_staff, message.asks, message.text, message.read_at) == (True, False, "월요일에 출발합니다.\n감사합니다.", None)
    assert (last_event(order).name, last_event(order).facts, told(order)) == ("message", {"message": message.pk}, ["notify_customer"])
    assert [heard(channel)[-1] for channel in (f"user:{customer.pk}", "staff")] == ["order.message"] * 2
    notices.tell_customer(OrderEvent.objects.select_related("order__customer").get(pk=last_event(order).pk))
    notice = Notice.objects.get(kind="message")
    assert (notice.subject, notice.recipient) == (f"새 메시지가 있습니다 ({order.number})", customer.email)
    assert "월요일에 출발합니다." in notice.text


def test_a_customer_waits_for_an_answer_from_their_first_message_until_staff_write():
    order = new_order()

    first = messages.write_as_customer(order.pk, text="Where is it?", by=of(order))
    assert told(order) == ["notify_staff"]
    messages.write_as_customer(order.pk, text="Hello?", by=of(order))
    assert told(order) == []

    order = reload(order)
    assert (order.unanswered_since, messages.reply_due_at(order)) == (first.at, first.at + timedelta(hours=24))
    task = StaffTask.objects.get(kind="customer_message", done_at=None)
    support = by(Role.SUPPORT)
    messages.write_to_customer(order.pk, text="On its way.", by=support)

    task.refresh_from_db()
    assert (reload(order).unanswered_since, task.done_by) == (None, support.user)
    assert OrderMessage.objects.filter(order=order, from_staff=False, read_at=None).count() == 0
    messages.write_as_customer(order.pk, text="Thanks!", by=of(order))
    assert OrderMessage.objects.filter(order=order, from_staff=True, read_at=None).count() == 0
    messages.needs_no_answer(order.pk, by=support)
    assert (reload(order).unanswered_since, StaffTask.objects.filter(done_at=None).count()) == (None, 0)
    assert list(audit.broken_rows()) == []


def test_the_next_message_of_the_customer_answers_the_open_question():
    order = new_order()
    transitions.ask_customer(order.pk, question=" Which colour? ", by=by(Role.BUYER))
    assert reload(order).waiting_on == Waits.CUSTOMER
    asked = order.messages.get()
    assert (asked.text, asked.asks, asked.from_staff, asked.at) == ("Which colour?", True, True, reload(order).asked_at)

    messages.write_as_customer(order.pk, text="Blue", by=of(order))

    order = reload(order)
    assert (order.question, order.asked_at, order.waiting_on) == ("", None, Waits.STAFF)
    assert (last_event(order).name, told(order)) == ("answer", ["notify_staff"])
    assert [message.text for message in order.messages.all()] == ["Which colour?", "Blue"]


def test_a_message_of_ours_leaves_a_question_open_and_closed_orders_have_messages_too():
    order = new_order()
    transitions.ask_customer(order.pk, question="Which colour?", by=by(Role.BUYER))
    messages.write_to_customer(order.pk, text="We mean the bag.", by=by(Role.BUYER))
    assert reload(order).question == "Which colour?"

    closed = factories.order_at(State.CANCELLED)
    messages.write_as_customer(closed.pk, text="And my money?", by=of(closed))
    messages.write_to_customer(closed.pk, text="Nothing was paid.", by=by(Role.SUPPORT))
    assert (reload(closed).state, closed.messages.count()) == (State.CANCELLED, 2)


def test_who_may_not_write_changes_nothing():
    order = new_order()
    messages.write_as_customer(order.pk, text="Hello", by=of(order))
    seen = order.messages.get().pk
    before = (reload(order).version, order.messages.count(), StaffTask.objects.filter(done_at=None).count())

    for role in (Role.FINANCE, Role.MODERATOR):
        with pytest.raises(TransitionRefused, match="may not"):
            messages.write_to_customer(order.pk, text="x", by=by(role))
        with pytest.raises(TransitionRefused, match="may not"):
            messages.needs_no_answer(order.pk, by=by(role))
    for stranger in (By.customer(factories.customer()), by(Role.OWNER)):
        with pytest.raises(NotFound):
            messages.write_as_customer(order.pk, text="x", by=stranger)
        with pytest.raises(NotFound):
            messages.read_as_customer(order.pk, by=stranger)
    for text in ("", " \n ", "x" * 4001):
        with pytest.raises(Invalid):
            messages.write_to_customer(order.pk, text=text, by=by(Role.SUPPORT))
    with pytest.raises(TransitionRefused) as refused:
        messages.write_to_customer(order.pk, text="x", by=by(Role.SUPPORT), last_seen=seen - 1)
    assert refused.value.code == "changed_meanwhile"
    with pytest.raises(TransitionRefused, match="newer message"):
        messages.needs_no_answer(order.pk, by=by(Role.SUPPORT), last_seen=seen - 1)

    assert (reload(order).version, order.messages.count(), StaffTask.objects.filter(done_at=None).count()) == before


# --- Notes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OWNER, Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT])
def test_whoever_reads_orders_may_note_and_the_customer_hears_nothing(role):
    order = new_order()
    before, stream = reload(order).version, heard(f"user:{order.customer_id}")

    note = notes.add_note(order.pk, text=" <b>careful</b> ", by=by(role))
    assert (note.text, reload(order).version, heard(f"user:{order.customer_id}")) == ("<b>careful</b>", before, stream)
    assert heard("staff")[-1] == "order.note"


def test_a_note_pressed_twice_is_one_and_a_moderator_writes_none():
    order, buyer = new_order(), by(Role.BUYER)
    assert notes.add_note(order.pk, text="once", by=buyer) == notes.add_note(order.pk, text="once", by=buyer)
    notes.add_note(order.pk, text="once", by=by(Role.SUPPORT))
    with pytest.raises(TransitionRefused):
        notes.add_note(order.pk, text="x", by=by(Role.MODERATOR))
    with pytest.raises(Invalid):
        notes.add_note(order.pk, text="x" * 4001, by=buyer)
    assert order.notes.count() == 2


def test_the_database_itself_keeps_notes():
    note = notes.add_note(new_order().pk, text="kept", by=by(Role.BUYER))
    for change in (lambda: OrderNote.objects.update(text="other"), lambda: OrderNote.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    note.refresh_from_db()
    assert note.text == "kept"


# --- Who looks after it, who looks at it ----------------------------------------------------------------------------------


def test_take_give_and_let_go_are_events_that_no_customer_sees():
    order, buyer, colleague = new_order(), by(Role.BUYER), staff(Role.SUPPORT)
    stream, version = heard(f"user:{order.customer_id}"), reload(order).version

    assigning.give(order.pk, to=buyer.user, by=buyer, seen_version=version)
    assert (reload(order).assigned_to, reload(order).assigned_at is not None) == (buyer.user, True)
    assigning.give(order.pk, to=colleague, by=buyer)
    assigning.give(order.pk, to=None, by=by(Role.SUPPORT))

    assert (reload(order).assigned_to, reload(order).assigned_at, reload(order).version) == (None, None, version + 3)
    assert [(event.name, event.facts) for event in order.events.order_by("number")[1:]] == [
        ("take", {"to": buyer.user.pk}), ("give", {"to": colleague.pk}), ("let_go", {}),
    ]  # fmt: skip
    assert [event.name for event in queries.events_page(order.pk, but=queries.AMONG_STAFF, limit=50)] == ["request_quote"]
    assert heard(f"user:{order.customer_id}") == stream
    assert list(audit.broken_rows()) == []


def test_an_order_is_not_given_to_those_who_cannot_work_on_it_nor_by_them():
    order, buyer = new_order(), by(Role.BUYER)
    gone = staff(Role.BUYER)
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    gone.refresh_from_db()
    for nobody in (staff(Role.MODERATOR), factories.customer(), gone):
        with pytest.raises(Invalid):
            assigning.give(order.pk, to=nobody, by=buyer)
    with pytest.raises(TransitionRefused):
        assigning.give(order.pk, to=buyer.user, by=by(Role.MODERATOR))
    with pytest.raises(TransitionRefused) as refused:
        assigning.give(order.pk, to=buyer.user, by=buyer, seen_version=reload(order).version - 1)
    assert refused.value.code == "changed_meanwhile"
    with pytest.raises(TransitionRefused):
        assigning.give(order.pk, to=None, by=buyer)
    assert (reload(order).assigned_to, order.events.count()) == (None, 1)
    assert {user.pk for user in assigning.candidates()} >= {buyer.user.pk}
    assert not {user.pk for user in assigning.candidates()} & {gone.pk}


def test_others_are_seen_for_ninety_seconds_after_their_last_beat():
    order, other, me, colleague = new_order(), new_order(), by(Role.BUYER), by(Role.SUPPORT)
    presence.beat(order.pk, by=me)
    for _ in range(2):
        presence.beat(order.pk, by=colleague)
    assert presence.others(order.pk, by=me) == [colleague.user.nickname]
    assert presence.others(other.pk, by=me) == []

    OrderViewer.objects.filter(user=colleague.user).update(seen_at=now() - timedelta(seconds=91))
    assert presence.others(order.pk, by=me) == []
    presence.beat(other.pk, by=colleague)
    presence.leave(order.pk, by=me)
    assert list(OrderViewer.objects.values_list("order", "user")) == [(other.pk, colleague.user.pk)]
