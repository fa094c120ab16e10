"""What the money pages have in common: how an amount, a status and a person read, tabs above a list, and the page of one row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backoffice.money.amounts import money
from backoffice.pages import KeysetChangeList, Page
from workflow.models import AttemptStatus, Invoice, InvoiceStatus, RefundStatus

INVOICE_TONES = {InvoiceStatus.OPEN: "customer", InvoiceStatus.PAID: "good"}
ATTEMPT_TONES = {AttemptStatus.OPEN: "customer", AttemptStatus.PAID: "good", AttemptStatus.CREATED: "staff", AttemptStatus.CLOSING: "staff"}
REFUND_TONES = {
    RefundStatus.PROPOSED: "staff",
    RefundStatus.APPROVED: "customer",
    RefundStatus.SENT: "customer",
    RefundStatus.SUCCEEDED: "good",
    RefundStatus.BY_HAND: "good",
    RefundStatus.FAILED: "bad",
}


# --- Words ----------------------------------------------------------------------------------------------------------------


def amount(cents: int, *, currency: str = "usd") -> SafeString:
    return format_html('<b class="bo-number">{}</b>', money(cents, currency=currency))


def pill(tone: str, words: Any) -> SafeString:
    return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, words)


def code(text: Any) -> SafeString | str:
    """Something that Stripe or we made up, to be read letter by letter."""
    return format_html('<bdi class="bo-mono">{}</bdi>', text) if text else "–"


def link_to(row: Model, words: Any) -> SafeString:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a class="bo-link" href="{}">{}</a>', url, words)


def invoice_link(invoice: Invoice | None) -> SafeString | str:
    return link_to(invoice, str(invoice)) if invoice is not None else "–"


def at_stripe(kind: str, stripe_id: str) -> str:
    """The address of a payment or dispute in Stripe's dashboard, in the mode that our key is of."""
    mode = "" if settings.STRIPE_LIVE else "test/"
    return f"https://dashboard.stripe.com/{mode}{kind}/{quote(stripe_id, safe='')}"


# --- Pages ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tab:
    """A quick filter above a list."""

    label: Any
    filters: dict[str, str]

    def query(self, *, kept: dict[str, str]) -> str:
        return urlencode({**self.filters, **kept})


def tabs_of(request: HttpRequest, tabs: Iterable[Tab], *, keep: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Each tab, and whether the list shows just that; what is narrowed by the parameters `keep` stays so."""
    tabs = list(tabs)
    kept = {name: request.GET[name] for name in keep if request.GET.get(name)}
    names = {name for tab in tabs for name in tab.filters} | {"q"}
    chosen = {name: request.GET[name] for name in names if request.GET.get(name)}
    return [{"label": tab.label, "query": tab.query(kept=kept), "active": tab.filters == chosen} for tab in tabs]


class MoneyList(KeysetChangeList):
    """Each row knows where it is shown, so that its buttons lead back there."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        for row in self.result_list:
            row.here = request.get_full_path()


class MoneyPage(Page):
    """A list with tabs, and a page of one row in a template of its own. A GET changes nothing, and to the page itself nothing is posted."""

    template = ""
    tabs: tuple[Tab, ...] = ()
    #: parameters that a tab does not take off
    kept_by_tabs: tuple[str, ...] = ()
    list_before_template = "backoffice/money/list_top.html"

    class Media:
        css = {"all": ("backoffice/money.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return MoneyList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"tabs": tabs_of(request, self.tabs, keep=self.kept_by_tabs), **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        row = self.row(request, object_id)
        context = {**self.frame(request), "row": row, "title": str(row), **self.details(request, row)}
        return render(request, self.template, context)

    def row(self, request: HttpRequest, object_id: str | int) -> Any:
        said = str(object_id)
        found = self.get_queryset(request).filter(pk=said).first() if said.isascii() and said.isdigit() else None
        if found is None:
            raise Http404
        return found

    def details(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the template shows beside the row itself."""
        return {}

    def frame(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the admin needs around it."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "is_fullwidth": "1", "list_url": self.list_url()}

    def post_button(self, row: Any, name: str, label: Any) -> SafeString:
        """As `row_button`, and back to the list as it was narrowed."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[row.pk])
        button = '<button type="submit" class="bo-button bo-button--small" formaction="{}" name="next" value="{}">{}</button>'
        return format_html(button, url, row.here, label)

    def must(self, request: HttpRequest, action: str) -> None:
        """403 for those who may not `view` or `change` these rows."""
        if not request.user.has_perm(f"{self.opts.app_label}.{action}_{self.opts.model_name}"):
            raise PermissionDenied
