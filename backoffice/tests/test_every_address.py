"""The great walk: every address of the back office, taken from the resolver, by everybody. Looking changes nothing, nothing breaks,
who may not see is refused, and no POST goes through without its token.

A new address is walked by itself. One with an argument that is not known here makes the test fail by the address's name: say in
`BY_ROUTE` or `BY_NAME` what stands for it.
"""

import itertools
import re
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils.timezone import now

from backoffice.access import SEEN_BY_ROLE
from backoffice.site import OWN_PAGES
from core.accounts import staff_sessions
from core.accounts.models import Locale, User
from core.notices.models import Notice
from core.outbox.models import Effect
from workflow import roles
from workflow.models import (
    Dispute,
    ExportLog,
    ImportBatch,
    Inspection,
    Item,
    LedgerEntry,
    LedgerKind,
    Order,
    Photo,
    PriceSave,
    Reconciliation,
    Refund,
    StaffTask,
    StripeEvent,
)
from workflow.process import TRANSITIONS, Role, State, roles_of
from workflow.readings import note_opened
from workflow.tests import factories
from workflow.work import TASKS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(settings.MYSQL, reason="who may see what does not depend on the engine"),
]

#: what a slug stands for, by the beginning of its route and its name
BY_ROUTE: dict[tuple[str, str], list[str]] = {
    ("workflow/order/<int:order_id>/do/", "transition"): [spec.name for spec in TRANSITIONS.values()],
    ("workflow/order/<int:order_id>/enter/", "task"): [task.name for task in TASKS],
    ("workflow/order/<int:order_id>/beside/", "name"): ["hold", "release", "ask", "answer"],
    ("workflow/order/<int:order_id>/receipt/", "language"): ["ko"],
    ("workflow/order/<int:order_id>/refund/", "name"): ["approve", "decline", "again", "hand"],
    ("workflow/order/<int:order_id>/unapplied/", "what"): ["apply", "give-back"],
    ("workflow/order/<int:order_id>/write/", "name"): ["message", "note"],
    ("workflow/order/<int:order_id>/inspection/", "what"): ["keep", "again", "undo"],
    ("workflow/order/<int:order_id>/photos/", "kind"): ["item"],
    ("imports/template/", "kind"): ["prices"],
    ("imports/template/", "form"): ["csv"],
    ("imports/sample/", "kind"): ["tracking"],
    ("couriers/", "code"): ["fedex"],
    ("letters/", "kind"): ["ship"],
    ("letters/", "locale"): ["ko"],
    ("workflow/order/export/", "what"): ["orders", "items", "parcels"],
}
#: which model a key belongs to where the address does not begin with it
MODELS = {
    "workflow/order/<int:order_id>/refund/<int:pk>/": Refund,
    "workflow/order/<int:order_id>/unapplied/<int:pk>/": LedgerEntry,
    "workflow/order/<int:order_id>/inspection/<int:pk>/": Inspection,
    "workflow/order/<int:order_id>/undo-arrival/<int:pk>/": Item,
    "workflow/order/<int:order_id>/photos/<slug:kind>/": Item,
    "workflow/order/<int:order_id>/photos/<int:photo_id>/": Photo,
    "unapplied/<int:pk>/": LedgerEntry,
    "prices/undo/": PriceSave,
    "imports/": ImportBatch,
}
BY_NAME = {"app_label": "workflow", "url": "no-such-page/", "content_type_id": "1"}
#: what everybody may ask for before signing in
OPEN = frozenset({"login", "sign_in_code", "sign_in_set_up"})
#: pages that Django's admin makes for every model alike
FRAMEWORKS_OWN = ("/history/", "/delete/", "/add/", "<path:object_id>/")
#: rows that looking may leave behind, by the beginning of the table's name
LEFT_BEHIND = ("django_session", "workflow_personaldataread", "workflow_presence", "backoffice_presence", "core_presence")


# --- Addresses ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    url: str
    route: str
    name: str | None

    @property
    def model(self):
        """The model whose page it is."""
        app, _slash, rest = self.route.partition("/")
        return next((m for m in admin.site._registry if (app, rest.partition("/")[0]) == (m._meta.app_label, m._meta.model_name)), None)


def addresses() -> list[Address]:
    """Each route once for every combination of its arguments."""
    found = []
    for pattern in patterns():
        route = re.sub(r"[\^$]", "", str(pattern.pattern))
        route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<re:\1>", route)
        names = re.findall(r"<\w+:(\w+)>", route)
        for values in itertools.product(*(values_of(name, route) for name in names)):
            url = route
            for value in values:
                url = re.sub(r"<\w+:\w+>", str(value), url, count=1)
            found.append(Address(f"/admin/{url}", route, pattern.name))
    return found


def patterns() -> list[URLPattern]:
    def below(entries):
        for entry in entries:
            if isinstance(entry, URLPattern):
                yield entry
            else:
                prefix = str(entry.pattern)
                yield from (_prefixed(prefix, inner) for inner in below(entry.url_patterns))

    site = next(entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", None) == "admin")
    return list(below(site.url_patterns))


@dataclass(frozen=True)
class _Prefixed:
    pattern: str
    name: str | None


def _prefixed(prefix: str, inner) -> _Prefixed:
    return _Prefixed(prefix + str(inner.pattern), inner.name)


def values_of(name: str, route: str) -> list:
    for (beginning, argument), values in BY_ROUTE.items():
        if route.startswith(beginning) and argument == name:
            return values
    if name in BY_NAME:
        return [BY_NAME[name]]
    if name == "what":
        return ["items"]  # an export that this list does not have
    if name == "order_id":
        return [Order.objects.get(customer__nickname="walked").pk]
    if name in ("pk", "object_id", "photo_id"):
        return [_row_of(route).pk]
    pytest.fail(f"/admin/{route}: say in BY_ROUTE what <{name}> stands for")
    raise AssertionError


def _row_of(route: str):
    model = next((model for beginning, model in MODELS.items() if route.startswith(beginning)), None)
    model = model or Address("", route, None).model or User
    row = model._base_manager.order_by("-pk").first()
    if row is None:
        pytest.fail(f"/admin/{route}: the fixture `world` has no {model.__name__}")
    return row


# --- The world ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(db) -> Order:
    """An order on its way, and a row of everything that has a page."""
    order = factories.order_at(State.SHIPPED)
    User.objects.filter(pk=order.customer_id).update(nickname="walked")
    StaffTask.objects.create(key="t", kind="silent", order=order, text="look")
    Refund.objects.create(order=order, amount_usd_cents=100, reason="late", key="k", status="proposed")
    Dispute.objects.create(stripe_id="dp_1", order=order, amount_cents=100, reason="general", status="needs_response")
    StripeEvent.objects.create(event_id="evt_1", type="x", payload={"id": "evt_1"})
    Notice.objects.create(key="n", kind="k", channel="email", recipient="a@example.com", locale=Locale.KOREAN, text="words")
    Reconciliation.objects.create(since=now(), ended_at=now())
    person = factories.staff(Role.OWNER)
    Inspection.objects.create(item=order.items.all()[0], number=1, verdict="damaged", note="wet", by=person)
    PriceSave.objects.create(by=person)
    ImportBatch.objects.create(
        kind="prices", status="ready", file_name="a.csv", sha256="0" * 64, size_bytes=1, read_as="CSV", made_by=person
    )
    ExportLog.objects.create(user=person, list_name="orders", format="csv", rows=1)
    Photo.objects.create(order=order, item=order.items.first(), key="k", small_key="s", width=1, height=1, bytes=1, added_by=person)
    factories.rate_card(days=1)
    note_opened(factories.staff(Role.SUPPORT), customer_id=order.customer_id, order=order, fields=["email"])
    assert LedgerEntry.objects.filter(kind=LedgerKind.CAPTURE).exists()
    assert Effect.objects.exists()
    return order


def books() -> dict[str, int]:
    """A checksum of every table that looking must leave alone."""
    return {
        model._meta.db_table: hash(tuple(model._base_manager.order_by("pk").values_list(*_columns(model))))
        if model._meta.pk.name != "session_key"
        else 0
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not model._meta.db_table.startswith(LEFT_BEHIND)
    }


def _columns(model) -> list[str]:
    kinds = {"JSONField", "BinaryField"}
    return [field.attname for field in model._meta.concrete_fields if field.name != "last_login" and field.get_internal_type() not in kinds]


def member(*held: str, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(factories.staff(*held))
    session = client.session
    staff_sessions.begin(session, two_steps=True)
    session.save()
    return client


def sees(role: str, model) -> bool:
    seen = SEEN_BY_ROLE.get(model._meta.label_lower)
    return role in seen if seen is not None else f"view_{model._meta.model_name}" in roles.codenames(role)


# --- The walk -------------------------------------------------------------------------------------------------------------


def test_everybody_looks_at_everything_and_nothing_changes(world):
    clients = {role: member(role) for role in Role}
    nobody, stranger = member(), Client()
    walk = addresses()
    before = books()

    opened = sum(_owner_looks(clients[Role.OWNER], address) for address in walk)
    for address in one_of_each(walk):
        for role, client in clients.items():
            if role != Role.OWNER and not address.route.endswith(FRAMEWORKS_OWN):
                _looks(client, role, address)
        if address.name not in OPEN | {"logout"}:
            response = stranger.get(address.url)
            assert (response.status_code, response.url.partition("?")[0]) == (302, "/admin/login/"), address
        if address.name not in OWN_PAGES | OPEN:
            assert nobody.get(address.url).status_code == 403, address

    assert books() == before
    # the walk has not walked past closed doors
    assert opened > len(walk) // 2


def _looks(client: Client, role: str, address: Address):
    response = client.get(address.url)
    allowed = {200, 302, 400, 403, 404, 405}
    if address.model and not sees(role, address.model):
        allowed = {302, 403, 404, 405}
    assert response.status_code in allowed, (role, address)
    return response


def _owner_looks(client: Client, address: Address) -> bool:
    """Whether there was a page; it has no script or handler of its own, which the policy would stop."""
    page = _looks(client, Role.OWNER, address)
    if page.status_code == 200 and page["Content-Type"].startswith("text/html"):
        text = page.content.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")", text), address
        assert not re.search(r"<[^>]+\son(click|change|submit|load|input|error)=", text), address
        assert not re.search(r"<(script|link)[^>]+(src|href)=\"(https?:)?//", text), address
    return page.status_code == 200


def one_of_each(walk: list[Address]) -> list[Address]:
    """One address for each route: the dialogs of one order are alike for who may not see orders."""
    return list({address.route: address for address in reversed(walk)}.values())


def test_nobody_changes_anything_without_a_token(world):
    owner = member(Role.OWNER, csrf=True)
    walk, before = addresses(), books()
    statuses = {address.url: owner.post(address.url, {"version": world.version, "reason": "x"}).status_code for address in walk}
    assert {url: status for url, status in statuses.items() if status != 403} == {}
    assert books() == before


def test_pressing_what_is_not_for_a_role_is_refused(world):
    """Pages of models that a role does not see, and moves that it may not make, posted to with a token; by one such role in turn."""
    clients = {role: member(role) for role in Role}
    nobody, walk = member(), addresses()
    before = books()
    for turn, address in enumerate(walk):
        refused = [role for role in Role if not may_press(role, address)]
        if not refused:
            assert address.name in OWN_PAGES | OPEN or nobody.post(address.url).status_code == 403, address
            continue
        role = refused[turn % len(refused)]
        response = clients[role].post(address.url, {"version": world.version, "reason": "not mine"})
        # an old address of a page only leads on to the page
        leads_on = response.status_code == 302 and response.url == f"{address.url}change/"
        assert leads_on or response.status_code in {403, 404, 405}, (role, address)
    assert books() == before


def may_press(role: str, address: Address) -> bool:
    move = re.search(r"/do/(\w+)/$", address.url)
    if move and not any(role in roles_of(TRANSITIONS[move[1]], state) for state in TRANSITIONS[move[1]].sources):
        return False
    return address.model is None or sees(role, address.model)


def test_every_page_says_what_the_browser_may_do(world):
    owner = member(Role.OWNER)
    for url in ("/admin/", "/admin/login/", f"/admin/workflow/order/{world.pk}/change/", "/admin/no-such-page/", "/admin/jsi18n/"):
        response = owner.get(url)
        policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
        assert "'unsafe-inline'" not in policy["script-src"], url
        assert policy["frame-ancestors"] == policy["default-src"] == "'none'", url
        assert (response["Cache-Control"], response["X-Frame-Options"]) == ("no-store", "DENY"), url
