"""The rate cards' pages: who may, rows and lists, nothing saved unseen or half, a copy, taking back, trying a parcel; and the fee's form,
where couriers stand side by side."""

import re
from datetime import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import get_current_timezone

from backoffice.tests.conftest import fingerprint, page_url, said, shown, work_url
from workflow import work
from workflow.models import CourierSetting, OrderEvent, RateCard
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import rate_card

pytestmark = pytest.mark.django_db

LIST, ADD, TRY = "/admin/workflow/ratecard/", "/admin/workflow/ratecard/add/", "/admin/workflow/ratecard/try/"
FRAME = {
    "courier": "ems",
    "country": "us",
    "valid_from": "2099-01-01T00:00",
    "volume_divisor": "6",
    "extra_krw_per_kg": "3,000원",
    "fuel_surcharge_bp": "12.5",
    "max_g": "30,000",
    "note": "spring",
}
NEW = FRAME | {"up_to_g": ["500", "", "1,000", ""], "krw": ["21,000", "", "₩25,500", ""]}


def page_of(card: RateCard, tail: str = "change") -> str:
    return f"{LIST}{card.pk}/{tail}/"


# --- Adding ---------------------------------------------------------------------------------------------------------------


def test_a_card_is_added_row_by_row(sign_in):
    client = sign_in(Role.FINANCE)

    response = client.post(ADD, NEW, follow=True)

    assert said(response) == ["The rate card is saved."]
    card = RateCard.objects.get()
    assert (card.courier, card.country, card.valid_from) == ("ems", "US", datetime(2099, 1, 1, tzinfo=get_current_timezone()))
    assert card.steps == [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}]
    assert (card.volume_divisor, card.extra_krw_per_kg, card.fuel_surcharge_bp, card.max_g) == (6, 3_000, 1_250, 30_000)
    assert LogEntry.objects.get().user == card.made_by == client.user
    assert "₩21,000 – ₩25,500" in shown(response)


LISTS = {
    "names": "up_to_g,krw\n500,21000\n1000,25500\n",
    "no names": "500,21000\n1000,25500",
    "Korean, tabs, kilograms": "무게\t요금\n0.5kg\t21,000원\n1 kg\t25,500\n",
    "other way round": "krw;up_to_g\n21000;500\n25500;1000\n",
}


@pytest.mark.parametrize("way", ["pasted", "file"])
@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_is_read_into_the_rows_and_saved_only_when_seen(owner, way, text):
    given = text if way == "pasted" else SimpleUploadedFile("steps.csv", text.encode("utf-8-sig"))

    response = owner.post(ADD, FRAME | {way: given, "save": "1"})

    assert (response.status_code, RateCard.objects.count()) == (200, 0)
    assert "2 steps were read into the table." in shown(response)
    rows = response.context["form"].rows()
    assert [row[1:] for row in rows[:3]] == [("500", "21,000"), ("1,000", "25,500"), ("", "")]
    seen = {"up_to_g": [row[1] for row in rows], "krw": [row[2] for row in rows]}
    assert owner.post(ADD, FRAME | seen | {"save": "1"}).status_code == 302
    assert RateCard.objects.get().steps == [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}]


def test_every_wrong_row_is_named_and_nothing_is_taken(owner):
    text = "up_to_g,krw\n500,21000\nhalf,22000\n1000,\n1500,=2+2\n"
    response = owner.post(ADD, FRAME | {"pasted": text})
    assert (response.status_code, RateCard.objects.count()) == (422, 0)
    assert [number for number, _words in response.context["form"].row_errors] == [3, 4, 5]
    assert response.context["form"]["pasted"].value() == text
    assert "Row 3: “half” is not a whole number." in shown(response)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"pasted": "weight,colour\n1,red\n"}, "pasted"),
        ({"pasted": "\n".join(f"{n},1" for n in range(1, 202))}, "pasted"),
        ({"pasted": '"500,1\n'}, "pasted"),
        ({"file": SimpleUploadedFile("a.pdf", b"%PDF-1.7")}, "file"),
        ({"file": SimpleUploadedFile("a.csv", b"")}, "file"),
        ({"file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04 no workbook")}, "file"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_words(owner, given, field):
    response = owner.post(ADD, NEW | given)
    assert (response.status_code, set(response.context["form"].errors), RateCard.objects.count()) == (422, {field}, 0)
    assert response.context["form"].rows()[0][1:] == ("500", "21,000")  # what was typed is still there


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"country": "U1"}, "A country is two letters, like US."),
        ({"valid_from": "2026-01-01T00:00"}, "This moment is past."),
        ({"volume_divisor": "0"}, "From 1 to 100."),
        ({"extra_krw_per_kg": "0"}, "Parcels from 1,000 g to the heaviest would have no price"),
        ({"fuel_surcharge_bp": "101"}, "A fuel surcharge is from 0% to 100%."),
        ({"up_to_g": ["500", "500"], "krw": ["1", "2"]}, "Each step must go higher than the one before it; 500 g does not."),
        ({"up_to_g": ["500", "1kg"], "krw": ["1", "2"]}, "Row 2: Please enter a whole number."),
        ({"up_to_g": [], "krw": []}, "A card needs at least one step."),
    ],
)
def test_what_is_wrong_is_said_and_every_typed_value_kept(owner, changed, words):
    typed = NEW | changed
    response = owner.post(ADD, typed)
    assert (response.status_code, RateCard.objects.count()) == (422, 0)
    assert words in shown(response)
    form = response.context["form"]
    assert {name: form[name].value() for name in FRAME} == {name: typed[name] for name in FRAME}
    assert [row[1] for row in form.rows() if row[1]] == [grams for grams in typed["up_to_g"] if grams]


def test_more_rows_save_nothing(owner):
    response = owner.post(ADD, NEW | {"more": "1", "up_to_g": [str(n) for n in range(1, 31)], "krw": ["9"] * 30})
    assert (response.status_code, RateCard.objects.count(), len(response.context["form"].rows())) == (200, 0, 36)


def test_a_card_is_copied_as_a_new_one_and_stays_as_it_is(owner):
    card = rate_card(country="US", fuel_surcharge_bp=250)
    form = owner.get(f"{ADD}?of={card.pk}").context["form"]
    typed = {name: form[name].value() for name in FRAME} | {"valid_from": "2099-01-01T00:00"}
    rows = form.rows()
    owner.post(f"{ADD}?of={card.pk}", typed | {"up_to_g": [row[1] for row in rows], "krw": [row[2] for row in rows]})

    same = RateCard.objects.exclude(pk=card.pk).get()
    ours = ("courier", "country", "steps", "extra_krw_per_kg", "volume_divisor", "fuel_surcharge_bp", "max_g")
    assert [getattr(same, name) for name in ours] == [getattr(card, name) for name in ours]
    assert owner.get(f"{ADD}?of=x").status_code == owner.get(f"{ADD}?of=999").status_code == 404
    assert owner.post(page_of(card), NEW).status_code == 403


# --- The list, taking back, trying ----------------------------------------------------------------------------------------


def test_the_list_says_what_holds_comes_and_is_past_for_each_courier_and_country(owner, django_assert_max_num_queries):
    past, held, coming = (rate_card(country="US", days=days) for days in (-9, -1, 3))
    other = rate_card("fedex")
    owner.get(LIST)
    with django_assert_max_num_queries(16):
        response = owner.get(LIST)
    assert list(response.context["cl"].result_list) == [coming, held, past, other]
    assert re.findall(r"bo-pill--\w+\">([\w ]+)<", response.content.decode()) == ["planned", "in force", "past", "in force"]
    found = {name: list(owner.get(f"{LIST}?standing={name}").context["cl"].result_list) for name in ("held", "planned", "past")}
    assert found == {"held": [held, other], "planned": [coming], "past": [past]}
    assert "₩29,900" in shown(owner.get(page_of(held)))


def test_only_a_planned_card_is_taken_back(owner):
    held, planned = rate_card(), rate_card(days=1)
    assert "This card will not come into force." in shown(owner.get(page_of(planned, "delete")))
    assert said(owner.post(page_of(planned, "delete"), follow=True)) == ["The planned rate card is taken back."]
    assert LogEntry.objects.get().object_id == str(planned.pk)
    refused = said(owner.post(page_of(held, "delete"), follow=True))
    assert refused == ["This card is or was in force; fees were proposed by it. Add a new one instead."]
    assert RateCard.objects.get() == held


@pytest.mark.parametrize("role", [Role.WAREHOUSE, Role.BUYER, Role.SUPPORT])
def test_others_read_and_change_nothing(sign_in, role):
    client, planned = sign_in(role), rate_card(days=1)
    assert [client.get(url).status_code for url in (LIST, page_of(planned), TRY, ADD, page_of(planned, "delete"))] == [
        200,
        200,
        200,
        403,
        403,
    ]
    assert {client.post(ADD, NEW).status_code, client.post(page_of(planned, "delete")).status_code} == {403}
    assert RateCard.objects.get() == planned


def test_moderators_see_none_and_nobody_posts_without_a_token(sign_in):
    planned = rate_card(days=1)
    moderator, owner = sign_in(Role.MODERATOR), sign_in(Role.OWNER, csrf=True)
    assert {moderator.get(url).status_code for url in (LIST, page_of(planned), TRY)} == {403}
    assert {owner.post(ADD, NEW).status_code, owner.post(page_of(planned, "delete")).status_code} == {403}
    assert RateCard.objects.get() == planned


def test_a_parcel_is_tried_on_every_card(owner):
    rate_card("ems"), rate_card("fedex", "US", volume_divisor=10, fuel_surcharge_bp=1_000)
    asked = {"country": "us", "weight_g": "400", "length_cm": "20", "width_cm": "20", "height_cm": "15"}
    prices = owner.get(TRY, asked).context["prices"]
    # 6,000 cm³ are 1,200 g at EMS and 600 g at FedEx, there with 10 %
    assert [(name, f.chargeable_g, f.krw, least) for name, f, least in prices] == [
        ("FedEx", 600, 28_050, True), ("EMS", 1_200, 29_900, False),
    ]  # fmt: skip
    assert owner.get(TRY, asked | {"country": "FR"}).context["prices"][0][1].courier == "ems"
    CourierSetting.objects.create(code="ems", is_enabled=False)
    assert "the fee policy's price per kilogram holds" in shown(owner.get(TRY, asked | {"country": "FR"}))
    for wrong in ({"weight_g": "much"}, {"length_cm": "99999999"}, {"country": ""}):
        assert owner.get(TRY, asked | wrong).context["prices"] is None


# --- The fee's form -------------------------------------------------------------------------------------------------------


@pytest.fixture
def order(db):
    """One parcel of 1,200 g and 9,000 cm³ (1,800 g by 5, 1,500 g by 6)."""
    found = factories.order_at(State.AT_WAREHOUSE)
    work.pack_parcel(found.pk, weight_g=1_200, volume_cm3=9_000, by=factories.by(Role.WAREHOUSE))
    return factories.reload(found)


def test_couriers_stand_side_by_side_and_the_chosen_ones_price_is_proposed(sign_in, order):
    rate_card("ems"), rate_card("fedex", max_g=1_000)
    client, parcel = sign_in(Role.WAREHOUSE), order.parcels.get()
    page = shown(client.get(page_url(order)))
    assert "₩32,900 1,800 g · rate card" in page
    assert "over 1,000 g not in its rate card" in page
    assert "₩4,500 1,500 g · fee policy" in page

    choose = {"version": order.version, f"courier-{parcel.pk}": "ems", "choose": "1"}
    assert client.post(work_url(order, "set_delivery_fee"), choose).status_code == 302
    assert 'name="fee_krw" value="32900"' in client.get(page_url(order)).content.decode()
    assert factories.reload(order).delivery_fee_krw is None

    both = {"version": factories.reload(order).version, f"courier-{parcel.pk}": "fedex", "fee_krw": "50,000"}
    assert client.post(work_url(order, "set_delivery_fee"), both).status_code == 302
    assert (factories.reload(order).delivery_fee_krw, order.parcels.get().courier) == (50_000, "fedex")
    assert "#1 FedEx 1,800 g – (card" in shown(client.get(page_url(order)))


def test_a_fee_far_from_the_proposal_asks_why_and_keeps_what_was_typed(sign_in, order):
    client, before = sign_in(Role.FINANCE), fingerprint(order)
    typed = {"version": order.version, "fee_krw": "9,000"}

    refused = client.post(work_url(order, "set_delivery_fee"), typed)

    assert (refused.status_code, fingerprint(order)) == (422, before)
    assert "This is more than 20 percent from the proposed ₩4,500. Please say why." in shown(refused)
    assert 'name="fee_krw" value="9,000"' in refused.content.decode()
    assert client.post(work_url(order, "set_delivery_fee"), typed | {"reason": "two boxes taped"}).status_code == 302
    assert OrderEvent.objects.filter(order=order).latest("number").facts["reason"] == "two boxes taped"
