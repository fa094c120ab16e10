"""The customer decides what becomes of an item that is not as ordered. The rules: workflow/inspections.py."""

from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Path, Router

from core.accounts.models import User
from customer_api.idempotency import once
from customer_api.resources.order_answers import OrderOut
from customer_api.resources.orders import my_order_id, order_now
from customer_api.schema import In
from customer_api.security import Asked
from customer_api.texts import Text
from workflow import inspections
from workflow.models import Choice
from workflow.transitions import By

router = Router(tags=["Orders"])
MAX_POSITION = 32_767


class Decision(In):
    choice: Literal[tuple(Choice.values)]  # type: ignore[valid-type]
    text: Annotated[str, Text(longest=inspections.ANSWER_LENGTH, lines=True)] = ""


@router.post("/{number}/items/{position}/inspection", response=OrderOut)
def decide_inspection(request: Asked, number: str, position: Annotated[int, Path(ge=1, le=MAX_POSITION)], body: Decision) -> HttpResponse:
    """Answer our question about an inspected item, once: `keep` it as it is, `return` it to the shop, or `other`, which needs words.

    409 `nothing_asked`, `answered_already` or `inspection_ended` where there is nothing (more) to answer.
    """
    user: User = request.auth
    order_id = my_order_id(user, number)

    def act() -> OrderOut:
        inspections.answer_inspection(order_id, position=position, choice=body.choice, text=body.text, by=By.customer(user))
        return order_now(user, number)

    return once(request, act)
