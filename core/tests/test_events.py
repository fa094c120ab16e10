"""The event store: what is appended, where a client goes on, and when it has to start anew. Live streams: core/tests/ground/."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_eventstream.models import Event, EventCounter

from core import events
from core.events import Listener, Message, Reader, Resumption

pytestmark = pytest.mark.django_db
ME = "user:1"


def publish(*numbers: int) -> list[int]:
    return [events.publish(ME, "order.state", {"number": number}) for number in numbers]


def age(eid: int, **by: float) -> None:
    Event.objects.filter(channel=ME, eid=eid).update(created=timezone.now() - timedelta(**by))


def test_ids_are_gapless_per_channel_and_position_is_the_newest() -> None:
    assert publish(1, 2, 3) == [1, 2, 3]
    assert events.publish(events.STAFF_CHANNEL, "order.state", {}) == 1
    assert (events.position(ME), events.position("user:2")) == (3, 0)


def test_an_event_is_one_line_of_json_whatever_was_typed(django_assert_num_queries) -> None:
    events.make_channel(ME)
    with django_assert_num_queries(3):
        events.publish(ME, "order.message", {"text": "x\n\nevent: paid\ndata: {}", "name": "김민지\u2028"})
    [message] = events.messages_after({ME: 0})
    lines = message.text.decode().split("\n")
    assert lines[:2] == ["event: order.message", "id: 1"]
    assert [line[:6] for line in lines[2:]] == ["data: ", "", ""]


def test_a_kind_that_could_forge_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="not an event kind"):
        events.publish(ME, "order.state\ndata: x", {})
    assert Event.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        events.publish(ME, "order.state", {})
    assert Event.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_rollback_leaves_no_event_and_no_gap() -> None:
    with suppress(KeyError), transaction.atomic():
        publish(1)
        raise KeyError
    assert events.position(ME) == 0
    with transaction.atomic():
        assert publish(2) == [1]


def test_making_a_channel_twice_keeps_its_counter() -> None:
    publish(1, 2)
    events.make_channel(ME)
    assert EventCounter.objects.get(name=ME).value == 2


def test_where_a_client_goes_on() -> None:
    assert events.resume(ME, 0) == Resumption(0, reset=False), "nothing ever happened"
    publish(1, 2, 3)
    assert events.resume(ME, None) == Resumption(3, reset=False), "a new client starts now"
    assert events.resume(ME, 1) == Resumption(1, reset=False)
    assert events.resume(ME, 3) == Resumption(3, reset=False)
    assert events.resume(ME, 4) == Resumption(3, reset=True), "an id that was never given out"


def test_a_client_whose_next_event_was_trimmed_is_reset_a_quiet_channel_is_not() -> None:
    publish(1, 2, 3)
    age(1, hours=26)
    age(2, hours=26)
    assert events.trim() == 2
    assert events.resume(ME, 1) == Resumption(3, reset=True)
    assert events.resume(ME, 2) == Resumption(2, reset=False)
    age(3, hours=26)
    events.trim()
    assert events.resume(ME, 3) == Resumption(3, reset=False), "its last event was trimmed, nothing was missed"
    assert publish(4) == [4], "and ids go on where they were"
    assert events.resume(ME, 3) == Resumption(3, reset=False)


def test_what_was_missed_in_a_day_is_kept_and_trimming_goes_in_steps() -> None:
    publish(*range(7))
    for eid in range(1, 6):
        age(eid, hours=25, minutes=1)
    age(6, hours=24)
    assert events.trim(batch=2) == 5
    assert list(Event.objects.filter(channel=ME).order_by("eid").values_list("eid", flat=True)) == [6, 7]


def test_messages_come_in_order_and_in_pages() -> None:
    publish(*range(5))
    events.publish("user:2", "order.state", {})
    page = events.messages_after({ME: 1, "user:3": 0}, limit=3)
    assert [(message.channel, message.eid) for message in page] == [(ME, 2), (ME, 3), (ME, 4)]


def test_a_mailbox_drops_what_it_already_has_and_overflows_instead_of_growing() -> None:
    listener = Listener(channel=ME, last=2)
    for eid in (1, 2, 3, 3, 4):
        listener.offer(Message(ME, eid, b"%d " % eid))
    assert listener.take() == b"3 4 "
    for eid in range(5, 5 + Listener.CAPACITY + 10):
        listener.offer(Message(ME, eid, b"x"))
    assert (listener.overflowed, listener.take()) == (True, b"")


def test_the_reader_starts_at_the_oldest_point_any_listener_of_the_channel_stands_at() -> None:
    """Two clients connect at once and an event commits between their backlogs: the second must not hide it from the first."""

    async def scenario() -> tuple[bytes, bytes]:
        reader = Reader()
        ahead, behind = Listener(channel=ME, last=2), Listener(channel=ME, last=1)
        reader.follow(ahead)
        asked = dict(reader._seen)
        reader.follow(behind)
        reader._hand_out([Message(ME, 3, b"3 ")], asked)  # asked before `behind` came: its 2 is still missing
        missing = {ME: reader._seen[ME]}
        reader._hand_out([Message(ME, 2, b"2 "), Message(ME, 3, b"3 ")], missing)
        reader._task.cancel()
        return ahead.take(), behind.take()

    assert asyncio.run(scenario()) == (b"3 ", b"2 3 ")
