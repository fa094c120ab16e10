"""Restricted goods, screening by topic, the report and the couriers' settings as staff see and change them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from backoffice.goods.restriction_forms import as_typed
from backoffice.tests.conftest import fingerprint, page_url, shown, work_url
from backoffice.tests.test_poison import POISON
from core.accounts.models import Locale
from workflow import restrictions, work
from workflow.intake import WantedItem, request_quote
from workflow.models import CourierSetting, Item, Order, Restriction
from workflow.process import Role, State
from workflow.screening_report import Row, screening_report
from workflow.tests.factories import DESTINATION, by, customer, order_at, reload
from workflow.transitions import By

pytestmark = pytest.mark.django_db

LIST = "/admin/workflow/restriction/"


def topic(code: str) -> Restriction:
    return Restriction.objects.get(code=code, valid_until=None)


def ask_for(*options: str, locale: str = Locale.KOREAN, quantity: int = 1) -> Order:
    person = customer(locale=locale)
    items = [WantedItem(url=f"https://shop.example.kr/{n}", options=text, quantity=quantity) for n, text in enumerate(options)]
    return request_quote(person, items=items, destination=DESTINATION, by=By.customer(person))


def typed(version: Restriction, **changed) -> dict:
    said = {name: "" if value is None else value for name, value in as_typed(version).items()}
    return {name: value for name, value in {**said, **changed}.items() if value is not False}


def versions() -> list:
    return list(Restriction.objects.order_by("pk").values_list("pk", "valid_until", "title_en"))


# --- Topics ---------------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_in_force_in_a_fixed_number_of_statements(owner):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(LIST).status_code == 200
        return len(queries)

    owner.get(LIST)
    before, page = count(), shown(owner.get(LIST))
    assert "Pet food" in page
    assert "Live animals" in page
    restrictions.add_version(by=by(Role.BUYER), code="new-topic", **fields_of(topic("cash"), title_en="Another"))
    restrictions.end(topic("pet-food").pk, by=by(Role.BUYER))
    assert "Pet food" not in shown(owner.get(LIST))
    assert "Pet food" in shown(owner.get(LIST + "?standing=over"))
    assert count() == before


def fields_of(version: Restriction, **changed) -> dict:
    names = (*restrictions.TEXTS, "kind", "keywords_ko", "keywords_en", "sources", "icon")
    return {name: getattr(version, name) for name in names} | changed


def test_a_preview_saves_nothing_and_a_new_version_comes_into_force(sign_in):
    buyer, old = sign_in(Role.BUYER), topic("tobacco")
    before = versions()
    preview = buyer.post(f"{LIST}{old.pk}/version/", typed(old, title_en="Tobacco, vapes", preview="1"))
    assert (preview.status_code, versions()) == (200, before)
    assert "Tobacco, vapes" in shown(preview)

    saved = buyer.post(f"{LIST}{old.pk}/version/", typed(old, title_en="Tobacco, vapes", keywords_en="vape ! vape shop | vape band"))
    new = topic("tobacco")
    assert (saved.status_code, saved.url) == (302, f"{LIST}{new.pk}/change/")
    assert (new.title_en, new.created_by, new.keywords_en) == (
        "Tobacco, vapes",
        buyer.user,
        [{"word": "vape", "unless": ["vape shop", "vape band"]}],
    )
    assert (new.keywords_ko, new.sources, new.max_quantity) == (old.keywords_ko, old.sources, None)
    old.refresh_from_db()
    assert (old.valid_until, old.title_en) == (new.valid_from, "Tobacco")
    history = shown(buyer.get(f"{LIST}{new.pk}/change/"))
    assert str(buyer.user) in history


def test_what_is_refused_comes_back_with_its_reason_and_nothing_is_saved(sign_in):
    buyer, old = sign_in(Role.BUYER), topic("cash")
    before = versions()
    for changed in ({"sources": "Bad | javascript:alert(1)"}, {"title_ko": ""}, {"keywords_ko": "x"}, {"valid_from": "2020-01-01T00:00"}):
        answer = buyer.post(f"{LIST}{old.pk}/version/", typed(old, **changed))
        assert (answer.status_code, versions()) == (422, before), changed
        assert "bo-error" in answer.content.decode(), changed


def test_a_version_is_ended_by_a_post_only(sign_in):
    buyer, cash = sign_in(Role.BUYER), topic("cash")
    before = versions()
    assert buyer.get(f"{LIST}{cash.pk}/end/").status_code == 200
    assert versions() == before
    assert buyer.post(f"{LIST}{cash.pk}/end/").status_code == 302
    cash.refresh_from_db()
    assert cash.is_over
    assert cash.ended_by == buyer.user


def test_who_may_read_and_who_may_write(sign_in):
    cash, before = topic("cash"), versions()
    writes = (f"{LIST}{cash.pk}/version/", f"{LIST}{cash.pk}/end/", f"{LIST}add/")
    for role in (Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT):
        client = sign_in(role)
        assert [client.get(url).status_code for url in (LIST, f"{LIST}{cash.pk}/change/", f"{LIST}try/", "/admin/screening/")] == [200] * 4
        assert [client.post(url, typed(cash)).status_code for url in writes] == [403] * 3
        assert [client.get(url).status_code for url in writes] == [403] * 3
    moderator = sign_in(Role.MODERATOR)
    for url in (LIST, f"{LIST}{cash.pk}/change/", f"{LIST}try/", "/admin/screening/", "/admin/screening/csv/", "/admin/couriers/"):
        assert moderator.get(url).status_code == 403, url
    assert versions() == before


def test_a_text_is_tried_without_effect_and_poison_stays_text(owner):
    page = shown(owner.get(f"{LIST}try/", {"text": "담배와 소주"}))
    assert "Alcohol" in page
    assert "Tobacco" in page
    assert "Nothing: no keyword" in shown(owner.get(f"{LIST}try/", {"text": "https://shop.example.kr/shirt"}))
    body = owner.get(f"{LIST}try/", {"text": "담배" + "".join(POISON)}).content.decode()
    assert "<script>alert(1)" not in body
    assert "<img src=x" not in body


# --- Screening ------------------------------------------------------------------------------------------------------------


def test_the_screening_form_shows_the_hint_its_word_and_the_rule(sign_in):
    order = ask_for("담배 한 보루", "보조배터리", quantity=3)
    page = shown(sign_in(Role.BUYER).get(page_url(order)))
    assert "“ 담배 ” options" in page
    assert topic("tobacco").short_en in page
    assert "At most 2 in one order, here 3." in page
    assert "prohibited" in shown(sign_in(Role.SUPPORT).get("/admin/workflow/order/?hint=prohibited"))
    assert order.number in shown(sign_in(Role.SUPPORT).get("/admin/workflow/order/?hint=prohibited"))
    assert order.number not in shown(sign_in(Role.SUPPORT).get("/admin/workflow/order/?hint=restricted"))
    assert "1 prohibited?" in shown(sign_in(Role.BUYER).get("/admin/"))


def test_a_decision_by_topic_fills_the_reason_in_the_customers_language(sign_in):
    buyer, order = sign_in(Role.BUYER), ask_for("담배", "티셔츠", locale=Locale.ENGLISH)
    first, second = order.items.all()
    said = {f"verdict-{first.pk}": "rejected", f"topic-{first.pk}": "tobacco", f"note-{first.pk}": "", f"verdict-{second.pk}": "approved"}
    assert buyer.post(work_url(order, "screen_items"), {"version": order.version, **said}).status_code == 302
    first.refresh_from_db()
    assert (first.status, first.restriction, first.screened_by) == ("rejected", topic("tobacco"), buyer.user)
    assert first.screening_note == topic("tobacco").short_en


@pytest.mark.parametrize("said", [{"verdict": "rejected"}, {"topic": "tobacco"}, {"verdict": "rejected", "topic": "no-such"}])
def test_a_decision_that_is_not_whole_is_refused_with_what_was_typed(sign_in, said):
    buyer, order = sign_in(Role.BUYER), ask_for("담배")
    item, before = order.items.get(), fingerprint(order)
    answer = buyer.post(
        work_url(order, "screen_items"), {"version": order.version, **{f"{name}-{item.pk}": value for name, value in said.items()}}
    )
    assert (answer.status_code, fingerprint(order)) == (422, before)
    assert order.items.get().screened_at is None


def test_the_pages_of_an_order_ask_no_more_for_many_hints(sign_in):
    buyer = sign_in(Role.BUYER)
    counts = []
    for order in (ask_for("담배"), ask_for(*["담배와 소주, 향수, 비타민"] * 20)):
        buyer.get(page_url(order))
        with CaptureQueriesContext(connection) as queries:
            buyer.get(page_url(order))
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Report ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def decided(db) -> Order:
    order, buyer = ask_for("담배", "비타민과 담배", "티셔츠", "소주", quantity=2), by(Role.BUYER)
    tobacco, both, shirt, soju = order.items.all()
    work.price_items(order.pk, prices={tobacco.pk: 45_000, shirt.pk: 10_000}, by=buyer)
    verdicts = {
        tobacco.pk: {"verdict": "rejected", "topic": "tobacco"},
        both.pk: {"verdict": "approved", "topic": "supplement"},
        shirt.pk: {"verdict": "rejected", "note": "=1+1"},
        soju.pk: {"verdict": "rejected", "topic": "alcohol"},
    }
    work.screen_items(order.pk, verdicts=verdicts, by=buyer)
    return reload(order)


def test_the_report_counts_decisions_hints_words_and_won(decided, django_assert_num_queries):
    with django_assert_num_queries(4):
        report = screening_report(since=now() - timedelta(days=1), until=now())
    rows = {
        row.code: (row.approved, row.rejected, row.rejected_krw, row.rejected_unpriced, row.hinted, row.overruled) for row in report.rows
    }
    assert rows == {
        "tobacco": (0, 1, 90_000, 0, 2, 1),
        "alcohol": (0, 1, 0, 1, 1, 0),
        "supplement": (1, 0, 0, 0, 1, 1),
        "": (0, 1, 20_000, 0, 0, 0),
    }
    assert report.words == [("담배", "tobacco", 2), ("비타민", "supplement", 1), ("소주", "alcohol", 1)]
    assert report.total == Row("", None, approved=1, rejected=3, rejected_krw=110_000, rejected_unpriced=1)
    assert screening_report(since=now() - timedelta(days=9), until=now() - timedelta(days=1)).rows == []


def test_the_reports_page_and_table(owner, decided):
    page = shown(owner.get("/admin/screening/"))
    assert "₩110,000" in page
    long = owner.get("/admin/screening/?from=2001-01-01&to=9999-99-99").context["period"]
    assert ((long.last - long.first).days, long.last) == (365, localdate())

    Restriction.objects.filter(code="tobacco").update(title_en="=HYPERLINK(1)")
    lines = b"".join(owner.get("/admin/screening/csv/").streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "topic,title,approved,rejected,rejected (won),rejected without a price,hinted,hinted and approved"
    assert "tobacco,'=HYPERLINK(1),0,1,90000,0,2,1" in lines
    assert len(lines) == 5


def test_the_report_reads_over_the_index_on_the_time_of_the_decision(decided):
    rows = Item.objects.filter(screened_at__gte=now() - timedelta(days=1), screened_at__lt=now()).order_by()
    assert "item_by_screening" in rows.explain()


# --- Couriers -------------------------------------------------------------------------------------------------------------


def test_the_warehouse_sets_a_courier_and_it_is_no_longer_offered(sign_in):
    warehouse, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    said = {"countries": "kr", "poll_percent": "200", "note_en": POISON[0], "note_ko": "EMS 우선", "is_enabled": "on"}
    assert warehouse.post("/admin/couriers/fedex/", said).status_code == 302
    setting = CourierSetting.objects.get()
    assert (setting.code, setting.countries, setting.changed_by, setting.is_enabled) == ("fedex", ["KR"], warehouse.user, True)
    page = warehouse.get(page_url(order)).content.decode()
    assert 'value="ems"' in page
    assert 'value="fedex"' not in page
    assert "<script>alert(1)" not in warehouse.get("/admin/couriers/").content.decode()
    refused = warehouse.post("/admin/couriers/fedex/", {"countries": "USA", "poll_percent": "100"})
    assert (refused.status_code, CourierSetting.objects.get().is_enabled) == (422, True)
    assert warehouse.post("/admin/couriers/pigeon/", said).status_code == 404


def test_others_read_the_couriers_and_may_not_set_them(sign_in):
    buyer = sign_in(Role.BUYER)
    assert buyer.get("/admin/couriers/").status_code == 200
    assert buyer.post("/admin/couriers/fedex/", {"poll_percent": "100"}).status_code == 403
    assert not CourierSetting.objects.exists()
