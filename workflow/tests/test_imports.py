"""Files that staff bring in: what is read, what is refused with which words, and that nothing or all of it is applied."""

import pytest
from django_q.models import OrmQ

from core.errors import BidangilError, Conflict
from core.outbox.models import Effect
from workflow import audit
from workflow.imports import applying, claims, moving, staging, undoing
from workflow.models import ImportBatch, ImportRow, ImportStatus, Item, Order, OrderEvent, Parcel
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import EMS_NUMBER, FEDEX_NUMBER, order_at, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer():
    return factories.by(Role.BUYER)


@pytest.fixture
def warehouse():
    return factories.by(Role.WAREHOUSE)


def bring(text: str | bytes, *, by, kind: str = "prices", name: str = "prices.csv") -> ImportBatch:
    return staging.stage(kind=kind, name=name, content=text.encode() if isinstance(text, str) else text, by=by)


def errors(batch: ImportBatch) -> dict[int, str]:
    return dict(batch.rows.filter(outcome="bad").values_list("number", "error"))


def prices(order: Order) -> list[int | None]:
    return list(order.items.order_by("position").values_list("price_krw", flat=True))


def last_event(order: Order) -> tuple:
    event = order.events.order_by("number").last()
    return event.name, event.door, event.facts


# --- Reading --------------------------------------------------------------------------------------------------------------

ENGLISH = 'order,item,price\n{0},1,12000\n{0},2,"₩9,900"\n'
KOREAN = "주문번호;상품명;순번;단가\n{0};한글 😀;1;１２０００\n{0};;2;9,900원\n"
KOREAN_TABS = "주문번호\t순번\t가격(원)\n{0}\t1\t12,000\n\n{0}\t2\t9900\n"


@pytest.mark.parametrize(
    ("text", "encoding", "read_as"),
    [
        (ENGLISH, "utf-8", "CSV · UTF-8 · ,"),
        (ENGLISH, "utf-8-sig", "CSV · UTF-8 · ,"),
        (KOREAN, "utf-16", "CSV · UTF-16 · ;"),
        (KOREAN_TABS, "cp949", "CSV · CP949 · TAB"),
        (KOREAN_TABS, "euc-kr", "CSV · CP949 · TAB"),
    ],
)
def test_encodings_separators_headers_and_number_forms(buyer, text, encoding, read_as):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(text.format(order.number.lower()).encode(encoding), by=buyer)
    assert (batch.read_as, batch.status, batch.good_count, errors(batch)) == (read_as, ImportStatus.READY, 2, {})
    assert prices(order) == [None, None]
    applying.confirm(batch.pk, only_good=False, by=buyer)
    assert prices(order) == [12_000, 9_900]


def test_an_emoji_in_a_name_survives_the_joined_update(buyer):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(KOREAN.format(order.number), by=buyer)
    applying.confirm(batch.pk, only_good=False, by=buyer)
    assert order.items.get(position=1).name == "한글 😀"
    undoing.request(batch.pk, by=buyer)
    assert list(order.items.values_list("name", "price_krw")) == [("", None), ("", None)]


def test_an_imported_name_is_looked_through_for_restricted_goods_and_stands_in_the_event(buyer):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(f"order,item,price,name\n{order.number},1,100,Whisky\n{order.number},2,200,\n", by=buyer)
    applying.confirm(batch.pk, only_good=False, by=buyer)
    assert last_event(order)[2] == {"prices_krw": {"1": 100, "2": 200}, "names": {"1": "Whisky"}, "import": batch.pk}
    assert ([hint["code"] for hint in order.items.get(position=1).hints], reload(order).hint) == (["alcohol"], "prohibited")
    undoing.request(batch.pk, by=buyer)
    assert last_event(order)[2]["names"] == {"1": ""}
    assert (order.items.get(position=1).hints, reload(order).hint) == (None, "")
    assert list(audit.broken_rows()) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("1e9", "“1e9” was shortened by a spreadsheet. Format the column as text and type all digits."),
        ("NaN", "“NaN” is not a whole number."),
        ("-5", "“-5” is less than nothing."),
        ("1.5", "“1.5” has decimals; a whole number is needed."),
        ("12,00", "“12,00” is not a whole number."),
        ("$12", "“$12” is not a whole number."),
        ("=1+1", "“=1+1” is not a whole number."),
        ("0", "A whole number from 1 to 1000000000 is needed."),
        ("1000000001", "A whole number from 1 to 1000000000 is needed."),
    ],
)
def test_numbers_that_are_none_are_refused_in_words(buyer, typed, words):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(f'order,item,price\n{order.number},1,"{typed}"\n{order.number},2,100\n', by=buyer)
    assert errors(batch) == {2: words}
    with pytest.raises(Conflict) as refused:
        applying.confirm(batch.pk, only_good=False, by=buyer)
    assert refused.value.code == "bad_rows"
    assert prices(order) == [None, None]


def test_every_bad_row_says_why_with_its_number(buyer):
    order, paid, held = order_at(State.QUOTE_APPROVED), order_at(State.ITEMS_PAID), order_at(State.QUOTE_APPROVED)
    Order.objects.filter(pk=held.pk).update(hold_reason="address unclear")
    lines = ["주문번호,상품번호,가격", f"{order.number},1,100", f"{order.number},1,200", f"{paid.number},1,100", "BD-00000-00000,1,100"]
    lines += [f"{held.number},1,100", "what,1,100", f"{order.number},9,100", f"{order.number},x,100", f"{order.number},2,"]
    batch = bring("\n".join(lines), by=buyer)
    assert errors(batch) == {
        2: "The same is in rows 2, 3.",
        3: "The same is in rows 2, 3.",
        4: "This is not possible while the order is “Items paid, to be bought”.",
        5: "There is no order with this number.",
        6: "The order is on hold: address unclear",
        7: "“what” is not an order number; they look like BD-XXXXX-XXXXX.",
        8: "The order has no item 9.",
        9: "“x” is not an item's number; they are 1, 2, 3 …",
    }
    assert (batch.good_count, batch.same_count, batch.bad_count) == (0, 1, 8)
    with pytest.raises(Conflict) as refused:
        applying.confirm(batch.pk, only_good=True, by=buyer)
    assert refused.value.code == "nothing_to_apply"
    assert prices(order) == [None, None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order,price\nBD,1\n", "These columns are missing in the first row: item (순번). Found: order, price."),
        ("order,item,price,단가\nBD,1,1,1\n", "The column “price (가격)” stands there twice."),
        ("order,item,price\n", "Below the header the file has no rows."),
        ('order,item,price\nBD,1,"1\n', "Line 2 of the file is not proper CSV: a quotation mark is not closed?"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(buyer, text, words):
    with pytest.raises(BidangilError) as refused:
        bring(text, by=buyer)
    assert (str(refused.value), refused.value.status_code) == (words, 422)
    assert not ImportBatch.objects.exists()


# --- Applying -------------------------------------------------------------------------------------------------------------


def test_one_event_per_order_through_the_door_of_imports(buyer):
    order = order_at(State.QUOTE_APPROVED)
    version, events = order.version, order.last_event_number
    batch = bring(ENGLISH.format(order.number), by=buyer)
    assert (reload(order).version, prices(order)) == (version, [None, None])
    applied = applying.confirm(batch.pk, only_good=False, by=buyer)
    assert (applied.status, applied.applied_count, applied.order_count) == (ImportStatus.APPLIED, 2, 1)
    fresh = reload(order)
    assert (fresh.version, fresh.last_event_number, fresh.state) == (version + 1, events + 1, State.QUOTE_APPROVED)
    assert last_event(order) == ("price_items", "import", {"prices_krw": {"1": 12_000, "2": 9_900}, "import": batch.pk})
    assert list(audit.broken_rows()) == []


def test_the_streams_hear_of_it_as_of_any_entry(buyer):
    from django_eventstream.models import Event

    order, other = order_at(State.QUOTE_APPROVED), order_at(State.QUOTE_APPROVED)
    batch = bring(ENGLISH.format(order.number) + f"{other.number},1,5\n", by=buyer)
    Event.objects.all().delete()
    applying.confirm(batch.pk, only_good=False, by=buyer)
    told = list(Event.objects.order_by("id").values_list("channel", "type"))
    assert sorted(told[:2]) == sorted((f"user:{one.customer_id}", "order.item") for one in (order, other))
    assert told[2:] == [("staff", "order.item")] * 2


def test_only_the_good_rows(buyer):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(ENGLISH.format(order.number) + "BD-00000-00000,1,100\n", by=buyer)
    applied = applying.confirm(batch.pk, only_good=True, by=buyer)
    assert (applied.applied_count, applied.skipped_count, prices(order)) == (2, 1, [12_000, 9_900])


def test_what_changed_since_the_check_stops_all_of_it_or_is_left_out(buyer):
    order, other = order_at(State.QUOTE_APPROVED), order_at(State.QUOTE_APPROVED)
    text = ENGLISH.format(order.number) + f"{other.number},1,100\n"
    whole, good = bring(text, by=buyer), bring(text, by=buyer)
    Item.objects.filter(order=other, position=1).update(price_krw=7)
    stopped = applying.confirm(whole.pk, only_good=False, by=buyer)
    assert (stopped.status, stopped.error) == (ImportStatus.READY, "Nothing was applied: 1 rows have changed since the check.")
    assert (prices(order), prices(other)) == ([None, None], [7, None])
    assert errors(stopped) == {4: "Somebody changed this meanwhile. Check the file again."}
    assert staging.check_again(whole.pk, by=buyer).pk == whole.pk
    assert ImportBatch.objects.get(pk=whole.pk).good_count == 3
    left_out = applying.confirm(good.pk, only_good=True, by=buyer)
    assert (left_out.applied_count, left_out.skipped_count) == (2, 1)
    assert (prices(order), prices(other)) == ([12_000, 9_900], [7, None])


def test_a_second_confirmation_is_told_so_and_applies_nothing(buyer):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(ENGLISH.format(order.number), by=buyer)
    applying.confirm(batch.pk, only_good=False, by=buyer)
    events = OrderEvent.objects.count()
    with pytest.raises(Conflict) as refused:
        applying.confirm(batch.pk, only_good=False, by=buyer)
    assert str(refused.value) == "This import was applied already; nothing was done twice."
    assert OrderEvent.objects.count() == events


def test_only_who_brought_it_and_may_price_confirms_it(buyer, warehouse):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(ENGLISH.format(order.number), by=buyer)
    for other in (factories.by(Role.BUYER), warehouse):
        with pytest.raises(Conflict):
            applying.confirm(batch.pk, only_good=False, by=other)
    with pytest.raises(Conflict):
        bring(ENGLISH.format(order.number), by=warehouse)
    assert prices(order) == [None, None]
    assert ImportBatch.objects.get().status == ImportStatus.READY


def test_an_interrupted_import_says_so_and_may_be_tried_again(buyer):
    order = order_at(State.QUOTE_APPROVED)
    batch = bring(ENGLISH.format(order.number), by=buyer)
    ImportBatch.objects.filter(pk=batch.pk).update(status=ImportStatus.APPLYING, claim="lost", claimed_until="2026-01-01T00:00Z")
    assert ImportBatch.objects.get().was_interrupted
    applying.apply(batch.pk, claim="lost", by=buyer)  # its job, delivered again too late
    assert prices(order) == [None, None]
    assert applying.confirm(batch.pk, only_good=False, by=buyer).status == ImportStatus.APPLIED
    assert prices(order) == [12_000, 9_900]


# --- Undoing --------------------------------------------------------------------------------------------------------------


def test_undo_puts_back_what_nobody_changed_since(buyer):
    order, moved, touched = (order_at(State.QUOTE_APPROVED) for _ in range(3))
    Item.objects.filter(order=order, position=1).update(price_krw=500, name="cup")
    factories.rate()
    text = ENGLISH.format(order.number) + "".join(f"{one.number},{n},1000\n" for one in (moved, touched) for n in (1, 2))
    batch = applying.confirm(bring(text, by=buyer).pk, only_good=False, by=buyer)
    Item.objects.filter(order=touched, position=1).update(price_krw=101)
    factories.perform(moved.pk, Order.confirm_item_prices, by=buyer)
    undone = undoing.request(batch.pk, by=factories.by(Role.OWNER))
    assert (undone.status, undone.undone_count) == (ImportStatus.UNDONE, 3)
    assert (prices(order), prices(moved), prices(touched)) == ([500, None], [1000, 1000], [101, None])
    assert order.items.get(position=1).name == "cup"
    assert dict(batch.rows.filter(outcome="kept").values_list("number", "error")) == {
        4: "The order has moved on: it is “Waiting for items payment” now.",
        5: "The order has moved on: it is “Waiting for items payment” now.",
        6: "Somebody changed this after the import.",
    }
    said = {"prices_krw": {"1": 500, "2": None}, "import": batch.pk, "undone": True}
    assert last_event(order) == ("price_items", "import", said)
    assert list(audit.broken_rows()) == []
    with pytest.raises(Conflict):
        undoing.request(batch.pk, by=buyer)
    assert prices(order) == [500, None]


# --- Tracking and arrivals ------------------------------------------------------------------------------------------------

TRACKING = "주문번호,택배사,송장번호\n{0},페덱스,9865 7878 8855\n{1},,EG123456785KR\n{1},EMS,123\n"


def test_tracking_numbers_then_every_complete_order_ships(warehouse, jobs):
    first, second = order_at(State.DELIVERY_PAID), order_at(State.DELIVERY_PAID)
    batch = bring(TRACKING.format(first.number, second.number), by=warehouse, kind="tracking")
    assert errors(batch) == {4: "123 is not a valid EMS number."}
    jobs.clear()
    batch = applying.confirm(batch.pk, only_good=True, and_move=True, by=warehouse)
    assert list(Parcel.objects.order_by("pk").values_list("courier", "tracking_number")) == [("fedex", FEDEX_NUMBER), ("ems", EMS_NUMBER)]
    assert {reload(first).state, reload(second).state} == {State.DELIVERY_PAID}
    jobs.run(only="imports.jobs.move")
    assert {reload(first).state, reload(second).state} == {State.SHIPPED}
    assert [(move.order, move.refused) for move in batch.moves.order_by("pk")] == [(first, ""), (second, "")]
    undone = undoing.request(batch.pk, by=warehouse)
    assert undone.undone_count == 0
    assert Parcel.objects.filter(tracking_number="").count() == 0


def test_a_file_corrects_what_is_on_its_way_and_undoing_gives_the_old_number_back(warehouse):
    # Given: two parcels on their way; the courier has spoken of one
    order, other = order_at(State.SHIPPED), order_at(State.SHIPPED)
    Parcel.objects.filter(order=other).update(tracking_number="986578788866")
    Parcel.objects.filter(order=order).update(status="in_transit", answer_digest="d", poll_failures=3, next_poll_at=None)
    Effect.objects.all().delete()
    text = "order,courier,tracking\n{0},fedex,{1}\n{2},fedex,{3}\n"
    # When: one corrected, one number of the other parcel
    batch = bring(text.format(order.number, "477179081230", other.number, "477179081230"), by=warehouse, kind="tracking")
    assert errors(batch) == {2: "The same is in rows 2, 3.", 3: "The same is in rows 2, 3."}
    batch = bring(text.format(order.number, "986578788866", other.number, EMS_NUMBER), by=warehouse, kind="tracking")
    assert f"986578788866 is on another open parcel: {other.number} #1" in errors(batch)[2]
    assert "It looks like a number of EMS" in errors(batch)[3]
    batch = applying.confirm(
        bring(text.format(order.number, "477179081230", other.number, "986578788866"), by=warehouse, kind="tracking").pk,
        only_good=False, by=warehouse,
    )  # fmt: skip
    # Then
    parcel = order.parcels.get()
    assert (parcel.tracking_number, parcel.status, parcel.answer_digest, parcel.poll_failures) == ("477179081230", "pending", "", 0)
    assert parcel.next_poll_at is not None
    assert [(one.tracking_number, one.until is None) for one in parcel.labels.all()] == [(FEDEX_NUMBER, False), ("477179081230", True)]
    assert last_event(order)[2]["corrected"] == {"1": ["fedex", FEDEX_NUMBER]}
    assert list(Effect.objects.order_by("pk").values_list("subject", "name")) == [
        (order.subject, "track_parcels"), (order.subject, "notify_customer"),
    ]  # fmt: skip
    # When: it is undone
    undoing.request(batch.pk, by=warehouse)
    # Then
    assert order.parcels.get().tracking_number == FEDEX_NUMBER
    assert [(one.tracking_number, one.until is None, one.set_by) for one in parcel.labels.all()][-1] == (FEDEX_NUMBER, True, warehouse.user)


def test_a_refused_move_stays_in_the_log(warehouse, jobs):
    order = order_at(State.DELIVERY_PAID)
    batch = bring(f"order,courier,tracking\n{order.number},fedex,{FEDEX_NUMBER}\n", by=warehouse, kind="tracking")
    applying.confirm(batch.pk, only_good=False, by=warehouse)
    Item.objects.filter(order=order, position=1).update(parcel=None)
    moving.request(batch.pk, by=warehouse)
    jobs.run(only="imports.jobs.move")
    assert [move.refused for move in batch.moves.all()] == ["Every live item must be in exactly one parcel."]
    assert reload(order).state == State.DELIVERY_PAID


def test_arrivals_of_items_and_measures_of_parcels(warehouse):
    coming, here = order_at(State.ITEMS_PURCHASED), order_at(State.AT_WAREHOUSE)
    text = (
        "order,item,arrived,inspected,parcel,weight,size,volume\n"
        f"{coming.number},1,예,예,,,,\n{coming.number},2,도착,,,,,\n{here.number},,,,,1.2kg,30x20x10.5,\n{coming.number},,,,,5,1x1x1,\n"
    )
    batch = bring(text, by=warehouse, kind="arrivals")
    assert errors(batch) == {5: "This is not possible while the order is “Bought, on the way to us”."}
    batch = applying.confirm(batch.pk, only_good=True, by=warehouse)
    assert list(coming.items.values_list("status", flat=True)) == ["inspected", "arrived"]
    assert list(here.parcels.values_list("position", "weight_g", "volume_cm3")) == [(1, 1200, 6300)]
    assert {item.parcel_id for item in here.items.all()} == {here.parcels.get().pk}
    assert undoing.request(batch.pk, by=warehouse).undone_count == 3
    assert list(coming.items.values_list("status", "arrived_at", "inspected_at")) == [("purchased", None, None)] * 2
    assert not here.parcels.exists()
    assert list(here.items.values_list("parcel", flat=True)) == [None, None]
    assert list(audit.broken_rows()) == []


# --- Large files ----------------------------------------------------------------------------------------------------------


def test_large_files_are_checked_and_applied_by_jobs(buyer, jobs, monkeypatch):
    monkeypatch.setattr(claims, "IN_REQUEST", 1)
    order = order_at(State.QUOTE_APPROVED)
    jobs.clear()
    batch = bring(ENGLISH.format(order.number), by=buyer)
    assert (batch.status, OrmQ.objects.get().task["cluster"]) == (ImportStatus.CHECKING, "slow")
    jobs.run()
    assert ImportBatch.objects.get().status == ImportStatus.READY
    assert applying.confirm(batch.pk, only_good=False, by=buyer).status == ImportStatus.APPLYING
    with pytest.raises(Conflict):
        applying.confirm(batch.pk, only_good=False, by=buyer)
    assert prices(order) == [None, None]
    jobs.run(only="imports")
    assert (ImportBatch.objects.get().status, prices(order)) == (ImportStatus.APPLIED, [12_000, 9_900])
    undoing.request(batch.pk, by=buyer)
    jobs.run(only="imports")
    assert (ImportBatch.objects.get().status, prices(order)) == (ImportStatus.UNDONE, [None, None])
    assert not jobs.errors
    assert ImportRow.objects.filter(outcome="undone").count() == 2
