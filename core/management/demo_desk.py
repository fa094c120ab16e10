"""Demo data around the orders: messages with customers, one of them unanswered, internal notes, and who looks after what."""

from core.management.demo import staff
from workflow import assigning, messages, notes, transitions
from workflow.models import Order, OrderMessage
from workflow.process import Role, State
from workflow.transitions import By


def make_talk() -> int:
    """Once; how many orders were talked about. Needs the orders."""
    if OrderMessage.objects.exists():
        return 0
    found = {state: Order.objects.filter(state=state).order_by("pk").first() for state in State}
    orders = {state: order for state, order in found.items() if order is not None}
    for act in (_ask, _write, _take):
        act(orders)
    return len(orders)


def _ask(orders: dict[State, Order]) -> None:
    if order := orders.get(State.ITEMS_PAID):
        question = "빨간색은 품절이고 남색만 남아 있어요. 남색도 괜찮으실까요?"
        transitions.ask_customer(order.pk, question=question, by=staff(Role.BUYER))
        notes.add_note(order.pk, text="판매자에게 전화해 봄: 빨간색은 다음 주 수요일에 다시 들어온다고 함.", by=staff(Role.BUYER))


def _write(orders: dict[State, Order]) -> None:
    if order := orders.get(State.AT_WAREHOUSE):
        customer = By.customer(order.customer)
        messages.write_as_customer(order.pk, text="Could you put everything into one box, please?", by=customer)
        messages.write_to_customer(order.pk, text="Gladly: it saves freight, too.", by=staff(Role.SUPPORT))
        messages.write_as_customer(order.pk, text="Great! And could you take the shoes out of their carton?", by=customer)
        notes.add_note(order.pk, text="Shoe carton: customer wants it gone. Fold it flat, keep it until shipped.", by=staff(Role.WAREHOUSE))


def _take(orders: dict[State, Order]) -> None:
    for state, role in ((State.QUOTE_REQUESTED, Role.BUYER), (State.AT_WAREHOUSE, Role.WAREHOUSE), (State.RETURNED, Role.SUPPORT)):
        if order := orders.get(state):
            by = staff(role)
            assigning.give(order.pk, to=by.user, by=by)
