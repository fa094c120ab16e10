"""What staff can decide on a refund: which buttons it has for whom, and the small dialogs of those that ask for words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.pages import came_from
from core.errors import BidangilError
from workflow import refunds
from workflow.models import Refund, RefundStatus
from workflow.transitions import By


@dataclass(frozen=True)
class Decision:
    """`asks` is the text a person gives with it, "" for none; it is offered where `makes_sense`."""

    name: str
    label: Any
    hint: Any
    done: Any
    makes_sense: Callable[[Refund], bool]
    asks: str = ""
    asks_label: Any = ""
    asks_hint: Any = ""
    #: on a button in a narrow row
    short: Any = ""
    icon: str = ""
    look: str = ""

    def run(self, refund_id: int, *, by: By, text: str) -> None:
        functions: dict[str, Callable[..., Any]] = {
            "approve": refunds.approve,
            "decline": refunds.decline,
            "again": refunds.send_again,
            "hand": refunds.given_by_hand,
        }
        functions[self.name](refund_id, by=by, **({self.asks: text} if self.asks else {}))

    @property
    def url_name(self) -> str:
        return f"admin:workflow_refund_{self.name}"

    def url(self, refund: Refund) -> str:
        return reverse(self.url_name, args=[refund.pk])

    def form(self, data: Any = None) -> forms.Form:
        form = forms.Form(data, auto_id="dialog-%s")
        if self.asks:
            area = forms.Textarea(attrs={"rows": 3})
            form.fields[self.asks] = forms.CharField(label=self.asks_label, help_text=self.asks_hint, max_length=300, widget=area)
        return form


def _is_proposed(refund: Refund) -> bool:
    return refund.status == RefundStatus.PROPOSED


def _has_failed(refund: Refund) -> bool:
    return refund.status == RefundStatus.FAILED


def _is_undecided(refund: Refund) -> bool:
    return _is_proposed(refund) or _has_failed(refund)


def _is_for_hands(refund: Refund) -> bool:
    return _has_failed(refund) or (refund.status == RefundStatus.APPROVED and not refund.payment_intent_id)


DECISIONS = {
    made.name: made
    for made in (
        Decision(
            "approve", _("Approve"), _("It goes to Stripe at once, and the customer is told."),
            _("The refund is approved and goes to Stripe."), _is_proposed, icon="check", look="primary",
        ),
        Decision(
            "decline", _("Decline"), _("The money stays with us."), _("The refund is declined."), _is_undecided,
            asks="reason", asks_label=_("Why not?"), asks_hint=_("Whoever proposed it reads this."), icon="close",
        ),
        Decision(
            "again", _("Send again"), _("Another refund with the same lines takes the failed one's place and goes to Stripe."),
            _("The refund is sent again."), _has_failed,
            icon="replay", look="primary",
        ),
        Decision(
            "hand", _("Given back by hand"), _("You have given the money back outside Stripe. It is booked now and cannot be taken back."),
            _("It is booked as given back by hand."), _is_for_hands,
            asks="proof", asks_label=_("What proves it?"), asks_hint=_("A bank transfer's number, its date and to whom."), icon="payments",
            short=_("By hand"),
        ),
    )
}  # fmt: skip


def offered(refund: Refund, *, by: By) -> list[Decision]:
    """The buttons that this person may press on this refund now."""
    if not by.roles & refunds.DECIDERS or why_not(refund, by=by):
        return []
    return [made for made in DECISIONS.values() if made.makes_sense(refund)]


def why_not(refund: Refund, *, by: By) -> Any:
    """What stands in the way of somebody who could otherwise decide on it; empty where nothing does."""
    is_proposer = by.user is not None and by.user.pk == refund.proposed_by_id
    if is_proposer and _is_proposed(refund) and by.roles & refunds.DECIDERS:
        return _("You proposed it: somebody else decides.")
    return ""


# --- The dialog -----------------------------------------------------------------------------------------------------------


def decide(request: HttpRequest, refund: Refund, made: Decision, *, frame: Mapping[str, Any]) -> HttpResponse:
    """A GET shows what is asked and changes nothing; the POST acts, and a refusal comes back with what was typed."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    form, refused, status = made.form(request.POST if request.method == "POST" else None), None, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made.run(refund.pk, by=acting(request), text=form.cleaned_data[made.asks])
            except BidangilError as error:
                refused, status = error, error.status_code
            else:
                messages.success(request, made.done)
                return HttpResponseRedirect(came_from(request, default=frame["list_url"]))
    context = {
        **frame,
        "title": made.label,
        "refund": refund,
        "made": made,
        "form": form,
        "refused": refused,
        "is_open": made in offered(refund, by=acting(request)),
        "why_not": why_not(refund, by=acting(request)),
        "action": made.url(refund),
        "back": reverse("admin:workflow_refund_change", args=[refund.pk]),
    }
    return render(request, "backoffice/money/decide.html", context, status=status)
