"""A fourth courier is one module (pigeon.py) and one line: everything that knows couriers knows it then, over real HTTP."""

import json
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from core.accounts import staff_sessions
from core.tests import pigeon
from integrations.couriers import COURIERS, guess_couriers
from integrations.signatures import house_signature
from integrations.tests.conftest import Reply, TinyServer
from workflow import health, tracking, work
from workflow.imports import cells
from workflow.models import CourierState, Order, Parcel
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.conftest import Jobs
from workflow.transitions import perform

pytestmark = pytest.mark.django_db

NUMBER = "PG1234561"


@pytest.fixture
def loft(monkeypatch) -> TinyServer:
    """Pigeon Post's own server, and the one line."""
    server = TinyServer()
    monkeypatch.setattr(pigeon, "BASE_URL", server.url)
    monkeypatch.setitem(COURIERS, pigeon.COURIER.code, pigeon.COURIER)
    yield server
    server.close()


def seen(word: str, *, minutes_ago: int) -> dict:
    return {"at": int((now() - timedelta(minutes=minutes_ago)).timestamp()), "word": word, "loft": "Incheon"}


def poll(server: TinyServer, reply: Reply) -> None:
    server.replies_with(reply)
    CourierState.objects.all().delete()  # whatever came before, it does not rest
    Parcel.objects.filter(next_poll_at__isnull=False).update(next_poll_at=now())
    tracking.poll_due()


def ready_order() -> Order:
    return factories.order_at(State.DELIVERY_PAID)


def label(order: Order) -> Order:
    warehouse = factories.by(Role.WAREHOUSE)
    work.label_parcel(order.pk, parcel_id=order.parcels.get().pk, courier="pigeon", tracking_number="pg 123-456 1", by=warehouse)
    return perform(order.pk, Order.ship, by=warehouse)


def test_its_numbers_are_known_and_its_name_is_offered(loft):
    assert guess_couriers("pg 123-456 1") == ["pigeon"]
    assert guess_couriers("PG1234562") == []
    assert [cells.courier(text, number=NUMBER) for text in ("", "Pigeon", "비둘기")] == ["pigeon"] * 3
    assert ("pigeon", "Pigeon Post") in work.courier_choices("US")
    assert "courier:pigeon" in [finding.name for finding in health.findings()]


def test_staff_find_it_in_the_label_form_and_among_the_settings(loft):
    order, client = ready_order(), Client()
    client.force_login(factories.staff(Role.OWNER))
    session = client.session
    staff_sessions.begin(session, two_steps=False)
    session.save()

    url, parcel = reverse("admin:workflow_order_work", args=[order.pk, "label_parcels"]), order.parcels.get()

    assert '<option value="pigeon">Pigeon Post</option>' in client.get(url).content.decode()
    said = {"version": order.version, f"courier-{parcel.pk}": "pigeon", f"tracking_number-{parcel.pk}": "pg 123-456 1"}
    assert client.post(url, said).status_code == 302
    assert order.parcels.get().tracking_number == NUMBER
    assert "Pigeon Post" in client.get(reverse("admin:couriers")).content.decode()


def test_a_parcel_is_followed_to_the_door_over_http(loft):
    order = label(ready_order())

    poll(loft, Reply("{}", 404))
    poll(loft, Reply("<html>", content_type="text/html"))
    assert (order.parcels.get().status, loft.seen[0].path) == ("pending", f"/where/{NUMBER}")
    poll(loft, Reply(json.dumps({"now": "aloft", "seen": [seen("aloft", minutes_ago=30)]})))
    assert order.parcels.get().status == "in_transit"
    way = [seen("aloft", minutes_ago=30), seen("rests on a roof", minutes_ago=20), seen("home", minutes_ago=10)]
    poll(loft, Reply(json.dumps({"now": "home", "seen": way})))

    assert factories.reload(order).state == State.DELIVERED
    assert list(order.parcels.get().scans.values_list("code", "status")) == [
        ("aloft", "in_transit"),
        ("rests on a roof", "in_transit"),
        ("home", "delivered"),
    ]
    assert order.parcels.get().tracking_url == f"https://pigeon.example/{NUMBER}"


def test_it_tells_by_itself_at_its_own_address(loft):
    order, at = label(ready_order()), int(time.time())
    body = json.dumps({"parcels": [{"number": NUMBER, "scans": [{"at": now().isoformat(), "status": "delivered"}]}]}).encode()

    def tell(secret: str) -> int:
        signed = {"X-Bidangil-Signature": f"t={at},v1={house_signature(body, secret=secret, at=at)}"}
        return Client().post("/webhooks/couriers/pigeon", body, content_type="application/json", headers=signed).status_code

    assert (tell("hawk"), tell("coo"), tell("coo")) == (400, 200, 200)
    assert Jobs().run(only="courier_messages") == ["workflow.courier_messages.settle_message"]
    assert factories.reload(order).state == State.DELIVERED
