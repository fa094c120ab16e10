"""Asking the courier at once: the button of a member of staff who has the customer on the phone."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils.timezone import now

from workflow import guards, work
from workflow.models import CourierState, Order, Parcel
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused

pytestmark = pytest.mark.django_db
OTHER = "477179081230"


def shipped_with_the_next_look_far_away() -> Order:
    order = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=order).update(next_poll_at=now() + timedelta(hours=2))
    return order


@pytest.mark.parametrize("role", [Role.WAREHOUSE, Role.SUPPORT, Role.OWNER])
def test_it_finds_what_the_courier_says_now(role: str, sandbox, jobs) -> None:
    order = shipped_with_the_next_look_far_away()
    jobs.clear()
    sandbox.move_parcel("fedex", factories.FEDEX_NUMBER, "delivered")

    work.look_now(order.pk, by=factories.by(role))
    jobs.run(only="outbox")
    jobs.run(only="poll_couriers")

    assert factories.reload(order).state == State.DELIVERED
    asked = order.events.get(name="look_now")
    assert (asked.from_state, asked.to_state, asked.facts) == (State.SHIPPED, State.SHIPPED, {"parcels": 1})


def test_a_parcel_given_up_as_silent_is_asked_for_again(sandbox, jobs) -> None:
    order = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=order).update(next_poll_at=None)
    jobs.clear()
    sandbox.move_parcel("fedex", factories.FEDEX_NUMBER, "in_transit")

    work.look_now(order.pk, by=factories.by(Role.WAREHOUSE))
    jobs.run(only="outbox")
    jobs.run(only="poll_couriers")

    assert order.parcels.get().status == "in_transit"


@pytest.mark.parametrize("state", [State.DELIVERY_PAID, State.DELIVERED])
def test_only_while_it_is_on_the_road(state: str) -> None:
    order = factories.order_at(state)
    with pytest.raises(TransitionRefused):
        work.look_now(order.pk, by=factories.by(Role.WAREHOUSE))
    assert not order.events.filter(name="look_now").exists()


@pytest.mark.parametrize("who", ["buyer", "customer"])
def test_only_by_those_who_send_and_those_who_answer(who: str) -> None:
    order = shipped_with_the_next_look_far_away()
    by = By.customer(order.customer) if who == "customer" else factories.by(Role.BUYER)
    with pytest.raises(TransitionRefused) as refused:
        work.look_now(order.pk, by=by)
    assert refused.value.code == "not_allowed"
    assert order.parcels.get().next_poll_at > now() + timedelta(hours=1)


def test_a_locked_button_can_say_what_is_missing() -> None:
    """Templates call what can be called, guards too, unless they say not to."""
    shown = Template("{{ guard.reason }}").render(Context({"guard": guards.every_item_is_screened}))
    assert shown == "Every item must be screened first: approved, or rejected with a reason."


# --- While the courier rests ----------------------------------------------------------------------------------------------


def at_rest(error: str, order: Order) -> CourierState:
    """Since an hour, and for another ten minutes; another order's parcel is due, too."""
    other = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=other).update(tracking_number=OTHER, next_poll_at=now() - timedelta(minutes=5))
    hour_ago, later = now() - timedelta(hours=1), now() + timedelta(minutes=10)
    return CourierState.objects.create(code="fedex", failing_since=hour_ago, rests_until=later, last_error=error)


def look(order: Order, jobs) -> None:
    jobs.clear()
    work.look_now(order.pk, by=factories.by(Role.SUPPORT))
    jobs.run(only="outbox")
    jobs.run(only="poll_couriers")


def asked(sandbox) -> list[str]:
    """Beside those that only found the token of an earlier test to be of no use."""
    return [request["body"] for request in sandbox.requests("fedex") if "trackingnumbers" in request["path"] and request["status"] != 401]


def test_a_silent_courier_is_tried_once_and_keeps_its_rest(sandbox, jobs) -> None:
    order = shipped_with_the_next_look_far_away()
    state = at_rest("Unavailable: fedex: down", order)
    sandbox.faults("fedex", "500", path="/track")
    (rest,) = work.waits_for(order)
    assert (rest.label, rest.until, rest.why, rest.may_be_asked_once) == ("FedEx", state.rests_until, "silent", True)

    look(order, jobs)

    (body,) = asked(sandbox)
    assert (factories.FEDEX_NUMBER in body, OTHER in body) == (True, False)
    after = CourierState.objects.get()
    assert (after.rests_until, after.failing_since, after.last_error) == (state.rests_until, state.failing_since, state.last_error)
    assert (after.requests, after.round_token) == (1, "")
    assert list(Parcel.objects.values_list("poll_failures", "polled_at")) == [(0, None), (0, None)]


def test_once_it_answers_its_rest_is_over_and_all_that_waited_is_asked(sandbox, jobs) -> None:
    order = shipped_with_the_next_look_far_away()
    at_rest("BadAnswer: fedex: a web page", order)
    for number in (factories.FEDEX_NUMBER, OTHER):
        sandbox.move_parcel("fedex", number, "delivered")

    look(order, jobs)

    first, second = asked(sandbox)
    assert (factories.FEDEX_NUMBER in first, OTHER in first, OTHER in second) == (True, False, True)
    assert set(Order.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert CourierState.objects.values_list("rests_until", "failing_since", "last_error").get() == (None, None, "")
    assert work.waits_for(order) == []


@pytest.mark.parametrize(("error", "why"), [("AuthRefused", "key"), ("QuotaExceeded", "quota"), ("RateLimited", "too_fast")])
def test_one_that_has_answered_already_is_not_asked_again(error: str, why: str, sandbox, jobs) -> None:
    order = shipped_with_the_next_look_far_away()
    at_rest(f"{error}: fedex: no", order)

    look(order, jobs)

    assert (asked(sandbox), [rest.why for rest in work.waits_for(order)]) == ([], [why])
    assert CourierState.objects.get().requests == 0
