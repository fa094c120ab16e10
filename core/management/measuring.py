"""Which pages are measured by `manage.py measure_lists`, and how: the whole way through Django, without the network.

Lists of the back office are found, not listed: each choice of each of their filters, and what people search for. The other pages that
look at many rows are named, and so is what customers see, and what the periodic jobs ask the database for (nothing is done about it).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import localdate, now

from core.accounts.models import User
from integrations.couriers import COURIERS
from workflow import courier_messages, disposal, photos, reminders, storage_bills, stuck
from workflow.models import Attempt, Inspection, Item, LedgerEntry, Order, Parcel, Photo, Refund, TrackLink
from workflow.process import Role, State
from workflow.tracking import rounds, telling

DEEP = 100
#: pages of no model
PAGES = (
    "prices", "imports", "unapplied", "screening_report", "settings", "promises", "couriers", "letters", "roles", "hand_over", "arrivals",
    "inspections",
)  # fmt: skip
#: what jobs look for; each is what the job itself calls first
JOBS: dict[str, Callable[[], object]] = {
    "couriers with something due": rounds.due_couriers,
    "parcels of a round": lambda: [list(rounds.due_parcels(code, at=now(), most=rounds.ROUND_PARCELS)) for code in COURIERS],
    "news to tell": lambda: list(telling.waiting()[: telling.STEP]),
    "what is stuck": lambda: list(stuck.undone_since(now())),
    "reminders": lambda: sum(1 for _reminder in reminders.due(now())),
    "storage to bill": storage_bills.outdated,
    "storage that is over": lambda: list(disposal.over()),
    "removed photos to sweep": lambda: list(photos.to_sweep()),
    "couriers' messages to settle": lambda: list(courier_messages.waiting()),
    "couriers' messages to forget": lambda: list(courier_messages.to_forget()),
}


@dataclass(frozen=True)
class Measured:
    name: str
    url: str
    #: nothing that was counted for others is kept
    is_cold: bool = False
    #: who looks; None: the owner
    user: User | None = None
    #: not a page, but this
    act: Callable[[], object] | None = None


@dataclass(frozen=True)
class Found:
    median_ms: float
    p95_ms: float
    queries: int
    sql_ms: float
    #: how many rows the database looked at (MariaDB's Handler_read counters); what grows with a table shows here first. SQLite: 0
    rows: int
    slowest: str


def owner() -> User:
    group = Group.objects.get(name=Role.OWNER)
    return User.objects.filter(groups=group, is_active=True).order_by("pk")[0]


def pages(*, only: str = "") -> Iterator[Measured]:
    """Everything that is measured; with `only`, what has that in its address or name."""
    every = [*_own_pages(), *_warehouse_pages(), *_order_pages(), *_customer_pages()]
    every += [Measured(f"job: {name}", "jobs", act=act) for name, act in JOBS.items()]
    for model, page in admin.site._registry.items():
        every += _list_pages(model, page)
    yield from (page for page in every if only in page.url or only in page.name)


def _own_pages() -> Iterator[Measured]:
    home = reverse("admin:index")
    yield from (Measured("home", home), Measured("home, cold", home, is_cold=True))
    live = reverse("admin:today")
    yield from (Measured("home's live parts", live), Measured("home's live parts, cold", live, is_cold=True))
    yield from (Measured(f"page of {name}", reverse(f"admin:{name}")) for name in PAGES)
    yield Measured("screening report, a year", f"{reverse('admin:screening_report')}?from={localdate() - timedelta(days=365)}")
    yield Measured("export of orders, form", reverse("admin:workflow_order_export"))


def _list_pages(model: Any, page: Any) -> Iterator[Measured]:
    name, url = str(model._meta.verbose_name_plural), page.list_url()
    yield Measured(name, url)
    request = RequestFactory().get(url)
    request.user = owner()
    deep = page.get_queryset(request).order_by("-pk").values_list("pk", flat=True)[DEEP * page.list_per_page :].first()
    if deep:
        yield Measured(f"{name}, page {DEEP}", f"{url}?before={deep}")
    for found in page.get_changelist_instance(request).filter_specs:
        for value, label in getattr(found, "lookup_choices", ()):
            yield Measured(f"{name}, {found.title}: {label}", f"{url}?{urlencode({found.parameter_name: value})}")
    for what, text in _searches(model).items() if page.search_fields else ():
        yield Measured(f"{name}, search for {what}", f"{url}?{urlencode({'q': text})}")


def _searches(model: Any) -> dict[str, str]:
    """What people look for in each list, of rows in the middle of the table; and something that is not there."""
    order = Order.objects.filter(state=State.COMPLETED, pk__gte=(_newest(Order) or 0) // 2).order_by("pk").first()
    if order is None:
        return {}
    item = Item.objects.filter(order=order).exclude(shop_order_number="").first()
    parcel = Parcel.objects.filter(order=order).first()
    paid = LedgerEntry.objects.filter(order=order).first()
    numbers = {
        "an e-mail": order.customer.email,
        "a tracking number": parcel.tracking_number if parcel else "",
        "a shop's number": item.shop_order_number if item else "",
    }
    payment = {"a payment": paid.payment_intent_id if paid else ""}
    known: dict[Any, dict[str, str]] = {
        Order: {"its number": order.number, **numbers},
        User: {"an e-mail": order.customer.email, "a nickname": order.customer.nickname},
        LedgerEntry: {"an order": order.number, **payment},
        Attempt: {"an order": order.number, **payment},
        Refund: {"an order": order.number, **payment},
    }
    said = known.get(model, {"an order": order.number})
    return {**{what: text for what, text in said.items() if text}, "nothing there": "zzzz-99999", "a number not there": "BD-ZZZZZ-ZZZZZ"}


def _newest(model: Any) -> int | None:
    return model.objects.order_by("-pk").values_list("pk", flat=True).first()


def _warehouse_pages() -> Iterator[Measured]:
    hand_over, arrivals = reverse("admin:hand_over"), reverse("admin:arrivals")
    for days in (1, 200):
        yield Measured(f"hand-over, {days} days ago", f"{hand_over}?day={localdate() - timedelta(days=days)}")
    item = Item.objects.exclude(shop_order_number="").filter(order__state=State.ITEMS_PURCHASED).select_related("order").last()
    if item:
        yield Measured("arrivals of an order", f"{arrivals}?q={item.order.number}")
        yield Measured("arrivals of a shop's number", f"{arrivals}?q={item.shop_order_number}")
    yield Measured("arrivals, nothing there", f"{arrivals}?q=123456789012")


def _order_pages() -> Iterator[Measured]:
    for state in (State.QUOTE_REQUESTED, State.SHIPPED, State.COMPLETED):
        pk = Order.objects.filter(state=state).order_by("-pk").values_list("pk", flat=True).first()
        if pk:
            yield Measured(f"an order, {state.label.lower()}", reverse("admin:workflow_order_change", args=[pk]))
    inspected, pictured = Inspection.objects.order_by("-pk").first(), Photo.objects.exclude(parcel=None).order_by("-pk").first()
    if inspected:
        yield Measured("an order with an inspection", reverse("admin:workflow_order_change", args=[inspected.item.order_id]))
    if pictured:
        yield Measured("an order with a parcel's photo", reverse("admin:workflow_order_change", args=[pictured.order_id]))


def _customer_pages() -> Iterator[Measured]:
    link = TrackLink.objects.filter(order__state=State.SHIPPED).select_related("order__customer").order_by("-pk").first()
    if link:
        yield Measured("the public tracking page", reverse("track", args=[link.token]))
        customer = link.order.customer
        yield Measured("API: an order with shipments", f"/api/v1/orders/{link.order.number}", user=customer)
        yield Measured("API: a customer's orders", "/api/v1/orders", user=customer)


def measure(page: Measured, *, runs: int) -> Found:
    """Twice to warm up, then so many times; the number of statements and the slowest one are the last run's."""
    client = Client(SERVER_NAME=next((host for host in settings.ALLOWED_HOSTS if host not in ("*", "[::1]")), "testserver"))
    client.force_login(page.user or owner())

    def look() -> int:
        if page.act is None:
            return client.get(page.url).status_code
        page.act()
        return 200

    look(), look()
    took = []
    for _run in range(runs):
        if page.is_cold:
            cache.clear()
        started = time.perf_counter()
        status = look()
        took.append((time.perf_counter() - started) * 1000)
        if status != 200:
            raise RuntimeError(f"{page.url}: {status}")
    if page.is_cold:
        cache.clear()
    first, before = _rows_read(), _rows_read()  # reading the counters counts, too
    with CaptureQueriesContext(connection) as queries:
        look()
    rows = _rows_read() - before - (before - first)
    slowest = max(queries.captured_queries, key=lambda query: float(query["time"]), default={"time": "0", "sql": ""})
    p95 = sorted(took)[max(0, round(len(took) * 0.95) - 1)]
    sql_ms = sum(float(query["time"]) for query in queries.captured_queries) * 1000
    return Found(statistics.median(took), p95, len(queries), sql_ms, rows, f"{slowest['time']} s: {slowest['sql']}")


def _rows_read() -> int:
    if connection.vendor != "mysql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read_%'")
        return sum(int(value) for _name, value in cursor.fetchall())
