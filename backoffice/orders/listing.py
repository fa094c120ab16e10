"""The order list: who waits on whom, since when. A fixed number of queries, whatever the rows and however many there are."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from backoffice.bulk import moving
from backoffice.pages import ChoiceFilter, Page
from backoffice.words import WAITS_WORDS, tone_of
from core.money import format_krw, format_usd
from workflow.lookup import matching
from workflow.many import MOST
from workflow.models import InvoiceStatus, Order
from workflow.process import State, Waits
from workflow.queues import waiting_on


class StateFilter(ChoiceFilter):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(state=value)


class WaitingFilter(ChoiceFilter):
    title, parameter_name = _("waiting on"), "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(waits.value, WAITS_WORDS[waits]) for waits in Waits]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(waiting_on(value))


class HoldFilter(ChoiceFilter):
    title, parameter_name = _("hold"), "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("on hold")), ("no", _("not on hold"))]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.exclude(hold_reason="") if value == "yes" else queryset.filter(hold_reason="")


class OrderList(Page):
    list_display = ("number_link", "customer_name", "state_pill", "waits_pill", "item_count", "total", "age")
    list_filter = (StateFilter, WaitingFilter, HoldFilter)
    list_display_links = None
    search_fields = ("number",)
    search_help_text = _("Order, tracking or shop number, or e-mail")
    list_select_related: Any = []
    list_before_template = "backoffice/order/list_tabs.html"
    ordering = ("-pk",)
    actions = ("move_many",)

    @admin.action(description=_("Move the chosen orders …"))
    def move_many(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return moving.chosen(request, queryset.order_by("-pk").values_list("pk", flat=True)[: MOST + 1])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        # Prefetched, not joined: MariaDB would begin a join at the users and read them all.
        return Order.objects.prefetch_related("customer", "items", "invoices")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Order], search_term: str) -> tuple[QuerySet[Order], bool]:
        return (queryset.filter(matching(search_term)) if search_term.strip() else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"tabs": tabs(request), "title": _("Orders"), **(extra_context or {})})

    # --- Columns ---

    @admin.display(description=_("order"))
    def number_link(self, order: Order) -> SafeString:
        hold = (
            format_html(' <span class="bo-pill bo-pill--bad" title="{}">{}</span>', order.hold_reason, _("hold"))
            if order.hold_reason
            else ""
        )
        return format_html(
            '<a class="bo-link bo-mono" href="{}">{}</a>{}', reverse("admin:workflow_order_change", args=[order.pk]), order.number, hold
        )

    @admin.display(description=_("customer"))
    def customer_name(self, order: Order) -> SafeString:
        return format_html("<bdi>{}</bdi>", order.customer.nickname)

    @admin.display(description=_("state"))
    def state_pill(self, order: Order) -> SafeString:
        tone = tone_of(order.state, order.waiting_on)
        return format_html('<span class="bo-pill bo-pill--{}">{}</span>', tone, State(order.state).label)

    @admin.display(description=_("waiting on"))
    def waits_pill(self, order: Order) -> Any:
        return WAITS_WORDS[order.waiting_on] if order.waiting_on != Waits.NOBODY else "–"

    @admin.display(description=_("items"))
    def item_count(self, order: Order) -> SafeString:
        items = order.items.all()
        live = sum(item.is_live for item in items)
        return format_html("{}", live if live == len(items) else f"{live} / {len(items)}")

    @admin.display(description=_("total"))
    def total(self, order: Order) -> SafeString:
        """What was or is billed in dollars; before there is a bill, the goods in won."""
        billed = [
            invoice.amount_usd_cents for invoice in order.invoices.all() if invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.PAID)
        ]
        if billed:
            return format_html('<span class="bo-number">{}</span>', format_usd(sum(billed)))
        goods = sum(item.line_krw or 0 for item in order.items.all() if item.is_live)
        return format_html('<span class="bo-number bo-soft">{}</span>', format_krw(goods) if goods else "–")

    @admin.display(description=_("since"))
    def age(self, order: Order) -> SafeString:
        return format_html(
            '<time class="bo-time" datetime="{}">{}</time>', order.state_since.isoformat(), timesince(order.state_since, depth=1)
        )


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The quick filters above the list."""
    chosen = {name: request.GET.get(name, "") for name in ("waiting", "hold", "state")}
    wanted: list[tuple[Any, dict[str, str]]] = [
        (_("All"), {}),
        (_("Waiting on us"), {"waiting": "staff"}),
        (_("On the customer"), {"waiting": "customer"}),
        (_("On the courier"), {"waiting": "courier"}),
        (_("On hold"), {"hold": "yes"}),
        (_("Closed"), {"waiting": "nobody"}),
    ]
    return [
        {
            "label": label,
            "query": "&".join(f"{name}={value}" for name, value in filters.items()),
            "active": {name: value for name, value in chosen.items() if value} == filters and not request.GET.get("q"),
        }
        for label, filters in wanted
    ]
