"""One transition for many orders: which ones may be asked for together, and why an order is not part of it. The page:
`backoffice/bulk/moving.py`; each order moves by `transitions.ask`, in a transaction of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflow import giving_back
from workflow.fsm import Spec
from workflow.models import Order
from workflow.process import FACT_LABELS, TRANSITIONS, Role, Write, roles_of
from workflow.transitions import By, TransitionRefused, check, may

#: more orders are not looked through by anybody before they press
MOST = 200
#: one answer for all of them makes sense; proofs, times and sums are facts of one order
SHARED_KINDS = frozenset({"reason"})


@dataclass(frozen=True)
class Offer:
    """A transition that this person may make with `count` of the chosen orders, by their states."""

    spec: Spec
    count: int

    @property
    def own_facts(self) -> list[Any]:
        """What each order would have to be given by itself; with any of these it is not for many orders."""
        return own_facts(self.spec)


def own_facts(spec: Spec) -> list[Any]:
    asked = ((name, kind) for name, kind in spec.asks.items() if kind != "proof" or spec.proof_from & frozenset(Role.values))
    return [FACT_LABELS.get(name, name) for name, kind in asked if kind not in SHARED_KINDS]


def offers(orders: Sequence[Order], *, by: By) -> list[Offer]:
    """What the table allows for at least one of them and this person, in the table's order."""
    counted = ((spec, sum(order.state in spec.sources and may(order, spec, by=by) for order in orders)) for spec in TRANSITIONS.values())
    return [Offer(spec, count) for spec, count in counted if count]


def is_for_staff(spec: Spec) -> bool:
    return any(roles_of(spec, state) for state in spec.sources)


def why_not(order: Order, spec: Spec, *, by: By) -> TransitionRefused | None:
    """Why an order would not be moved together with others; None if it would. The order comes with what guards look at."""
    try:
        check(order, spec, by=by, facts=dict.fromkeys(spec.asks, "…"))
    except TransitionRefused as refused:
        if not (spec.closes_attempt and refused.code == "checkout_open"):  # asking for the move closes it
            return refused
    return own_page(order, spec)


def own_page(order: Order, spec: Spec) -> TransitionRefused | None:
    """What is given back for things that are bought already is a sum of its own for each item."""
    if Write.PLAN_REFUNDS in spec.also and not giving_back.is_untouched(order):
        return TransitionRefused(_("Things are bought already: what goes back is decided on the order's own page."), code="needs_own_page")
    return None


def loaded(order_ids: Iterable[int]) -> list[Order]:
    """With everything guards look at, in the order given. A fixed number of statements."""
    wanted = list(dict.fromkeys(order_ids))
    orders = Order.objects.prefetch_related("customer", "items", "parcels", "invoices__attempts", "refunds", "disputes", "adjustments")
    found = {order.pk: order for order in orders.filter(pk__in=wanted)}
    return [found[pk] for pk in wanted if pk in found]
