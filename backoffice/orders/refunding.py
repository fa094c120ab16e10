"""Giving money back: what of which line of which paid invoice, why, and which items leave the order with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import DollarsField
from backoffice.orders.bills import titled
from backoffice.orders.dialogs import Dialog, OrderForm
from core.money import format_usd
from workflow import giving_back, refunds
from workflow.guards import live_items
from workflow.margins import left_by_payment
from workflow.models import InvoiceLine, Item, ItemStatus, LedgerEntry, Order
from workflow.transitions import By


@dataclass(frozen=True)
class LineRow:
    title: str
    line: InvoiceLine
    #: what did not go back yet
    rest_usd_cents: int
    #: of that, what the payment is enough for when everything goes back
    most_usd_cents: int
    field: forms.BoundField


@dataclass(frozen=True)
class PaymentRows:
    payment: LedgerEntry
    left_usd_cents: int
    lines: list[LineRow]

    @property
    def holds_less(self) -> bool:
        """Than its lines: a dispute took of it, or somebody gave back in Stripe's dashboard, which knows no lines."""
        return self.left_usd_cents < sum(row.rest_usd_cents for row in self.lines)


class RefundForm(OrderForm):
    reason = forms.ChoiceField(label=_("Why?"), choices=[("", "–"), *((reason.value, reason.label) for reason in refunds.REASONS_OF_STAFF)])
    note = forms.CharField(label=_("Note"), required=False, max_length=300, help_text=_("For us; the customer does not read it."))

    @cached_property
    def payments(self) -> list[LedgerEntry]:
        """Of which something is left, newest first."""
        return [paid for paid in giving_back.captures(self.order) if self.left[paid.pk]]

    @cached_property
    def left(self) -> dict[int, int]:
        return left_by_payment(self.order)

    @cached_property
    def rest(self) -> dict[int, int]:
        return giving_back.rest_of_lines(line for paid in self.payments for line in self.lines_of(paid))

    def lines_of(self, paid: LedgerEntry) -> list[InvoiceLine]:
        return next(list(invoice.lines.all()) for invoice in self.order.invoices.all() if invoice.pk == paid.invoice_id)

    def leavers(self) -> list[Item]:
        return [item for item in live_items(self.order) if item.status != ItemStatus.SHIPPED]

    def build(self) -> None:
        for paid in self.payments:
            for line in self.lines_of(paid):
                self.fields[f"usd-{line.pk}"] = DollarsField(required=False, max_length=20, disabled=not self.rest[line.pk])
        for item in self.leavers():
            self.fields[f"leave-{item.pk}"] = forms.BooleanField(
                required=False, label=format_lazy("{n}. {name}", n=item.position, name=item)
            )

    def rows(self) -> list[PaymentRows]:
        return [PaymentRows(paid, self.left[paid.pk], self._line_rows(paid)) for paid in self.payments]

    def _line_rows(self, paid: LedgerEntry) -> list[LineRow]:
        left, rows = self.left[paid.pk], []
        for title, line in titled(self.lines_of(paid)):
            most = min(left, self.rest[line.pk])
            left -= most
            rows.append(LineRow(title, line, self.rest[line.pk], most, self[f"usd-{line.pk}"]))
        return rows

    def leaving(self) -> list[forms.BoundField]:
        return [self[f"leave-{item.pk}"] for item in self.leavers()]

    def clean(self) -> dict[str, Any]:
        for paid in self.payments:
            lines = self.lines_of(paid)
            for line in lines:
                if self.cents(line) > self.rest[line.pk]:
                    words = {"rest": format_usd(self.rest[line.pk])}
                    self.add_error(f"usd-{line.pk}", _("No more than %(rest)s is left of this line.") % words)
            if not self.errors and sum(self.cents(line) for line in lines) > self.left[paid.pk]:
                words = {"invoice": str(paid.invoice), "left": format_usd(self.left[paid.pk])}
                self.add_error(None, _("Of the payment of %(invoice)s no more than %(left)s is left.") % words)
        return self.cleaned_data

    def cents(self, line: InvoiceLine) -> int:
        return self.cleaned_data.get(f"usd-{line.pk}") or 0

    def wanted(self) -> dict[int, int]:
        """Cents by line id."""
        return {line.pk: cents for paid in self.payments for line in self.lines_of(paid) if (cents := self.cents(line))}

    def gone(self) -> Iterable[int]:
        return [item.pk for item in self.leavers() if self.cleaned_data.get(f"leave-{item.pk}")]


class RefundDialog(Dialog):
    name, icon = "refund", "undo"
    label, title = _("Refund…"), _("Refund")
    hint = _("What of the bill goes back to the customer, the way they paid. Leave empty what stays.")
    done = _("The refund is decided.")
    roles = refunds.PROPOSERS
    form = RefundForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        captures = (entry for entry in order.ledger.all() if entry.kind == "capture" and entry.invoice_id)
        left = left_by_payment(order)
        return bool(by.roles & self.roles) and any(left[entry.pk] for entry in captures)

    def comes_of(self, order: Order, form: RefundForm) -> dict[str, Any]:
        form.typed()
        total = sum(form.wanted().values()) if form.is_bound else 0
        alone = refunds.decided_alone(order)
        limit = refunds.SECOND_PERSON_ABOVE_CENTS
        return {"total": total, "alone": alone, "limit": limit, "needs_second": alone + total > limit}

    def save(self, order: Order, form: RefundForm, *, by: By) -> None:
        said = form.cleaned_data
        refunds.refund_lines(
            order.pk,
            lines=form.wanted(),
            reason=said["reason"],
            note=said["note"],
            leaving=form.gone(),
            by=by,
            seen_version=form.seen_version,
        )
