"""The home page: queues, clocks, late lists, figures and machines; who sees what, at what cost, and its live parts."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from core.models import Heartbeat
from core.outbox.models import Effect
from workflow import figures, inspections, promises, transitions, waiting, work
from workflow.models import CourierMessage, CourierState, DailyFigure, Dispute, Holiday, Order, Promise, PromiseChange, Refund, StaffTask
from workflow.models.promises import Unit
from workflow.process import Role, State
from workflow.promises import DEFAULTS, Target
from workflow.tests.factories import by, new_order, order_at, reload

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/order/"
WAREHOUSE = {"inspections", "storage", "ready"}


def since(order: Order, *, hours: float) -> Order:
    at = now() - timedelta(hours=hours)
    Order.objects.filter(pk=order.pk).update(state_since=at, clock_since=at)
    return reload(order)


def home(client):
    cache.clear()
    return client.get("/admin/").context["home"]


def counts(cards) -> dict[str, int]:
    return {card.key: card.count for card in cards if card.count}


def queries(client, url) -> list[str]:
    client.get(url)
    cache.clear()
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in found]


def test_what_this_person_moves_comes_first(sign_in):
    older, _newer = since(new_order(), hours=72), new_order()
    order_at(State.DELIVERY_PAID)
    found = home(sign_in(Role.BUYER))
    assert counts(found["mine"]) == {State.QUOTE_REQUESTED: 2}
    assert found["mine"][0].oldest_at == older.state_since
    assert counts(found["others"]) == {State.DELIVERY_PAID: 1}


def test_every_card_leads_to_its_list(owner):
    order = order_at(State.ITEMS_PAID)
    card = next(card for card in home(owner)["mine"] if card.key == State.ITEMS_PAID)
    assert [row.number for row in owner.get(card.url).context["cl"].result_list] == [order.number]


def test_as_many_are_late_as_the_late_list_shows_and_neither_held_nor_asked_ones(owner):
    # given a promise of 24 hours
    late_one, in_time, held, asked = (since(new_order(), hours=hours) for hours in (24.01, 23.9, 90, 80))
    transitions.hold(held.pk, reason="check", by=by(Role.SUPPORT))
    transitions.ask_customer(asked.pk, question="Which size?", by=by(Role.BUYER))
    since(order_at(State.ITEMS_PURCHASED), hours=6 * 24)
    # then one is late, and the clock is that of the oldest that waits for us
    card = next(card for card in home(owner)["mine"] if card.key == State.QUOTE_REQUESTED)
    assert (card.count, card.held, card.asked, card.late) == (4, 1, 1, 1)
    assert (card.clock.since, card.clock.tone, card.oldest_at) == (late_one.state_since, "bad", held.state_since)
    assert [row.number for row in owner.get(card.late_url).context["cl"].result_list] == [late_one.number]
    assert [row.number for row in owner.get(LIST, {"late": "1"}).context["cl"].result_list] == [late_one.number]
    # and without it, the next one's clock is amber
    transitions.hold(late_one.pk, reason="check", by=by(Role.SUPPORT))
    card = next(card for card in home(owner)["mine"] if card.key == State.QUOTE_REQUESTED)
    assert (card.late, card.clock.since, card.clock.tone) == (0, in_time.state_since, "staff")


def test_what_waits_beside_the_orders_has_its_clock_too(sign_in):
    order, day = new_order(), timedelta(hours=25)
    Refund.objects.create(order=order, amount_usd_cents=100, reason="late", key="k", status="proposed", created_at=now() - day)
    Refund.objects.create(order=order, amount_usd_cents=100, reason="late", key="f", status="failed")
    StaffTask.objects.create(key="unapplied:pi_1", kind="unapplied_money", order=order, text="t", created_at=now() - day)
    StaffTask.objects.create(key="t", kind="silent", order=order, text="t")
    Dispute.objects.create(stripe_id="dp", order=order, amount_cents=1, reason="g", status="needs_response", due_by=now() - day)
    Effect.objects.create(subject=order.subject, name="n", batch="b", quarantined_at=now())
    found = home(sign_in(Role.FINANCE))
    assert {card.key: (card.count, card.late) for card in found["mine"] if card.count and card.key not in State.values} == {
        "refunds": (1, 1),
        "failed": (1, 0),
        "unapplied": (1, 1),
        "disputes": (1, 1),
    }
    assert {card.key: (card.count, card.late) for card in found["beside"]} == {"tasks": (2, 0), "stuck": (1, 0)}
    # a buyer sees neither refunds nor unapplied money nor disputes
    found = home(sign_in(Role.BUYER))
    assert {card.key for card in found["mine"] + found["beside"]} - set(State.values) == {"tasks", "stuck"}


def test_the_warehouse_sees_what_waits_in_it(sign_in):
    # given an item found damaged, storage that ends and storage that is over, and a parcel that should have left yesterday
    found, over, ready = order_at(State.ITEMS_PURCHASED), order_at(State.AWAITING_DELIVERY_PAYMENT), order_at(State.DELIVERY_PAID)
    item = found.items.first()
    inspections.inspect_item(found.pk, item_id=item.pk, verdict="damaged", note="torn", by=by(Role.WAREHOUSE))
    soon = order_at(State.AWAITING_DELIVERY_PAYMENT)
    Order.objects.filter(pk=over.pk).update(storage_since=now() - timedelta(days=61))
    half = {"storage_since": now() - timedelta(days=24), "storage_used_s": 30 * 86_400, "storage_began_at": now() - timedelta(days=90)}
    Order.objects.filter(pk=soon.pk).update(**half)
    label = {"courier": "ems", "tracking_number": "EG123456785KR"}
    work.label_parcel(ready.pk, parcel_id=ready.parcels.get().pk, **label, by=by(Role.WAREHOUSE))
    since(ready, hours=30)
    # then those who do something about it have it among their own, and every number leads to as many
    client = sign_in(Role.WAREHOUSE)
    mine = {card.key: card for card in home(client)["mine"]}
    assert {key: (mine[key].count, mine[key].late) for key in WAREHOUSE} == {"inspections": (1, 0), "storage": (2, 1), "ready": (1, 1)}
    for key, rows in (("storage", 2), ("inspections", 1), ("ready", 1)):
        context = client.get(mine[key].url).context
        assert len(context["cl"].result_list if "cl" in context else context.get("rows") or context["ready"]) == rows, key
    assert [row.pk for row in client.get(mine["storage"].late_url).context["cl"].result_list] == [over.pk]
    assert ">1 over</a>" in client.get("/admin/").content.decode()
    # and the others what is theirs
    seen = {role: {card.key for part in ("mine", "beside") for card in home(sign_in(role)).get(part, ())} & WAREHOUSE for role in Role}
    assert {role: keys for role, keys in seen.items() if keys} == {
        Role.OWNER: WAREHOUSE,
        Role.WAREHOUSE: WAREHOUSE,
        Role.SUPPORT: {"inspections", "storage"},
    }


def test_money_is_shown_to_those_who_see_the_ledger(sign_in):
    DailyFigure.objects.create(day=localdate(), name="money_in", value=123456)
    DailyFigure.objects.create(day=localdate(), name="money_out", value=3456)
    seen = {role: "$1,234.56" in sign_in(role).get("/admin/").content.decode() for role in Role.values}
    assert {role for role, is_seen in seen.items() if is_seen} == {Role.OWNER, Role.FINANCE}
    chart = home(sign_in(Role.FINANCE))["money_chart"]
    assert [part["data"][-1] for part in json.loads(chart.data)["datasets"]] == [1234.56, 34.56]
    assert "money_chart" not in home(sign_in(Role.BUYER))
    # who has no order permission sees no queue, no machine and no figure
    assert {name for name, value in home(sign_in(Role.MODERATOR)).items() if value} <= {"now"}


def test_the_machines_say_how_they_do(owner, sign_in):
    before = {line.title: line.tone for line in home(owner)["machines"]}
    assert (str(next(iter(before))), next(iter(before.values()))) == ("Worker", "bad")
    Heartbeat.objects.create(name="w", beat_at=now(), pid=1, host="h", detail={"default": {}, "slow": {}})
    worker = home(owner)["machines"][0]
    assert (worker.tone, worker.words) == ("good", "1 running: default, slow")
    assert "machines" not in home(sign_in(Role.MODERATOR))


def test_it_costs_the_same_however_much_waits(owner):
    def more(count: int) -> None:
        for number in range(count):
            order = since(new_order(items=1), hours=number)
            StaffTask.objects.create(key=f"{order.pk}", kind=f"k{number % 3}", order=order, text="t")

    more(1)
    few, few_live = queries(owner, "/admin/"), queries(owner, "/admin/today/")
    more(50)
    assert len(queries(owner, "/admin/")) == len(few) <= 44
    assert len(queries(owner, "/admin/today/")) == len(few_live) <= 39


def test_the_live_parts_are_those_of_the_page(owner, client):
    new_order()
    answer = owner.get("/admin/today/")
    html = answer.content.decode()
    for part in ('id="today-queues"', 'id="today-side"', 'id="today-badges"'):
        assert part in html
    assert "<html" not in html
    assert 'data-queue="quote_requested"' in html
    assert owner.post("/admin/today/").status_code == 405
    assert client.get("/admin/today/").status_code == 302


def test_a_count_is_made_anew_once_staff_were_told(db, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(waiting, "monotonic", lambda: clock[0])
    cache.clear()
    count = lambda: next(queue.count for queue in waiting.orders() if queue.state == State.QUOTE_REQUESTED)  # noqa: E731
    assert count() == 0
    new_order()
    assert count() == 0  # not oftener than once a second
    clock[0] += 1
    assert count() == 1
    Order.objects.update(hold_reason="silently")
    clock[0] += 9
    with CaptureQueriesContext(connection) as found:
        assert count() == 1
    assert len(found) == 1


# --- The settings page ----------------------------------------------------------------------------------------------------

PROMISES = "/admin/promises/"


def form(**changed) -> dict[str, str]:
    said = {key: str(target.amount) for key, target in DEFAULTS.items()}
    said |= {f"{key}_unit": str(target.unit) for key, target in DEFAULTS.items()}
    days = "\n".join(f"{day} {name}" for day, name in Holiday.objects.values_list("day", "name"))
    return {**said, "holidays": days, "seen": str(promises.last_change()), **changed}


def everything() -> tuple:
    return tuple(list(model.objects.order_by("pk").values_list()) for model in (Promise, Holiday, PromiseChange))


def test_the_owner_changes_promises_and_holidays_and_it_is_on_record(owner):
    days = form()["holidays"] + "\n2027-07-19 Constitution Day\n"
    said = form(quote_requested="3", quote_requested_unit="business_days", holidays=days)
    assert owner.post(PROMISES, said).status_code == 302
    assert promises.in_force().targets == {**DEFAULTS, State.QUOTE_REQUESTED: Target(3, Unit.BUSINESS_DAYS)}
    assert Holiday.objects.get(day="2027-07-19").name == "Constitution Day"
    assert list(PromiseChange.objects.values_list("what", "was", "becomes", "by")) == [
        ("quote_requested", "24 hours", "3 business_days", owner.user.pk),
        ("2027-07-19", "", "Constitution Day", owner.user.pk),
    ]
    assert "24 hours" in owner.get(PROMISES).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"items_paid": "-1"},
        {"items_paid": "99999"},
        {"items_paid": ""},
        {"items_paid_unit": "years"},
        {"holidays": "2027-02-30 No day"},
        {"holidays": "2027-01-01"},
        {"holidays": "2027-01-01 a\n2027-01-01 b"},
        {"holidays": "0001-01-01 long ago"},
        {"holidays": "2027-01-01 " + "x" * 81},
        {"seen": "99"},
        {"seen": "x"},
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(owner, wrong):
    before = everything()
    answer = owner.post(PROMISES, form(**wrong))
    assert answer.status_code == 422
    assert answer.context["form"].errors
    assert everything() == before


def test_others_read_the_promises_and_may_not_change_them(sign_in):
    before = everything()
    for role in (Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT):
        client = sign_in(role)
        assert client.get(PROMISES).status_code == 200
        assert client.post(PROMISES, form(items_paid="1")).status_code == 403
    assert sign_in(Role.MODERATOR).get(PROMISES).status_code == 403
    assert everything() == before


def test_figures_are_not_reckoned_by_looking(owner):
    order_at(State.ITEMS_PAID)
    owner.get("/admin/")
    assert not DailyFigure.objects.exists()
    figures.reckon()
    assert [bar.words[2] for bar in home(owner)["stays"]] == [1, 1, 1]
    assert Decimal(json.loads(home(owner)["rate_chart"].data)["datasets"][0]["data"][-1]) == 1400


def test_a_courier_in_an_outage_is_seen_at_home_and_on_its_page(sign_in):
    since = now() - timedelta(minutes=20)
    error = "Unavailable: fedex: <b>down</b>"
    CourierState.objects.create(code="fedex", failing_since=since, rests_until=now() + timedelta(minutes=10), last_error=error)
    owner = sign_in(Role.OWNER)

    (line,) = [line for line in home(owner)["machines"] if line.title == "FedEx"]
    page = owner.get("/admin/couriers/").content.decode()

    assert (line.tone, str(line.words)) == ("staff", "Is not followed at present; its parcels wait.")
    assert "It is asked again at" in page
    assert "&lt;b&gt;down&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("minutes", "attempts", "settled", "tone", "words"),
    [
        (0, 0, False, "good", "A message waits to be taken in."),
        (2, 1, False, "staff", "A message waits to be taken in."),
        (6, 0, False, "bad", "A message waits to be taken in."),
        (6, 5, False, "staff", "1 message could not be taken in."),
        (25 * 60, 5, False, "good", "Everything heard is settled."),
        (6, 1, True, "good", "Everything heard is settled."),
    ],
)
def test_couriers_messages_that_wait_are_seen_at_home(owner, minutes, attempts, settled, tone, words):
    received_at = now() - timedelta(minutes=minutes)
    settled_at = now() if settled else None
    CourierMessage.objects.create(courier="fedex", digest="d", body="{}", attempts=attempts, received_at=received_at, settled_at=settled_at)
    (line,) = [line for line in home(owner)["machines"] if line.title == "Couriers’ messages"]
    assert (line.tone, line.words) == (tone, words)
