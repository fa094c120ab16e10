"""What may be decided about a refund: by the second person, or when it failed at Stripe. Each is one call of `workflow.refunds`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workflow import refunds
from workflow.models import Refund, RefundStatus
from workflow.transitions import By


@dataclass(frozen=True)
class Decision:
    """On a refund; `asks` is the text a person gives with it, "" for none."""

    name: str
    label: Any
    hint: Any
    done: Any
    statuses: tuple[RefundStatus, ...]
    asks: str = ""
    asks_label: Any = ""
    by_second_person: bool = False

    def run(self, refund: Refund, *, by: By, text: str) -> None:
        functions: dict[str, Callable[..., Any]] = {
            "approve": refunds.approve,
            "decline": refunds.decline,
            "again": refunds.send_again,
            "by_hand": refunds.given_by_hand,
        }
        functions[self.name](refund.pk, by=by, **({self.asks: text} if self.asks else {}))

    def form(self, data: Any = None) -> forms.Form:
        form = forms.Form(data, auto_id="dialog-%s")
        if self.asks:
            form.fields[self.asks] = forms.CharField(label=self.asks_label, max_length=300, widget=forms.Textarea(attrs={"rows": 3}))
        return form

    def is_for(self, refund: Refund, *, by: By) -> bool:
        is_proposer = by.user is not None and by.user.pk == refund.proposed_by_id
        if not by.roles & refunds.DECIDERS or refund.status not in self.statuses:
            return False
        if self.by_second_person and is_proposer and refund.status == RefundStatus.PROPOSED:
            return False
        return self.name != "by_hand" or refund.status == RefundStatus.FAILED or not refund.payment_intent_id


DECISIONS = {
    decision.name: decision
    for decision in (
        Decision(
            "approve", _("Approve"), _("It goes to Stripe at once, and the customer is told."),
            _("The refund is approved and goes to Stripe."), (RefundStatus.PROPOSED,), by_second_person=True,
        ),
        Decision(
            "decline", _("Decline"), _("Nothing goes back; the money stays."), _("The refund is declined."),
            (RefundStatus.PROPOSED, RefundStatus.FAILED), "reason", _("Why?"), by_second_person=True,
        ),
        Decision(
            "again", _("Send again"), _("Another refund with the same lines takes the failed one's place and goes to Stripe."),
            _("The refund is sent again."), (RefundStatus.FAILED,),
        ),
        Decision(
            "by_hand", _("Given back by hand"), _("The money has gone back outside Stripe; the ledger notes it with your proof."),
            _("The refund is noted as given back by hand."), (RefundStatus.FAILED, RefundStatus.APPROVED), "proof", _("What proves it?"),
        ),
    )
}  # fmt: skip


def decisions_on(refund: Refund, *, by: By) -> list[Decision]:
    return [decision for decision in DECISIONS.values() if decision.is_for(refund, by=by)]
