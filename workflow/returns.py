"""Parcels that end otherwise than at the customer's door: received back at the warehouse, or given up for lost.

What comes next is the customer's choice (the letter of `record_return` asks): `reship` weighs and bills only what is sent again, `cancel`
gives back by the rules of `giving_back.py`. What was delivered stays delivered in both.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.errors import Invalid
from core.retries import retried
from integrations.couriers import TrackingStatus
from workflow import shipping
from workflow.entry_rules import check_state, whole
from workflow.models import Order, Parcel
from workflow.process import Effect, Role, State
from workflow.tasks import staff_task
from workflow.transitions import By, locked_for_staff, perform, record

RECEIVERS = frozenset({Role.WAREHOUSE, Role.OWNER})
GIVERS_UP = frozenset({Role.WAREHOUSE, Role.SUPPORT, Role.OWNER})
MAX_CHARGE_KRW = 10_000_000


def on_the_way(order: Order) -> list[Parcel]:
    """Neither delivered nor closed."""
    return [parcel for parcel in order.parcels.all() if not parcel.delivered_at and not parcel.closed_at]


def may_receive(order: Order, *, by: By) -> bool:
    return bool(by.roles & RECEIVERS) and order.state == State.RETURNED and bool(on_the_way(order))


def may_lose(order: Order, *, by: By) -> bool:
    return bool(by.roles & GIVERS_UP) and order.state == State.SHIPPED and bool(on_the_way(order))


# --- Received back --------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def receive_back(
    order_id: int,
    *,
    parcel_ids: Collection[int],
    note: str = "",
    return_charge_krw: int | None = None,
    by: By,
    seen_version: int | None = None,
) -> Order:
    """Returned parcels are here and opened: closed, kept on record, their items to be packed again.

    `return_charge_krw` is what the courier asked for it and the next delivery bill adds to the delivery fee; None leaves it as it is.
    """
    order = locked_for_staff(order_id, roles=RECEIVERS, by=by, seen_version=seen_version)
    check_state(order, {State.RETURNED})
    here = [_open_parcel(order, pk) for pk in parcel_ids]
    if not here:
        raise Invalid(_("Nothing was chosen."), field="parcel")
    shipping.unpack(order, here, at=now())
    facts: dict[str, Any] = {"received_back": sorted(parcel.position for parcel in here)}
    if note.strip():
        facts["note"] = note.strip()[:500]
    if return_charge_krw is not None:
        order.return_charge_krw = whole(return_charge_krw, field="return_charge_krw", low=0, high=MAX_CHARGE_KRW)
        facts["return_charge_krw"] = order.return_charge_krw
    record(order, name="receive_back", from_state=order.state, by=by, facts=facts, live="order.item")
    return order


def _open_parcel(order: Order, parcel_id: int) -> Parcel:
    """Under its own lock, as it is now: a courier's answer is stored without the order's."""
    parcel = next((parcel for parcel in on_the_way(order) if parcel.pk == parcel_id), None)
    if parcel is not None:
        parcel.refresh_from_db(from_queryset=Parcel.objects.select_for_update())
    if parcel is None or parcel.delivered_at or parcel.closed_at:
        raise Invalid(_("This parcel is not on its way."), field="parcel")
    return parcel


# --- Lost -----------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def give_up(order_id: int, *, parcel_id: int, proof: str, by: By, seen_version: int | None = None) -> Order:
    """The courier has lost a parcel, or says so: it is closed, finance decide what goes back, and the order ends with its last parcel.

    The customer is told once: of this parcel, or by the letter of `record_return` where nothing is left to wait for.
    """
    order = locked_for_staff(order_id, roles=GIVERS_UP, by=by, seen_version=seen_version)
    check_state(order, {State.SHIPPED})
    if not proof.strip():
        raise Invalid(_("Please say what proves it."), field="proof")
    parcel = _open_parcel(order, parcel_id)
    parcel.closed_at = parcel.lost_at = now()
    parcel.status, parcel.next_poll_at = TrackingStatus.EXCEPTION, None
    parcel.save(update_fields=["closed_at", "lost_at", "status", "next_poll_at"])
    facts = {"parcel": parcel.position, "proof": proof.strip()[:500]}
    text = gettext_noop("Parcel %(parcel)s is lost: decide what goes back to the customer, and claim it from the courier.")
    staff_task(key=f"{order.subject}:lost:{parcel.pk}", kind="parcel_lost", order=order, text=text, parcel=parcel.position)
    end = shipping.end_of_journey(list(order.parcels.all()))
    is_all = not on_the_way(order) and not any(other.delivered_at for other in order.parcels.all())
    then = [] if is_all else [Effect.NOTIFY_CUSTOMER]
    record(order, name="parcel_lost", from_state=order.state, by=by, facts=facts, then=then, live="" if end else "shipment.status")
    if end is None:
        return order
    move, said = end
    return perform(order.pk, move, by=By.courier(), **said)
