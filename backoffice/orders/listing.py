"""The order list: who waits on whom, since when. A fixed number of queries, whatever the rows and however many there are."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.bulk import moving, prices
from backoffice.job_pages import each
from backoffice.orders.desk import person
from backoffice.orders.hint_badges import TONES
from backoffice.pages import ChoiceFilter, Page
from backoffice.palette import may_look_up
from backoffice.words import WAITS_WORDS, tone_of
from core.accounts.models import User
from core.money import format_krw, format_usd
from workflow import storage
from workflow.assigning import candidates, give, may_assign
from workflow.imports.kinds import allowed
from workflow.lookup import matching
from workflow.many import MOST
from workflow.messages import reply_due_at
from workflow.models import ImportKind, InvoiceStatus, Order, RestrictionKind
from workflow.process import State, Waits
from workflow.queues import OPEN_STATES, TO_SCREEN, late, waiting_on


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
        return queryset.filter(held_at__isnull=value == "no")


class AssignedFilter(ChoiceFilter):
    """Of the orders in motion: who looks after one that is closed is of no account."""

    title, parameter_name = _("looked after by"), "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        self.me = request.user.pk
        return [("me", _("me")), ("nobody", _("nobody"))]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(assigned_to=self.me if value == "me" else None, state__in=OPEN_STATES)


class MessageFilter(ChoiceFilter):
    title, parameter_name = _("message"), "message"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("new", _("new message"))]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(unanswered_since__isnull=False)


class LateFilter(ChoiceFilter):
    title, parameter_name = _("promise"), "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("late"))]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(late())


class StorageFilter(ChoiceFilter):
    """Of the orders whose storage clock runs."""

    title, parameter_name = _("storage"), "storage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ending", _("ends within a week")), ("over", _("over"))]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(pk__in=storage.ending(within_days=0 if value == "over" else max(storage.LEADS)))


class HintFilter(ChoiceFilter):
    """Among the orders that are still screened or priced: later the hint is history."""

    title, parameter_name = _("hint"), "hint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind.value, kind.label) for kind in RestrictionKind]

    def pick(self, queryset: QuerySet[Order], value: str) -> QuerySet[Order]:
        return queryset.filter(state__in=TO_SCREEN, hint=value)


def hint_pill(order: Order) -> SafeString | str:
    """The strictest kind of restricted goods that the order's items hint at; notices are not worth a mark."""
    if order.hint not in (RestrictionKind.PROHIBITED, RestrictionKind.RESTRICTED):
        return ""
    label = RestrictionKind(order.hint).label
    return format_html(
        ' <span class="bo-pill bo-pill--{}" title="{}">{}</span>', TONES[order.hint], _("hinted at by an item's words"), label
    )


class OrderList(Page):
    list_display = ("number_link", "customer_name", "state_pill", "waits_pill", "looked_after", "item_count", "total", "age")
    list_filter = (StateFilter, WaitingFilter, HoldFilter, LateFilter, HintFilter, AssignedFilter, MessageFilter, StorageFilter)
    actions = ("move_many", "take_chosen", "give_chosen", "let_go_chosen")
    list_display_links = None
    search_fields = ("number",)
    search_help_text = _("Order, tracking or shop number, or e-mail")
    list_select_related: Any = []
    list_before_template = "backoffice/order/list_tabs.html"
    ordering = ("-pk",)

    @admin.action(description=_("Move the chosen orders …"))
    def move_many(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return moving.chosen(request, queryset.order_by("-pk").values_list("pk", flat=True)[: MOST + 1])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        # Prefetched, not joined: MariaDB would begin a join at the users and read them all.
        return Order.objects.prefetch_related("customer", "assigned_to", "items", "invoices")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Order], search_term: str) -> tuple[QuerySet[Order], bool]:
        if not may_look_up(request, search_term):
            return queryset.none(), False
        return (queryset.filter(matching(search_term)) if search_term.strip() else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(
            request, {"tabs": tabs(request), "shortcut": shortcut(request), "title": _("Orders"), **(extra_context or {})}
        )

    # --- Columns ---

    @admin.display(description=_("order"))
    def number_link(self, order: Order) -> SafeString:
        url = reverse("admin:workflow_order_change", args=[order.pk])
        hint = hint_pill(order) if order.state in TO_SCREEN else ""
        pills = (_hold_pill(order), _message_pill(order), hint)
        return format_html('<a class="bo-link bo-mono" href="{}">{}</a>{}{}{}', url, order.number, *pills)

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

    @admin.display(description=_("looked after by"))
    def looked_after(self, order: Order) -> SafeString | str:
        return format_html("<bdi>{}</bdi>", order.assigned_to.nickname) if order.assigned_to else "–"

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

    # --- On several at once ---

    @admin.action(description=_("Take them"), permissions=["assign"])
    def take_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        _give_each(request, queryset, to=acting(request).user)

    @admin.action(description=_("Let them go"), permissions=["assign"])
    def let_go_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        _give_each(request, queryset, to=None)

    @admin.action(description=_("Give them to…"), permissions=["assign"])
    def give_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """Asks to whom, then gives."""
        if "to" in request.POST:
            _give_each(request, queryset, to=person(request.POST["to"]))
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Give them to…"),
            "orders": queryset.order_by("-pk"),
            "people": candidates(),
            "back": request.get_full_path(),
        }
        return render(request, "backoffice/order/give_many.html", context)

    def has_assign_permission(self, request: HttpRequest) -> bool:
        return may_assign(acting(request))


def shortcut(request: HttpRequest) -> tuple[str, str, Any] | None:
    """Where the work of the chosen queue is done on one page: address, icon, words."""
    state = request.GET.get("state", "")
    if state == State.QUOTE_APPROVED and prices.may(request):
        return reverse("admin:prices"), "sell", _("Price these on one page")
    file = {
        State.DELIVERY_PAID: (ImportKind.TRACKING, _("Tracking numbers from a file")),
        State.ITEMS_PURCHASED: (ImportKind.ARRIVALS, _("Arrivals from a file")),
    }.get(state)  # type: ignore[call-overload]
    if file and file[0] in [kind.code for kind in allowed(acting(request))]:
        return f"{reverse('admin:imports')}?kind={file[0].value}", "upload_file", file[1]
    return None


def _give_each(request: HttpRequest, orders: QuerySet[Order], *, to: User | None) -> None:
    """One order per transaction; what already is so is no news."""
    each(request, orders.exclude(assigned_to=to).order_by("pk"), lambda order: give(order.pk, to=to, by=acting(request)))


def _hold_pill(order: Order) -> SafeString | str:
    if not order.hold_reason:
        return ""
    return format_html(' <span class="bo-pill bo-pill--bad" title="{}">{}</span>', order.hold_reason, _("hold"))


def _message_pill(order: Order) -> SafeString | str:
    """Amber while the answer is in time, red once it is late."""
    due = reply_due_at(order)
    if due is None:
        return ""
    words = _("answer by %(time)s") % {"time": localtime(due).strftime("%m-%d %H:%M")}
    tone = "bad" if due < now() else "staff"
    return format_html(' <span class="bo-pill bo-pill--{}" title="{}">{}</span>', tone, words, _("new message"))


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The quick filters above the list."""
    chosen = {name: request.GET.get(name, "") for name in ("waiting", "hold", "state", "late", "hint", "by", "message")}
    wanted: list[tuple[Any, dict[str, str]]] = [
        (_("All"), {}),
        (_("Waiting on us"), {"waiting": "staff"}),
        (_("On the customer"), {"waiting": "customer"}),
        (_("On the courier"), {"waiting": "courier"}),
        (_("Late"), {"late": "1"}),
        (_("On hold"), {"hold": "yes"}),
        (_("Mine"), {"by": "me"}),
        (_("Nobody's"), {"by": "nobody"}),
        (_("New messages"), {"message": "new"}),
        (_("Prohibited?"), {"hint": "prohibited"}),
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
