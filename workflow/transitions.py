"""The one door through which an order moves: `perform()`. Admin buttons, the API, webhooks, jobs, imports and the demo data all
come through here; nothing else calls a transition method.

`perform` does all of it in one transaction, or none: lock the order, check who and when, run the method, write what belongs to it
(`writes.py`), one event row, one effect row per name, the live event. `ask` is what a person's button calls: the same, or, where a
checkout session must be closed at Stripe first, the start of that.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils.timezone import is_naive, make_aware, now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core import events, outbox
from core.accounts.models import User
from core.errors import Conflict, NotFound
from core.retries import retried
from workflow import thread, writes
from workflow.fsm import Guard, Spec
from workflow.models import Order, OrderEvent
from workflow.models.journal import Door
from workflow.process import FACT_LABELS, TRANSITIONS, Actor, Role, roles_of


class TransitionRefused(Conflict):
    """The move is not possible: wrong state, wrong person, or a guard does not hold. Nothing was changed."""

    code = "transition_refused"


@dataclass(frozen=True)
class By:
    """Who acts, and through which door."""

    actor: str
    door: str
    user: User | None = None
    roles: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def staff(cls, user: User, *, door: str = Door.ADMIN) -> "By":
        return cls(actor="staff", door=door, user=user, roles=roles_held(user))

    @classmethod
    def customer(cls, user: User) -> "By":
        return cls(actor=Actor.CUSTOMER, door=Door.API, user=user)

    @classmethod
    def stripe(cls, *, door: str = Door.WEBHOOK) -> "By":
        return cls(actor=Actor.STRIPE, door=door)

    @classmethod
    def courier(cls) -> "By":
        return cls(actor=Actor.COURIER, door=Door.JOB)

    @classmethod
    def job(cls) -> "By":
        return cls(actor=Actor.JOB, door=Door.JOB)

    def as_json(self) -> dict[str, Any]:
        return {"actor": self.actor, "door": self.door, "user": self.user.pk if self.user else None}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "By":
        user = User.objects.get(pk=said["user"]) if said["user"] else None
        roles = roles_held(user) if user and said["actor"] == "staff" else frozenset()
        return cls(actor=said["actor"], door=said["door"], user=user, roles=roles)


def roles_held(user: User) -> frozenset[str]:
    """The staff roles of an active person; a superuser is an owner."""
    if not (user.is_active and user.is_staff):
        return frozenset()
    if user.is_superuser:
        return frozenset({Role.OWNER.value})
    cached: frozenset[str] | None = user.__dict__.get("_roles_held")
    if cached is None:
        cached = frozenset(user.groups.values_list("name", flat=True)) & frozenset(Role.values)
        user.__dict__["_roles_held"] = cached
    return cached


def lock_order(order_id: int) -> Order:
    """The order under its row lock, with what guards and writes look at. First of all locks."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound
    prefetch_related_objects([order], "items", "parcels", "invoices__attempts", "refunds")
    return order


def locked_for_staff(order_id: int, *, roles: Collection[str], by: By, seen_version: int | None = None) -> Order:
    """The order under its lock, for members of staff in one of these roles who looked at this version of it."""
    order = lock_order(order_id)
    if not by.roles & frozenset(roles):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    refuse_if_changed(order, seen_version=seen_version)
    return order


def refuse_if_changed(order: Order, *, seen_version: int | None) -> None:
    if seen_version is not None and seen_version != order.version:
        raise TransitionRefused(_("Somebody changed this order meanwhile. Please look at it again."), code="changed_meanwhile")


@retried
@transaction.atomic
def perform(order_id: int, move: Callable[..., Any] | str, *, by: By, **facts: Any) -> Order:
    """Make one transition, or raise TransitionRefused (409) and change nothing. `facts` are JSON-able and hold no personal data."""
    spec = TRANSITIONS[move if isinstance(move, str) else move.__name__]
    order = lock_order(order_id)
    check(order, spec, by=by, facts=facts)
    from_state = order.state
    getattr(order, spec.name)(**{name: facts[name] for name in spec.asks if name in facts and name != "proof"})
    order.state_since = now()
    order.start_clock(order.state_since, from_state=from_state)
    for write in spec.also:
        writes.WRITERS[write](order, by=by, facts=facts)
    record(order, name=spec.name, from_state=from_state, by=by, facts=facts, then=spec.then)
    return order


def record(
    order: Order, *, name: str, from_state: str, by: By, facts: dict[str, Any], then: Iterable[str] = (), live: str = "order.state"
) -> OrderEvent:
    """Save a locked order with its event row, its effects and the live event; with `bulk.record_many` the only writer of all four.

    `live` is empty for what is none of the customer's business: who records it tells staff alone (`tell_staff`).
    """
    before = order.last_event_number
    order.tend_clock(now())
    last = OrderEvent.objects.filter(order=order, number=before).values_list("hash", flat=True).first() if before else None
    event = next_event(order, name=name, from_state=from_state, by=by, facts=facts, last_hash=last or "")
    order.save()
    event.save(force_insert=True)
    outbox.promise(list(then), subject=order.subject, payload={"order": order.pk, "event": event.number})
    if live:
        tell(order, live)
    return event


def next_event(order: Order, *, name: str, from_state: str, by: By, facts: dict[str, Any], last_hash: str) -> OrderEvent:
    """The order's next event, not saved yet; the order's version and count grow with it. `last_hash` is its last event's."""
    order.last_event_number += 1
    order.version += 1
    event = OrderEvent(
        order=order,
        number=order.last_event_number,
        name=name,
        from_state=from_state,
        to_state=order.state,
        actor=by.actor,
        user=by.user,
        door=by.door,
        facts=facts,
        at=now(),
        previous_hash=last_hash,
    )
    event.hash = event.digest()
    return event


def tell(order: Order, event: str, /, **data: Any) -> None:
    """A live event to the customer and to staff. Last in its transaction: the streams' counters are locked until the commit."""
    for channel in (events.user_channel(order.customer_id), events.STAFF_CHANNEL):
        events.publish(channel, event, told_of(order, **data))


def tell_staff(order: Order, event: str, /, **data: Any) -> None:
    """As `tell`, to staff alone."""
    events.publish(events.STAFF_CHANNEL, event, told_of(order, **data))


def told_of(order: Order, **data: Any) -> dict[str, Any]:
    return {"order": order.number, "state": order.state, "step": int(order.step), "at": now().isoformat(), **data}


# --- May this person make this move? --------------------------------------------------------------------------------------


def check(order: Order, spec: Spec, *, by: By, facts: dict[str, Any]) -> None:
    """Raise TransitionRefused with the first reason why not."""
    if order.state not in spec.sources:
        if spec.name == "cancel" and by.actor == Actor.CUSTOMER and not order.is_closed:
            raise TransitionRefused(_("This order can no longer be cancelled by yourself. Please write to us."), code="cancel_needs_staff")
        raise TransitionRefused(_("This is not possible while the order is “%(state)s”.") % {"state": order.get_state_display()})
    if not may(order, spec, by=by):
        if spec.name == "cancel" and by.actor == Actor.CUSTOMER:
            raise TransitionRefused(_("This order can no longer be cancelled by yourself. Please write to us."), code="cancel_needs_staff")
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if order.hold_reason and spec.stopped_by_hold:
        raise TransitionRefused(_("The order is on hold: %(reason)s") % {"reason": gettext(order.hold_reason)}, code="on_hold")
    for guard in unmet(order, spec, by=by):
        raise TransitionRefused(guard.reason, code=guard.code)
    _check_facts(spec, by=by, facts=facts)


def may(order: Order, spec: Spec, *, by: By) -> bool:
    """Whether this actor may make the move from the order's state, apart from guards."""
    if by.actor != "staff":
        is_owner = by.user is not None and by.user.pk == order.customer_id
        return by.actor in spec.by.get(order.state, ()) and (by.actor != Actor.CUSTOMER or is_owner)
    if by.user is None or not by.roles & roles_of(spec, order.state):
        return False
    return by.user.has_perm(f"workflow.{spec.name}")


def unmet(order: Order, spec: Spec, *, by: By) -> list[Guard]:
    """The guards that do not hold for this actor."""
    failing = (guard for guard in spec.when if (not guard.only_for or by.actor in guard.only_for) and not guard(order))
    return [guard.about(order) for guard in failing]


def _check_facts(spec: Spec, *, by: By, facts: dict[str, Any]) -> None:
    for name in spec.asks:
        needed = name != "proof" or (by.actor == "staff" and bool(spec.proof_from))
        if needed and not str(facts.get(name) or "").strip():
            raise TransitionRefused(_("“%(name)s” is needed.") % {"name": FACT_LABELS[name]}, code="fact_missing")
    for name, kind in spec.asks.items():
        if kind == "datetime":
            facts[name] = _past_moment(facts[name], name=name)


def _past_moment(said: Any, *, name: str) -> str:
    """An ISO 8601 time, in our own zone where it names none, that is not in the future."""
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        raise TransitionRefused(_("“%(name)s” is not a time.") % {"name": FACT_LABELS[name]}, code="fact_invalid") from None
    moment = make_aware(moment) if is_naive(moment) else moment
    if moment > now():
        raise TransitionRefused(_("“%(name)s” lies in the future.") % {"name": FACT_LABELS[name]}, code="fact_invalid")
    return moment.isoformat()


@dataclass(frozen=True)
class Move:
    """A transition as a person sees it: may be pressed now, or what is still missing."""

    spec: Spec
    missing: tuple[Guard, ...]
    on_hold: bool

    @property
    def is_ready(self) -> bool:
        return not self.missing and not self.on_hold


def moves(order: Order, *, by: By) -> list[Move]:
    """The transitions this actor may make from the order's state, in the table's order, each with what is still missing."""
    return [
        Move(spec=spec, missing=tuple(_still_missing(order, spec, by=by)), on_hold=bool(order.hold_reason) and spec.stopped_by_hold)
        for spec in TRANSITIONS.values()
        if order.state in spec.sources and may(order, spec, by=by)
    ]


def _still_missing(order: Order, spec: Spec, *, by: By) -> list[Guard]:
    """As `unmet`, but a checkout that is still open is not in a person's way: asking for the move closes it."""
    return [guard for guard in unmet(order, spec, by=by) if not (spec.closes_attempt and guard.code == "checkout_open")]


# --- What people's buttons call -------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def ask(order_id: int, move: Callable[..., Any] | str, *, by: By, seen_version: int | None = None, **facts: Any) -> Order:
    """Perform a move at once, or start closing the checkout session that stands in its way; a job then performs it as the asker.

    `seen_version` is the order's version the person looked at; a newer one is refused with the code `changed_meanwhile`.
    """
    from workflow import payments

    spec = TRANSITIONS[move if isinstance(move, str) else move.__name__]
    order = lock_order(order_id)
    refuse_if_changed(order, seen_version=seen_version)
    attempt = payments.open_attempt(order, kind=spec.closes_attempt) if spec.closes_attempt and order.state in spec.sources else None
    if attempt is None:
        return perform(order.pk, spec.name, by=by, **facts)
    if not may(order, spec, by=by):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    for guard in _still_missing(order, spec, by=by):
        raise TransitionRefused(guard.reason, code=guard.code)
    payments.start_closing(attempt, then_perform={"transition": spec.name, "by": by.as_json(), "facts": facts})
    return order


# --- Beside the state: hold and questions ---------------------------------------------------------------------------------

HOLDERS = frozenset({Role.SUPPORT, Role.FINANCE, Role.OWNER})
ASKERS = frozenset({Role.BUYER, Role.SUPPORT, Role.WAREHOUSE, Role.OWNER})
ANSWERERS = ASKERS | {Actor.CUSTOMER}


def _beside(order_id: int, *, by: By, roles: frozenset[Any]) -> Order:
    order = lock_order(order_id)
    if by.actor == Actor.CUSTOMER and (by.user is None or by.user.pk != order.customer_id):
        raise NotFound
    if by.actor in ("staff", Actor.CUSTOMER) and not by.roles & roles and by.actor not in roles:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if order.is_closed:
        raise TransitionRefused(_("The order is closed."))
    return order


@retried
@transaction.atomic
def hold(order_id: int, *, reason: str, by: By) -> Order:
    """Stop the order's way forward; payments and cancelling stay possible."""
    order = _beside(order_id, by=by, roles=HOLDERS)
    if order.hold_reason or not reason.strip():
        raise TransitionRefused(_("The order is already on hold, or the reason is missing."))
    order.hold_reason, order.held_at = reason.strip()[:200], now()
    record(order, name="hold", from_state=order.state, by=by, facts={"reason": order.hold_reason})
    return order


@retried
@transaction.atomic
def release(order_id: int, *, by: By) -> Order:
    """End a hold."""
    order = _beside(order_id, by=by, roles=HOLDERS)
    if not order.hold_reason:
        raise TransitionRefused(_("The order is not on hold."))
    order.hold_reason, order.held_at = "", None
    record(order, name="release", from_state=order.state, by=by, facts={})
    return order


@retried
@transaction.atomic
def ask_customer(order_id: int, *, question: str, by: By) -> Order:
    """Ask the customer something: it is written into the thread, the order waits on them until they answer, and they are told."""
    order = _beside(order_id, by=by, roles=ASKERS)
    if order.question or not question.strip():
        raise TransitionRefused(_("A question is already open, or it is empty."))
    message = thread.add_of_staff(order, text=question, by=by, asks=True)
    order.question, order.asked_at = message.text, message.at
    record(order, name="ask", from_state=order.state, by=by, facts={"message": message.pk}, then=["notify_customer"])
    tell(order, "order.message")
    return order


@retried
@transaction.atomic
def answer_question(order_id: int, *, by: By) -> Order:
    """The customer answered (or staff settled it with them): the order waits on staff again."""
    order = _beside(order_id, by=by, roles=ANSWERERS)
    if not order.question:
        raise TransitionRefused(_("No question is open."))
    order.question, order.asked_at = "", None
    record(order, name="answer", from_state=order.state, by=by, facts={}, then=["notify_staff"])
    return order
