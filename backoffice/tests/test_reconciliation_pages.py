"""Comparisons with Stripe on the staff's pages: the list warns, a report names what it found, one more is asked for by a POST."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_q.models import OrmQ

from backoffice.tests.conftest import page_url, said
from backoffice.words import outcome_words
from workflow.comparison import Found
from workflow.models import Reconciliation
from workflow.process import Role
from workflow.tests.factories import new_order

pytestmark = pytest.mark.django_db
LIST, COMPARE = "/admin/workflow/reconciliation/", "/admin/workflow/reconciliation/compare/"


def report(*, minutes_ago: int = 5, ended: bool = True, **fields) -> Reconciliation:
    began = now() - timedelta(minutes=minutes_ago)
    counts = {"sessions": 30, "refunds": 3, "disputes": 1, "changed": 0, "failed": 0, **fields.pop("counts", {})}
    ended_at = began + timedelta(seconds=4) if ended else None
    return Reconciliation.objects.create(since=began - timedelta(hours=48), started_at=began, ended_at=ended_at, counts=counts, **fields)


def finding(order: str = "", *, what: str = "payment_missed", repaired: bool = True, outcome: str = "payment recorded") -> dict:
    return {"what": what, "about": "cs_test_1", "order": order, "outcome": outcome, "repaired": repaired}


def warning(client) -> str:
    return client.get(LIST).context["warning"]


# --- The list -------------------------------------------------------------------------------------------------------------


def test_the_list_says_when_how_far_what_and_who(sign_in):
    client = sign_in(Role.FINANCE)
    report(counts={"changed": 7, "failed": 1}, asked_by=client.user)

    page = client.get(LIST).content.decode()

    assert "sessions 30 · refunds 3 · disputes 1" in page
    assert '<span class="bo-number">7</span>' in page
    assert "not all repaired" in page
    assert str(client.user) in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "all equal"),
        ({"counts": {"changed": 2}}, "repaired"),
        ({"counts": {"changed": 2, "failed": 1}}, "not all repaired"),
        ({"error": "Unavailable stripe: answered HTTP 500"}, "ended early"),
        ({"ended": False}, "under way"),
        ({"ended": False, "minutes_ago": 90}, "ended early"),
    ],
)
def test_each_result_has_its_word(owner, fields, words):
    row = report(**fields)
    assert str(owner.get(f"{LIST}{row.pk}/change/").context["result"]) == words
    assert f">{words}</span>" in owner.get(LIST).content.decode()


def test_the_list_warns_when_the_last_comparison_is_old_failed_or_never_was(owner):
    assert "No comparison has run yet" in warning(owner)
    report(minutes_ago=61)
    assert "more than an hour old" in warning(owner)
    report(minutes_ago=20, error="Unavailable stripe: answered HTTP 500")
    assert warning(owner) == "The last comparison ended early: Unavailable stripe: answered HTTP 500"
    report(minutes_ago=1, ended=False)
    assert "ended early" in warning(owner), "one that still runs proves nothing"
    report(minutes_ago=0)
    assert warning(owner) == ""


def test_the_list_costs_the_same_however_many_there_are(owner):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert owner.get(LIST).status_code == 200
        return len(seen)

    report(asked_by=owner.user)
    queries()
    few = queries()
    for _ in range(5):
        report(asked_by=owner.user)
    assert queries() == few


# --- One report -----------------------------------------------------------------------------------------------------------


def test_a_report_names_each_finding_and_leads_to_its_order(owner):
    order = new_order()
    row = report(
        counts={"changed": 600, "failed": 1},
        findings=[finding(what="session_unknown", repaired=False, outcome="Stripe does not know it"), finding(order.number)],
    )

    response = owner.get(f"{LIST}{row.pk}/change/")
    page = response.content.decode()

    assert f'<a class="bo-link bo-mono" href="{page_url(order)}">{order.number}</a>' in page
    assert [(found["what"], found["outcome"]) for found in response.context["findings"]] == [
        (Found.SESSION_UNKNOWN.label, "Stripe does not know it"),
        (Found.PAYMENT_MISSED.label, "payment recorded"),
    ]
    assert "599 more were counted and are not listed." in page


def test_what_a_report_says_is_text_and_never_markup(owner):
    row = report(findings=[finding("<b>", what="<i>", outcome="<script>x</script>")], error="<u>")
    page = owner.get(f"{LIST}{row.pk}/change/").content.decode()
    assert not [tag for tag in ("<b>&lt;", "<i>", "<script>x", "<u>") if tag in page]
    assert "&lt;script&gt;x&lt;/script&gt;" in page


def test_a_report_of_nothing_and_one_that_still_runs(owner):
    equal, running = report(), report(ended=False)
    assert "Our books and Stripe were equal." in owner.get(f"{LIST}{equal.pk}/change/").content.decode()
    assert "Nothing so far." in owner.get(f"{LIST}{running.pk}/change/").content.decode()


def test_a_report_of_many_orders_costs_as_much_as_one_of_few(owner):
    def queries(row: Reconciliation) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert owner.get(f"{LIST}{row.pk}/change/").status_code == 200
        return len(seen)

    few = report(findings=[finding(new_order().number)])
    many = report(findings=[finding(new_order().number) for _ in range(5)])
    queries(few)
    assert queries(many) == queries(few)


def test_an_unknown_report_is_404_and_none_is_changed_by_a_post(owner):
    row = report()
    assert owner.get(f"{LIST}99999/change/").status_code == 404
    assert owner.get(f"{LIST}%D9%A1/change/").status_code == 404
    assert owner.post(f"{LIST}{row.pk}/change/", {"error": "x"}).status_code == 403


def test_outcomes_are_said_part_by_part_and_unknown_ones_as_they_are():
    assert outcome_words("dispute needs_response") == "dispute booked, an answer is needed"
    assert outcome_words("unapplied: A paid session that is not of ours.") == "unapplied: A paid session that is not of ours."
    assert outcome_words("KeyError") == "KeyError"
    assert outcome_words("") == ""


# --- One more -------------------------------------------------------------------------------------------------------------


def queued() -> list[tuple]:
    return [(row.task["func"], row.task["args"], row.task.get("cluster")) for row in OrmQ.objects.all()]


@pytest.mark.parametrize("span", ["48h", "5d", "30d"])
def test_finance_asks_for_one_and_a_job_makes_it(sign_in, span):
    client = sign_in(Role.FINANCE)

    messages = said(client.post(COMPARE, {"since": span}, follow=True))

    assert messages == ["The comparison is under way. Its report is here in a moment: load the page again."]
    assert queued() == [("workflow.jobs.reconcile_for", (span, client.user.pk), "slow")]
    assert not Reconciliation.objects.exists(), "the request itself compares nothing"


def test_only_by_a_post_with_a_span_that_is_offered(sign_in):
    client = sign_in(Role.FINANCE)
    assert client.get(COMPARE).status_code == 405
    for wrong in ({}, {"since": "99w"}, {"since": "48h; rm"}):
        assert said(client.post(COMPARE, wrong, follow=True)) == ["Please choose how far to look back."]
    assert queued() == []


def test_not_without_the_permission_or_the_csrf_token(sign_in):
    assert sign_in(Role.BUYER).post(COMPARE, {"since": "48h"}).status_code == 403
    assert sign_in(Role.FINANCE, csrf=True).post(COMPARE, {"since": "48h"}).status_code == 403
    assert queued() == []


def test_the_sidebar_leads_there_for_finance_only(sign_in):
    def links(role: Role) -> set[str]:
        return {item["link"] for group in sign_in(role).get("/admin/").context["sidebar_navigation"] for item in group["items"]}

    assert LIST in links(Role.FINANCE)
    assert LIST not in links(Role.SUPPORT)
