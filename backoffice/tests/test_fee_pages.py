"""The fees' pages: who may, what people type, errors in words, the example that saves nothing, and only a planned policy is taken back."""

import re
from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.utils.timezone import get_current_timezone, localtime, now

from backoffice import fee_words
from backoffice.fee_forms import basis_points, in_percent
from backoffice.tests.conftest import said
from workflow.models import FeePolicy
from workflow.process import Role
from workflow.tests import factories

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/workflow/feepolicy/", "/admin/workflow/feepolicy/add/"
NEW = {
    "valid_from": "2099-01-01T00:00",
    "service_fee_bp": "2.5",
    "service_fee_flat_krw": "₩1,000",
    "service_fee_min_krw": "3,000",
    "service_fee_tiers": "1,000,000: 3\r\n\r\n５,000,000： 1.25 %\r\n",
    "card_fee_bp": "4%",
    "card_fee_flat_krw": "0",
    "card_fee_min_krw": "0",
    "delivery_krw_per_kg": "3000",
    "delivery_flat_krw": "2000원",
    "delivery_min_krw": "0",
    "delivery_tiers": "10,000: 2,500",
    "volume_divisor": "5",
    "storage_free_days": "20",
    "storage_krw_per_day": "700",
    "storage_max_days": "45",
    "repack_fee_krw": "5,000",
    "difference_absorbed_krw": "1,000",
    "difference_carried_krw": "30,000",
}


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def page_of(policy: FeePolicy, tail: str = "change") -> str:
    return f"{LIST}{policy.pk}/{tail}/"


@pytest.fixture
def planned(db) -> FeePolicy:
    return FeePolicy.objects.create(valid_from=now() + timedelta(days=3), service_fee_bp=300)


# --- Adding ---------------------------------------------------------------------------------------------------------------


def test_a_policy_is_added_as_people_type_it(owner):
    response = owner.post(ADD, NEW, follow=True)

    assert said(response) == ["The new fees are saved."]
    policy = FeePolicy.objects.latest("valid_from")
    assert policy.valid_from == datetime(2099, 1, 1, tzinfo=get_current_timezone())
    assert (policy.service_fee_bp, policy.service_fee_flat_krw, policy.service_fee_min_krw) == (250, 1_000, 3_000)
    assert policy.service_fee_tiers == [{"from_krw": 1_000_000, "bp": 300}, {"from_krw": 5_000_000, "bp": 125}]
    assert (policy.card_fee_bp, policy.delivery_flat_krw, policy.volume_divisor) == (400, 2_000, 5)
    assert policy.delivery_tiers == [{"from_g": 10_000, "krw_per_kg": 2_500}]
    assert LogEntry.objects.get().user == owner.user


def test_the_last_moment_there_is_can_be_typed_and_shown(owner):
    assert owner.post(ADD, NEW | {"valid_from": "9999-12-31T23:59"}).status_code == 302
    assert "9999-12-31 23:59" in text(owner.get(LIST))


def test_without_a_moment_it_holds_at_once(owner):
    assert owner.post(ADD, NEW | {"valid_from": ""}).status_code == 302
    assert now() - timedelta(seconds=30) < FeePolicy.objects.latest("valid_from").valid_from <= now()


def test_the_form_begins_with_what_is_in_force_and_comes_back_the_same(owner, planned):
    FeePolicy.objects.create(
        valid_from=now(), service_fee_bp=250, service_fee_tiers=[{"from_krw": 1_000_000, "bp": 50}],
        delivery_tiers=[{"from_g": 10_000, "krw_per_kg": 2_500}, {"from_g": 20_000, "krw_per_kg": 0}], card_fee_min_krw=1_500,
    )  # fmt: skip
    form = owner.get(ADD).context["form"]
    typed = {name: form[name].value() for name in form.fields}
    assert (typed["service_fee_bp"], typed["service_fee_tiers"], typed["card_fee_min_krw"]) == ("2.5", "1,000,000: 0.5", "1,500")
    assert typed["delivery_tiers"] == "10,000: 2,500\n20,000: 0"
    assert localtime(form.initial["valid_from"]).strftime("%H:%M") == "00:00"
    assert form.initial["valid_from"] > now()

    owner.post(ADD, typed | {"valid_from": "2099-01-01T00:00"})

    same = FeePolicy.objects.latest("valid_from")
    current = FeePolicy.objects.filter(valid_from__lte=now()).latest("valid_from")
    ours = [field.name for field in FeePolicy._meta.fields if field.name not in ("id", "valid_from")]
    assert [getattr(same, name) for name in ours] == [getattr(current, name) for name in ours]


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("valid_from", "2026-01-01T00:00", "This moment is past. A policy holds from now on or from a later moment."),
        ("valid_from", "0001-01-01T00:00", "This moment is past. A policy holds from now on or from a later moment."),
        ("valid_from", "soon", "Enter a valid date/time."),
        ("service_fee_bp", "50.01", "A percentage is from 0% to 50%."),
        ("service_fee_bp", "2,5", "Please enter a percentage, like 4 or 2.5."),
        ("service_fee_bp", "-1", "Please enter a percentage, like 4 or 2.5."),
        ("card_fee_bp", "", "This field is required."),
        ("service_fee_flat_krw", "10,000,001", "An amount is from ₩0 to ₩10,000,000."),
        ("delivery_krw_per_kg", "many", "Please enter a whole number."),
        ("volume_divisor", "0", "From 1 to 100."),
        ("storage_free_days", "731", "From 0 to 730 days."),
        ("storage_max_days", "19", "Storage cannot end before the free days do."),
        ("service_fee_tiers", "1,000,000: 3\n2,000,000", "Line 2: please write it like “1,000,000: 3”."),
        ("service_fee_tiers", "1,000,000: 3: 4", "Line 1: please write it like “1,000,000: 3”."),
        ("service_fee_tiers", "2: 3\n1: 2", "Each tier must begin above the one before it."),
        ("delivery_tiers", "10 kg: 2,500", "Line 1: please write it like “10,000: 2,500”."),
        ("delivery_tiers", "\n".join(f"{n}: 1" for n in range(1, 12)), "There can be at most 10 tiers."),
        ("difference_carried_krw", "10", "This cannot be less than the difference that we bear."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(owner, field, typed, words):
    for button in ({}, {"preview": "1"}):
        response = owner.post(ADD, NEW | {field: typed} | button)
        assert response.status_code == 422
        assert {name: list(errors) for name, errors in response.context["form"].errors.items()} == {field: [words]}
        assert response.context["form"][field].value() == typed
        assert response.context["example"] is None
    assert FeePolicy.objects.count() == 1


def test_all_errors_are_said_at_once(owner):
    wrong = {"service_fee_bp": "60", "volume_divisor": "x", "delivery_tiers": "1"}
    assert set(owner.post(ADD, NEW | wrong).context["form"].errors) == set(wrong)


def test_a_moment_that_is_taken_is_said_at_its_field(owner):
    owner.post(ADD, NEW)
    response = owner.post(ADD, NEW)
    assert response.status_code == 422
    assert response.context["form"].errors["valid_from"] == ["There is already a policy from this moment on."]
    assert FeePolicy.objects.count() == 2


def test_finance_sees_them_and_neither_adds_nor_takes_back(sign_in, planned):
    client = sign_in(Role.FINANCE)
    assert [client.get(url).status_code for url in (LIST, page_of(planned), ADD, page_of(planned, "delete"))] == [200, 200, 403, 403]
    assert {client.post(ADD, NEW).status_code, client.post(page_of(planned, "delete")).status_code} == {403}
    assert FeePolicy.objects.count() == 2


@pytest.mark.parametrize("role", [Role.BUYER, Role.SUPPORT])
def test_others_neither_see_nor_add_nor_take_back(sign_in, planned, role):
    client = sign_in(role)
    assert {client.get(url).status_code for url in (LIST, ADD, page_of(planned), page_of(planned, "delete"))} == {403}
    assert {client.post(ADD, NEW).status_code, client.post(page_of(planned, "delete")).status_code} == {403}
    assert FeePolicy.objects.count() == 2


def test_a_post_without_csrf_token_changes_nothing(sign_in, planned):
    client = sign_in(Role.OWNER, csrf=True)
    assert {client.post(ADD, NEW).status_code, client.post(page_of(planned, "delete")).status_code} == {403}
    assert FeePolicy.objects.count() == 2


# --- The example ----------------------------------------------------------------------------------------------------------


def test_the_example_shows_what_is_typed_beside_today_and_saves_nothing(owner):
    factories.rate("1400.00")

    response = owner.post(ADD, NEW | {"preview": "1"})

    assert response.status_code == 200
    shown = text(response)
    assert "Goods ₩50,000 $35.71 $35.71" in shown
    assert "Service fee (minimum ₩3,000) ₩3,000 $2.14 $1.43" in shown
    assert "International delivery ₩5,600 $4.00 $2.57" in shown
    assert "Card fee 4% ₩224 $0.16 $0.10" in shown
    assert "The customer pays ₩58,824 $42.01 $39.81" in shown
    assert FeePolicy.objects.count() == 1


def test_the_example_may_be_about_other_goods(owner):
    factories.rate("1400.00")
    typed = {"preview": "1", "example_goods_krw": "5,000,000", "example_weight_g": "10,000", "example_days": "50"}

    shown = text(owner.post(ADD, NEW | typed))

    assert "Service fee 1.25% + ₩1,000 ₩63,500" in shown
    assert "International delivery ₩27,000" in shown
    assert "Storage ₩17,500 $12.50 $7.14" in shown  # 25 days of ₩700, today 20 of ₩500


def test_a_wrong_example_is_said_and_does_not_keep_from_saving(owner):
    factories.rate("1400.00")
    response = owner.post(ADD, NEW | {"preview": "1", "example_goods_krw": "much"})
    assert (response.status_code, response.context["example"]) == (200, None)
    assert "Please enter a whole number." in text(response)
    assert owner.post(ADD, NEW | {"example_goods_krw": "much"}).status_code == 302


def test_without_a_rate_there_is_no_example(owner):
    assert "No exchange rate is known yet, so there is no example." in text(owner.get(ADD))


# --- The list and one policy ----------------------------------------------------------------------------------------------


def test_the_list_marks_what_is_past_in_force_and_planned(owner, planned):
    first = FeePolicy.objects.earliest("valid_from")
    current = FeePolicy.objects.create(
        valid_from=now(), service_fee_flat_krw=1_000, service_fee_min_krw=3_000, service_fee_tiers=[{"from_krw": 1_000_000, "bp": 300}]
    )

    response = owner.get(LIST)

    rows = list(response.context["cl"].result_list)
    assert rows == [planned, current, first]
    assert [fee_words.standing(row)[1] for row in rows] == ["planned", "in force", "past"]
    shown = text(response)
    assert "4% + ₩1,000 at least ₩3,000 3% from ₩1,000,000" in shown
    assert shown.count("Take back") == 1


def test_one_policy_reads_in_words_and_can_be_tried(owner, planned):
    factories.rate("1400.00")
    shown = text(owner.get(page_of(planned), {"example_goods_krw": "100,000"}))
    assert "Service fee on the goods 3%" in shown
    assert "ours up to ₩1,000 with the delivery up to ₩30,000, above that at once" in shown
    assert "Service fee 3% ₩3,000 $2.14 $2.86" in shown


def test_a_policy_is_never_changed(owner, planned):
    assert owner.post(page_of(planned), NEW).status_code == 403
    planned.refresh_from_db()
    assert planned.service_fee_bp == 300


@pytest.mark.parametrize("key", ["999999", "x", "٣", "1" * 30])
def test_an_unknown_policy_is_404(owner, key):
    assert {owner.get(f"{LIST}{key}/{tail}/").status_code for tail in ("change", "delete")} == {404}


# --- Taking back ----------------------------------------------------------------------------------------------------------


def test_a_planned_policy_is_taken_back_after_it_was_shown_again(owner, planned):
    assert "These fees will not come into force." in text(owner.get(page_of(planned, "delete")))
    assert FeePolicy.objects.filter(pk=planned.pk).exists()

    response = owner.post(page_of(planned, "delete"), follow=True)

    assert said(response) == ["The planned fees are taken back."]
    assert not FeePolicy.objects.filter(pk=planned.pk).exists()
    assert LogEntry.objects.get().object_id == str(planned.pk)


def test_a_policy_in_force_is_not_taken_back(owner):
    current = FeePolicy.objects.get()
    assert "These fees are or were in force" in text(owner.get(page_of(current, "delete")))
    refused = owner.post(page_of(current, "delete"), follow=True)
    assert said(refused) == ["This policy is or was in force; quotes refer to it. Add a new one instead."]
    assert FeePolicy.objects.get() == current
    assert not LogEntry.objects.exists()


# --- Percentages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "points"), [("4", 400), ("2.5", 250), ("0.01", 1), ("12.34%", 1234), (" 10 % ", 1000), ("２．５％", 250)]
)
def test_percentages_are_read_as_people_write_them(typed, points):
    assert basis_points(typed) == points
    assert basis_points(in_percent(points)) == points


@pytest.mark.parametrize("typed", ["", "2,5", "4.005", "-1", "1e2", "4 5", "nan", "%", "٤", "1234", "9" * 400])
def test_a_percentage_that_would_be_a_guess_is_refused(typed):
    with pytest.raises(ValidationError):
        basis_points(typed)
