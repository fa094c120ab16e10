"""Asking the courier at once: the button of a member of staff who has the customer on the phone."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils.timezone import now

from workflow import guards, work
from workflow.models import Order, Parcel
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused

pytestmark = pytest.mark.django_db


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
