"""Tasks, effects, refunds and people: their buttons post, are refused as a message, and do one thing of the house below."""

import pytest
from django.utils.timezone import now

from backoffice.tests.conftest import said
from core.accounts.models import User
from core.outbox.models import Effect
from workflow.models import Refund, StaffTask
from workflow.process import Role, State
from workflow.tests.factories import customer, order_at, staff

pytestmark = pytest.mark.django_db


# --- Tasks ----------------------------------------------------------------------------------------------------------------


def test_a_task_is_done_by_a_post_and_only_once(sign_in):
    client = sign_in(Role.BUYER)
    task = StaffTask.objects.create(key="t", kind="k", text="look at it")
    url = f"/admin/workflow/stafftask/{task.pk}/done/"
    assert client.get(url).status_code == 405
    assert said(client.post(url, follow=True)) == ["Done."]
    task.refresh_from_db()
    assert (task.done_by, task.done_at is not None) == (client.user, True)
    assert said(client.post(url, follow=True)) == ["This task is done already."]


def test_the_task_list_shows_the_open_ones_first(owner):
    done = StaffTask.objects.create(key="a", kind="k", text="a", done_at=now())
    still_open = StaffTask.objects.create(key="b", kind="k", text="b")
    rows = lambda **query: list(owner.get("/admin/workflow/stafftask/", query).context["cl"].result_list)  # noqa: E731
    assert rows() == [still_open]
    assert rows(open="no") == [done]
    assert rows(open="all") == [still_open, done]


def test_several_tasks_at_once(owner):
    tasks = [StaffTask.objects.create(key=str(n), kind="k", text="t") for n in range(3)]
    response = owner.post(
        "/admin/workflow/stafftask/", {"action": "finish_chosen", "_selected_action": [t.pk for t in tasks[:2]]}, follow=True
    )
    assert said(response) == ["2 done."]
    assert StaffTask.objects.filter(done_at=None).count() == 1


def test_a_button_leads_back_to_its_page_and_never_elsewhere(owner):
    orders, tasks = "/admin/workflow/order/", "/admin/workflow/stafftask/"
    for number, (wanted, led_to) in enumerate({orders: orders, "https://evil.example": tasks, "//evil.example": tasks}.items()):
        task = StaffTask.objects.create(key=str(number), kind="k", text="t")
        assert owner.post(f"/admin/workflow/stafftask/{task.pk}/done/", {"next": wanted}).url == led_to


# --- Effects --------------------------------------------------------------------------------------------------------------


def test_a_stuck_effect_runs_again_and_a_waiting_one_does_not(owner):
    stuck = Effect.objects.create(subject="order:1", name="n", batch="b", starts=5, quarantined_at=now(), last_error="Traceback\nBoom: no")
    waiting = Effect.objects.create(subject="order:1", name="n", batch="c")
    assert "Boom: no" in owner.get("/admin/outbox/effect/?state=stuck").content.decode()
    assert owner.get(f"/admin/outbox/effect/{stuck.pk}/again/").status_code == 405
    assert said(owner.post(f"/admin/outbox/effect/{stuck.pk}/again/", follow=True)) == ["It is queued again."]
    stuck.refresh_from_db()
    assert (stuck.quarantined_at, stuck.starts) == (None, 0)
    assert said(owner.post(f"/admin/outbox/effect/{waiting.pk}/again/", follow=True)) == ["This effect is not stuck."]


def test_stuck_things_are_counted_in_the_sidebar(owner):
    Effect.objects.create(subject="order:1", name="n", batch="b", quarantined_at=now())
    StaffTask.objects.create(key="t", kind="k", text="t")
    links = {item["link"]: item.get("badge") for group in owner.get("/admin/").context["sidebar_navigation"] for item in group["items"]}
    assert (links["/admin/outbox/effect/"], links["/admin/workflow/stafftask/"], links["/admin/workflow/order/"]) == (1, 1, None)


# --- Refunds --------------------------------------------------------------------------------------------------------------


def test_a_refund_needs_a_second_person(sign_in):
    first, second, buyer = sign_in(Role.FINANCE), sign_in(Role.FINANCE), sign_in(Role.BUYER)
    order = order_at(State.ITEMS_PAID)
    refund = Refund.objects.create(order=order, amount_usd_cents=30_000, reason="r", key="k", status="proposed", proposed_by=first.user)
    url = f"/admin/workflow/refund/{refund.pk}/approve/"
    assert buyer.post(url).status_code == 403
    assert said(first.post(url, follow=True)) == ["A second person of finance, or the owner, must approve this refund."]
    refund.refresh_from_db()
    assert refund.status == "proposed"
    assert said(second.post(url, follow=True)) == ["The refund is approved and goes to Stripe."]
    refund.refresh_from_db()
    assert (refund.status, refund.approved_by) == ("approved", second.user)


# --- People ---------------------------------------------------------------------------------------------------------------


def test_the_owner_makes_a_member_of_staff(owner):
    data = {"email": "New@Example.com", "nickname": "Yuna", "password": "a-long-enough-one", "locale": "ko", "roles": ["buyer", "support"]}
    assert owner.post("/admin/accounts/user/add/", data).status_code == 302
    person = User.objects.get(email="new@example.com")
    assert (person.is_staff, person.is_superuser, person.check_password("a-long-enough-one")) == (True, False, True)
    assert {group.name for group in person.groups.all()} == {"buyer", "support"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "short"}, "too short"),
        ({"email": "TAKEN@example.com"}, "There is already an account with this address."),
        ({"nickname": "taken"}, "This nickname is taken."),
        ({"roles": ["king"]}, "king is not one of the available choices"),
    ],
)
def test_a_person_who_cannot_be_made_comes_back_with_the_reason(owner, changed, words):
    User.objects.create_user("taken@example.com", None, nickname="taken")
    data = {"email": "new@example.com", "nickname": "Yuna", "password": "a-long-enough-one", "locale": "ko", "roles": ["buyer"], **changed}
    response = owner.post("/admin/accounts/user/add/", data)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()
    assert not User.objects.filter(nickname="Yuna").exists()


def test_roles_are_changed_and_accounts_closed(owner):
    person = staff(Role.BUYER)
    url = f"/admin/accounts/user/{person.pk}/change/"
    assert owner.get(url).context["form"]["roles"].value() == ["buyer"]
    owner.post(url, {"is_active": "on", "roles": ["finance"]})
    person = User.objects.get(pk=person.pk)
    assert ([group.name for group in person.groups.all()], person.is_staff) == (["finance"], True)
    owner.post(url, {})
    person = User.objects.get(pk=person.pk)
    assert (person.groups.count(), person.is_staff, person.is_active) == (0, False, False)


def test_nobody_changes_their_own_roles(owner):
    response = owner.post(f"/admin/accounts/user/{owner.user.pk}/change/", {"roles": []})
    assert response.status_code == 422
    assert "Somebody else must change your own roles." in response.content.decode()
    assert User.objects.get(pk=owner.user.pk).is_staff


def test_people_are_found_exactly(owner):
    person = customer(nickname="Minji")
    find = lambda q: list(owner.get("/admin/accounts/user/", {"q": q}).context["cl"].result_list)  # noqa: E731
    assert find(person.email.upper()) == find("Minji") == [person]
    assert find("Min") == []
