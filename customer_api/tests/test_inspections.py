"""What customers see of an inspected item, and how they decide about it."""

import pytest

from workflow import inspections
from workflow.models import Inspection, Order, Photo
from workflow.process import Role, State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def warehouse():
    return factories.by(Role.WAREHOUSE)


@pytest.fixture
def order(minji, warehouse) -> Order:
    """Its first item is damaged, with a photo of it and one that was removed."""
    order = factories.order_at(State.ITEMS_PURCHASED, owner=minji)
    item = order.items.get(position=1)
    found = inspections.inspect_item(order.pk, item_id=item.pk, verdict="damaged", note="the box is wet", by=warehouse)
    for key, removed_at in (("a", None), ("b", found.at)):
        Photo.objects.create(
            order=order, item=item, inspection=found, key=f"{key}.jpg", small_key=f"{key}-small.jpg", width=4, height=3, bytes=9,
            added_by=warehouse.user, removed_at=removed_at,
        )  # fmt: skip
    return factories.reload(order)


def ask(order, warehouse):
    inspections.ask_about(order.pk, inspection_ids=[Inspection.objects.get().pk], text="What shall we do?", by=warehouse)


def address(order, position=1):
    return f"/orders/{order.number}/items/{position}/inspection"


def test_an_item_shows_what_was_found(app, order):
    first, second = app.get(f"/orders/{order.number}")["items"]
    found = first["inspection"]
    photos, at = found.pop("photos"), found.pop("at")
    assert found == {
        "number": 1, "verdict": "damaged", "verdict_label": "damaged", "note": "the box is wet", "asked": False, "answer_by": None,
        "choice": "", "answer": "", "outcome": "",
    }  # fmt: skip
    assert at.startswith("20")
    assert [sorted(photo) for photo in photos] == [["expires_at", "small_url", "url"]]
    assert all(photo[name].startswith("http://") and "/photos/" in photo[name] for photo in photos for name in ("url", "small_url"))
    assert second["inspection"] is None
    assert app.get("/orders")["items"][0]["items"][0]["inspection"]["verdict"] == "damaged"


def test_the_customer_decides_once_and_a_repeated_request_changes_nothing(app, order, warehouse):
    ask(order, warehouse)
    asked = app.get(f"/orders/{order.number}").json
    assert (asked["question"], asked["waiting_on"], asked["items"][0]["inspection"]["asked"]) == ("What shall we do?", "customer", True)
    body = {"choice": "keep", "text": "it is fine"}
    answer = app.post(address(order), body, idempotency_key="k1")
    assert answer.status == 200, answer
    assert (answer["question"], answer["waiting_on"]) == ("", "staff")
    found = answer["items"][0]["inspection"]
    assert (found["choice"], found["answer"]) == ("keep", "it is fine")
    version = factories.reload(order).version
    again = app.post(address(order), body, idempotency_key="k1")
    assert (again.status, again.json, factories.reload(order).version) == (200, answer.json, version)
    assert app.post(address(order), body).is_problem(409, "answered_already")
    label = app.get(f"/orders/{order.number}/events")["items"][-1]["label"]
    assert label == "You decided about an inspected item"


def test_nothing_to_answer(app, order, warehouse):
    assert app.post(address(order), {"choice": "keep"}).is_problem(409, "nothing_asked")
    assert app.post(address(order, 2), {"choice": "keep"}).is_problem(409, "nothing_asked")
    assert app.post(address(order, 99), {"choice": "keep"}).is_problem(404, "not_found")
    ask(order, warehouse)
    inspections.end_inspection(order.pk, inspection_id=Inspection.objects.get().pk, outcome="looked_again", by=warehouse)
    assert app.post(address(order), {"choice": "keep"}).is_problem(409, "inspection_ended")


@pytest.mark.parametrize(
    "body", [{"choice": "burn"}, {}, {"choice": "other"}, {"choice": "keep", "text": "x" * 1001}, {"choice": "keep", "extra": 1}]
)
def test_what_is_no_answer(app, order, warehouse, body):
    ask(order, warehouse)
    assert app.post(address(order), body).status == 422
    assert Inspection.objects.get().choice == ""


def test_other_people_find_nothing(stranger, order, warehouse):
    ask(order, warehouse)
    assert stranger.post(address(order), {"choice": "keep"}).is_problem(404, "not_found")
    assert Inspection.objects.get().choice == ""
