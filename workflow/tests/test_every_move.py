"""Every transition from every state by every actor: the allowed ones work, all others refuse with 409 and change nothing.

One order per state is built once by walking the real transitions; each case runs in a savepoint that is rolled back.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from core.outbox.models import Effect as EffectRow
from workflow.models import Attempt, Invoice, Item, LedgerEntry, Order, OrderEvent, Parcel, Refund
from workflow.process import CLOSED, TRANSITIONS, WAITS_ON, Actor, Effect, Role, State, Waits, Write, roles_of
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused, perform
from workflow.writes import WRITERS

ACTORS = [*Actor.values, *Role.values, "stranger"]


@pytest.fixture(scope="module")
def orders(django_db_setup, django_db_blocker):
    """One order per state, in the database for the whole module and gone after it."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        try:
            staff = {role: factories.by(role) for role in Role.values}
            stranger = By.customer(factories.customer())
            yield {state: factories.order_at(state).pk for state in State.values}, {**staff, "stranger": stranger}
        finally:
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)


MACHINES = {"stripe": By.stripe(), "courier": By.courier(), "job": By.job()}


def make_ready(order: Order, name: str) -> dict:
    """Bring about the facts that the guards want; the facts to perform it with."""
    order.items.filter(status="requested").update(status="approved")
    if name == "confirm_item_prices":
        order.items.update(price_krw=20_000)
    if name == "expire_quote":
        Order.objects.filter(pk=order.pk).update(pay_by=now() - timedelta(minutes=1))
    if name == "mark_items_purchased":
        order.items.update(status="purchased", shop_order_number="S-1", paid_price_krw=1)
    if name == "receive_at_warehouse":
        order.items.update(status="inspected")
    if name == "confirm_delivery_fee":
        parcel = Parcel.objects.create(order=order, position=9, weight_g=500, volume_cm3=600)
        order.items.update(parcel=parcel)
        Order.objects.filter(pk=order.pk).update(delivery_fee_krw=20_000)
    if name == "ship":
        order.parcels.update(courier="fedex", tracking_number=factories.FEDEX_NUMBER)
    if name == "record_delivery":
        order.parcels.update(status="delivered", delivered_at=now())
    if name == "record_return":
        order.parcels.update(status="returned")
    if name == "complete":
        long_ago = now() - settings.CLAIM_WINDOW - timedelta(days=1)
        Order.objects.filter(pk=order.pk).update(delivered_at=long_ago, state_since=long_ago)
    return facts_for(order, name)


def facts_for(order: Order, name: str) -> dict:
    facts = {"reason": "because", "proof": "bank letter 7", "delivered_at": now().isoformat()}
    asked = {fact: facts[fact] for fact in TRANSITIONS[name].asks}
    if name in ("record_item_payment", "record_delivery_payment"):
        kind = "items" if name == "record_item_payment" else "delivery"
        invoice = order.invoices.filter(kind=kind, status__in=["open", "expired"]).last()
        amount = invoice.amount_usd_cents if invoice else 1
        asked |= {"attempt": 0, "payment_intent": "pi_x", "amount_usd_cents": amount, "currency": "usd"}
    return asked


def allowed(spec, state: str, actor: str) -> bool:
    if actor in Role.values:
        return actor in roles_of(spec, state)
    return actor in spec.by.get(state, ())


def everything(order: Order) -> tuple:
    """All of the order that a transition could have changed."""
    rows = [Order.objects.filter(pk=order.pk), EffectRow.objects.filter(subject=order.subject)]
    rows += [model.objects.filter(order=order) for model in (Item, Invoice, LedgerEntry, Refund, OrderEvent, Parcel)]
    rows += [Attempt.objects.filter(invoice__order=order)]
    return tuple(tuple(queryset.order_by("pk").values_list()) for queryset in rows)


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_transition_from_every_state_by_every_actor(orders, django_db_blocker, state, name):
    spec, (pks, people) = TRANSITIONS[name], orders
    with django_db_blocker.unblock(), rolled_back():
        order = Order.objects.select_related("customer").get(pk=pks[state])
        facts = make_ready(order, name)
        before = everything(order)
        by_actor = {actor: MACHINES.get(actor) or people.get(actor) or By.customer(order.customer) for actor in ACTORS}
        for actor in ACTORS:
            if not allowed(spec, order.state, actor):
                with pytest.raises(TransitionRefused) as refused:
                    perform(order.pk, name, by=by_actor[actor], **facts)
                assert refused.value.status_code == 409, actor
        # Nothing was rolled back so far: a refusal that left a trace would show here.
        assert everything(order) == before
        for actor in ACTORS:
            if allowed(spec, order.state, actor):
                with rolled_back():
                    _goes_through(order, spec, by=by_actor[actor], facts=facts)


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _goes_through(order: Order, spec, *, by: By, facts: dict) -> None:
    after = perform(order.pk, spec.name, by=by, **facts)
    event = OrderEvent.objects.get(order=order, number=order.last_event_number + 1)
    assert after.state == spec.target
    assert (event.name, event.from_state, event.to_state, event.door) == (spec.name, order.state, spec.target, by.door)
    promised = EffectRow.objects.filter(subject=order.subject, payload__event=event.number).order_by("pk")
    assert list(promised.values_list("name", flat=True)) == list(spec.then)


# --- The table itself -----------------------------------------------------------------------------------------------------


def test_every_state_waits_on_someone_and_only_closed_ones_on_nobody():
    assert set(WAITS_ON) == set(State.values)
    assert {"completed", "rejected", "cancelled"} == CLOSED
    for state in State.values:
        leads_on = any(state in spec.sources for spec in TRANSITIONS.values())
        assert leads_on == (WAITS_ON[state] != Waits.NOBODY), state


def test_every_state_but_the_first_is_reached_by_a_transition():
    reached = {spec.target for spec in TRANSITIONS.values()}
    assert reached | {State.QUOTE_REQUESTED} == set(State.values)


def test_every_transition_has_an_actor_and_every_write_and_effect_a_handler():
    from core.outbox import HANDLERS

    assert all(spec.by[state] for spec in TRANSITIONS.values() for state in spec.sources)
    assert set(WRITERS) == set(Write.values)
    assert set(HANDLERS) >= set(Effect.values)


def test_a_hold_stops_exactly_what_the_contract_says():
    stopped = {name for name, spec in TRANSITIONS.items() if spec.stopped_by_hold}
    assert stopped == {
        "approve_quote",
        "confirm_item_prices",
        "mark_items_purchased",
        "receive_at_warehouse",
        "confirm_delivery_fee",
        "ship",
        "renew_quote",
        "expire_quote",
        "complete",
    }
