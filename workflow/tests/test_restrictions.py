"""Restricted goods as data: what comes with the product, versions and their ends, and the decision about an item."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now

from core.accounts.models import Locale
from core.errors import Conflict, Invalid
from workflow import courier_settings, restrictions, work
from workflow.letters.about import About
from workflow.letters.quoting import rejected, screened
from workflow.models import CourierSetting, OrderEvent, Restriction
from workflow.process import Role, State
from workflow.tests.factories import EMS_NUMBER, FEDEX_NUMBER, by, customer, new_order, order_at, reload
from workflow.transitions import TransitionRefused

pytestmark = pytest.mark.django_db

#: the service's own list of prohibited goods, and of restricted ones
PROHIBITED = [
    "alcohol", "perfume", "tobacco", "syringe", "injectable", "live-animals", "pet-food", "food", "beverage", "cash",
    "precious-metals", "counterfeit", "weapons", "explosives", "air-freshener", "manicure",
]  # fmt: skip
RESTRICTED = ["cosmetic", "supplement"]
RULES = {
    "de-minimis": datetime(2025, 8, 29, tzinfo=UTC),
    "ddp-ems": datetime(2025, 9, 22, tzinfo=UTC),
    "ems-premium": datetime(2025, 9, 22, tzinfo=UTC),
    "gifts": datetime(2025, 9, 22, tzinfo=UTC),
    "hts-code": datetime(2026, 7, 24, tzinfo=UTC),
}


def topic(code: str) -> Restriction:
    return next(found for found in restrictions.in_force() if found.code == code)


def fields_of(version: Restriction, **changed) -> dict:
    names = (*restrictions.TEXTS, "kind", "keywords_ko", "keywords_en", "sources", "icon", "max_quantity", "position")
    return {name: getattr(version, name) for name in names} | changed


# --- What comes with the product ------------------------------------------------------------------------------------------


def test_every_topic_of_the_service_is_there():
    kinds = {found.code: found.kind for found in restrictions.in_force()}
    assert [code for code, kind in kinds.items() if kind == "prohibited"] == PROHIBITED
    assert {code: kinds.get(code) for code in RESTRICTED} == dict.fromkeys(RESTRICTED, "restricted")


@pytest.mark.parametrize("code", [*PROHIBITED, *RESTRICTED])
def test_a_topic_says_everything_in_both_languages_with_keywords_and_a_source(code):
    found = topic(code)
    assert list(restrictions.problems(found)) == []
    assert len(found.keywords_ko) >= 3
    assert len(found.keywords_en) >= 3
    assert found.sources
    texts = [getattr(found, name) for name in restrictions.TEXTS]
    assert len(set(texts)) == len(texts)
    assert all(any("가" <= letter <= "힣" for letter in getattr(found, name)) == name.endswith("_ko") for name in restrictions.TEXTS)


def test_the_import_rules_are_dated_notices_with_their_sources():
    found = {rule.code: rule for rule in restrictions.in_force() if rule.kind == "notice"}
    for code, since in RULES.items():
        assert abs(found[code].valid_from - since) < timedelta(hours=24), code
        assert found[code].sources, code
        assert not found[code].keywords, code


def test_loading_again_adds_nothing_and_leaves_alone_what_staff_touched():
    assert restrictions.load() == 0
    mine = restrictions.add_version(by=by(Role.BUYER), code="cash", **fields_of(topic("cash"), title_ko="돈"))
    shipped = {**fields_of(topic("cash")), "code": "cash", "valid_from": "2027-01-01T00:00:00+09:00", "country": "US"}
    assert restrictions.load([shipped]) == 0
    assert topic("cash") == mine
    assert restrictions.load([{**shipped, **fields_of(topic("alcohol")), "code": "alcohol"}]) == 1
    first, second = Restriction.objects.filter(code="alcohol").order_by("valid_from")
    assert (first.valid_until, second.valid_until) == (second.valid_from, None)


# --- Versions -------------------------------------------------------------------------------------------------------------


def test_each_moment_has_one_version_and_the_history_says_who():
    old, buyer = topic("tobacco"), by(Role.BUYER)
    start = now() + timedelta(days=3)
    new = restrictions.add_version(by=buyer, code="tobacco", valid_from=start, **fields_of(old, title_en="Tobacco and vapes"))
    between = restrictions.add_version(by=buyer, code="tobacco", **fields_of(old, title_en="Smoking"))

    def at(moment):
        return [found.title_en for found in restrictions.in_force(moment) if found.code == "tobacco"]

    assert at(now()) == ["Smoking"]
    assert at(start - timedelta(seconds=1)) == ["Smoking"]
    assert at(start) == ["Tobacco and vapes"]
    assert at(between.valid_from - timedelta(seconds=1)) == ["Tobacco"]
    assert [(found.title_en, found.created_by, found.ended_by) for found in restrictions.versions("tobacco")] == [
        ("Tobacco and vapes", buyer.user, None),
        ("Smoking", buyer.user, None),
        ("Tobacco", None, buyer.user),
    ]
    assert (new.valid_until, between.valid_until) == (None, start)

    restrictions.end(new.pk, by=buyer)  # only planned: what was before it goes on
    assert at(start) == ["Smoking"]
    between.refresh_from_db()
    assert (between.valid_until, between.ended_by) == (None, None)
    assert restrictions.add_version(by=buyer, code="tobacco", **fields_of(old)).valid_until is None


def test_an_end_and_what_is_refused():
    restrictions.end(topic("battery").pk, by=by(Role.OWNER))
    assert "battery" not in [found.code for found in restrictions.in_force()]
    before = list(Restriction.objects.order_by("pk").values_list("pk", "valid_until", "changed_at"))

    with pytest.raises(Conflict):
        restrictions.end(Restriction.objects.get(code="battery").pk, by=by(Role.OWNER))
    with pytest.raises(TransitionRefused):
        restrictions.end(topic("cash").pk, by=by(Role.WAREHOUSE))
    with pytest.raises(TransitionRefused):
        restrictions.add_version(by=by(Role.SUPPORT), code="cash", **fields_of(topic("cash")))
    for field, value in {
        "title_ko": " ",
        "keywords_en": [{"word": "x"}],
        "sources": [{"title": "Bad", "url": "javascript:alert(1)"}],
        "kind": "maybe",
        "valid_from": now() - timedelta(days=1),
    }.items():
        with pytest.raises(Invalid) as refused:
            restrictions.add_version(by=by(Role.BUYER), code="cash", **fields_of(topic("cash"), **{field: value}))
        assert refused.value.field == field
    assert list(Restriction.objects.order_by("pk").values_list("pk", "valid_until", "changed_at")) == before


# --- The decision ---------------------------------------------------------------------------------------------------------


def test_a_decision_keeps_who_when_and_by_which_topic():
    order, buyer = new_order(), by(Role.BUYER)
    first, second = order.items.all()
    alcohol, cosmetic = topic("alcohol"), topic("cosmetic")
    verdicts = {
        first.pk: {"verdict": "rejected", "topic": "alcohol"},
        second.pk: {"verdict": "approved", "topic": "cosmetic", "note": "한 개만"},
    }
    work.screen_items(order.pk, verdicts=verdicts, by=buyer)
    first, second = order.items.all()
    assert (first.status, first.restriction, first.screened_by, first.screening_note) == ("rejected", alcohol, buyer.user, alcohol.short_ko)
    assert (second.status, second.restriction, second.screening_note) == ("approved", cosmetic, "한 개만")
    assert now() - first.screened_at < timedelta(minutes=1)
    assert OrderEvent.objects.filter(order=order).last().facts == {
        "items": {"1": "rejected", "2": "approved"},
        "topics": {"1": "alcohol", "2": "cosmetic"},
    }


@pytest.mark.parametrize("said", [{"verdict": "rejected"}, {"verdict": "rejected", "note": " "}, {"verdict": "rejected", "topic": "gone"}])
def test_a_rejection_without_a_reason_is_refused(said):
    order = new_order()
    with pytest.raises(Invalid):
        work.screen_items(order.pk, verdicts={order.items.first().pk: said}, by=by(Role.BUYER))
    assert (reload(order).version, list(order.items.values_list("status", "screened_at", "restriction"))) == (
        order.version,
        [("requested", None, None)] * 2,
    )


def test_the_letter_says_the_topic_in_the_language_of_its_reader():
    order = new_order(owner=customer(locale=Locale.ENGLISH))
    first, second = order.items.all()
    verdicts = {
        first.pk: {"verdict": "rejected", "topic": "alcohol"},
        second.pk: {"verdict": "rejected", "topic": "cash", "note": "We saw banknotes."},
    }
    work.screen_items(order.pk, verdicts=verdicts, by=by(Role.BUYER))
    alcohol = topic("alcohol")
    assert order.items.first().screening_note == alcohol.short_en
    order = reload(order)
    for locale, words in (("en", alcohol.short_en), ("ko", alcohol.short_ko)):
        assert [said for _item, said in rejected(About(order, locale)).rows] == [words, "We saw banknotes."]
    assert next(said for _item, said in screened(About(order, "ko")).rows) == f"구매할 수 없음: {alcohol.short_ko}"


# --- Couriers -------------------------------------------------------------------------------------------------------------


def test_a_courier_that_is_switched_off_takes_no_new_label_and_keeps_those_it_has():
    order, warehouse = order_at(State.DELIVERY_PAID), by(Role.WAREHOUSE)
    parcel = order.parcels.get()
    work.label_parcel(order.pk, parcel_id=parcel.pk, courier="fedex", tracking_number=FEDEX_NUMBER, by=warehouse)
    courier_settings.save("fedex", by=warehouse, is_enabled=False)
    courier_settings.save("ems", by=warehouse, is_enabled=True, countries=["kr", " "])
    courier_settings.save("ups", by=warehouse, is_enabled=False)

    assert work.courier_choices("US") == []
    assert work.courier_choices("US", keep=["fedex"]) == [("fedex", "FedEx")]
    assert work.courier_choices("KR") == [("ems", "EMS")]
    with pytest.raises(Invalid) as refused:
        work.label_parcel(order.pk, parcel_id=parcel.pk, courier="ems", tracking_number=EMS_NUMBER, by=warehouse)
    assert refused.value.field == "courier"
    parcel.refresh_from_db()
    assert (parcel.courier, parcel.tracking_number, parcel.is_labelled) == ("fedex", FEDEX_NUMBER, True)
    # a wrong number of a courier that is off can still be mended
    work.label_parcel(order.pk, parcel_id=parcel.pk, courier="fedex", tracking_number="986578788866", by=warehouse)


def test_who_may_set_a_courier_and_what_is_refused():
    with pytest.raises(TransitionRefused):
        courier_settings.save("fedex", by=by(Role.BUYER), is_enabled=False)
    for wrong in ({"countries": ["USA"]}, {"poll_percent": 0}, {"poll_percent": 401}):
        with pytest.raises(Invalid):
            courier_settings.save("fedex", by=by(Role.OWNER), is_enabled=True, **wrong)
    assert not CourierSetting.objects.exists()
