"""The templates of notices: every letter as its reader gets it, inside a frame that can do nothing; tests to oneself; the settings."""

import re

import pytest
from django.utils.translation import override
from django_q.models import OrmQ

from backoffice.letters import words
from core.notices.models import Notice
from core.notices.texts import TextMessage
from workflow.letters.catalogue import entries
from workflow.models import Order
from workflow.process import Role, State
from workflow.tests.factories import order_at

pytestmark = pytest.mark.django_db
URL = "/admin/letters/"


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Notice, Order, OrmQ))


def test_every_letter_is_listed_and_has_its_page(owner, django_assert_max_num_queries):
    before = rows()
    with django_assert_max_num_queries(15):
        page = owner.get(URL).content.decode()
    for kind in entries():
        assert f'href="{URL}{kind}/"' in page
    titles = [words.title(entry) for entry in entries().values()]
    assert [title for title in titles if "_" in title] == [], "a letter without a name of its own"
    assert page.count("7 days, 3 days, 24 hours before the day it is about") == 2
    assert "Your order is on its way (BD-SAMPL-ORDER)" in page
    for kind in ("ship", "email_code_signup", "staff_answer", "remind_items_unpaid"):
        assert owner.get(f"{URL}{kind}/").status_code == 200
    assert rows() == before


def test_a_letters_page_shows_both_languages_and_how_long_its_sms_are(owner):
    page = owner.get(f"{URL}ship/").content.decode()
    assert "Your order is on its way (BD-SAMPL-ORDER)" in page
    assert "배송을 시작했습니다 (BD-SAMPL-ORDER)" in page
    assert "[비단길] BD-SAMPL-ORDER 배송을 시작했습니다. FedEx 986578788855" in page
    assert re.findall(r"<b>(SMS|LMS)</b> <span class=\"bo-soft\">(\d+) of 80 bytes", page) == [("SMS", "63"), ("SMS", "69")]
    assert page.count('sandbox=""') == 2


def test_a_text_message_is_measured_in_the_bytes_of_korean_operators():
    assert (TextMessage("가" * 40).bytes, TextMessage("가" * 40).is_short) == (80, True)
    assert (TextMessage("가" * 40 + "a").bytes, TextMessage("가" * 40 + "a").is_short) == (81, False)
    assert TextMessage("잘 도착 🙂").carried == "잘 도착 "
    assert TextMessage("잘 도착").carried == ""


def test_the_mail_is_shut_into_its_frame(owner):
    response = owner.get(f"{URL}ship/en/mail/")
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline';")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in response["Cache-Control"]
    assert owner.get(f"{URL}ship/")["Content-Security-Policy"].endswith("frame-ancestors 'none'; frame-src 'self'")
    assert "frame-src" not in owner.get(URL)["Content-Security-Policy"]
    assert "<h1" in response.content.decode()
    assert owner.get(f"{URL}ship/fr/mail/").status_code == 404
    assert owner.get(f"{URL}advertisement/").status_code == 404


def test_it_can_be_about_a_real_order_that_came_to_it(owner):
    order = order_at(State.SHIPPED)
    assert order.number in owner.get(f"{URL}ship/?order={order.number.lower()}").content.decode()
    assert order.number in owner.get(f"{URL}ship/ko/mail/?order={order.number}").content.decode()
    for kind, number in (("record_delivery", order.number), ("ship", "BD-00000-00000")):
        page = owner.get(f"{URL}{kind}/?order={number}").content.decode()
        assert "You see the sample order." in page
        assert "BD-SAMPL-ORDER" in page


def test_a_test_is_queued_by_a_post_and_its_fate_is_shown(sign_in):
    support = sign_in(Role.SUPPORT)
    press = re.search(r'name="press" value="(\w+)"', support.get(f"{URL}ship/").content.decode())[1]
    said = {"press": press, "locale": ["en"], "channel": ["email"]}
    assert support.get(f"{URL}ship/test/").status_code == 405
    # When
    for _twice in range(2):
        assert support.post(f"{URL}ship/test/", said).status_code == 302
    # Then
    notice = Notice.objects.get()
    assert (notice.kind, notice.recipient, notice.subject) == (
        "test", support.user.email, "[Test] Your order is on its way (BD-SAMPL-ORDER)",
    )  # fmt: skip
    page = support.get(f"{URL}ship/").content.decode()
    assert "data-moving" in page
    Notice.objects.update(status="sent")
    page = support.get(f"{URL}ship/").content.decode()
    assert "data-moving" not in page
    assert f"/admin/notices/notice/{notice.pk}/change/" in page
    assert "test by staff" in support.get("/admin/notices/notice/").content.decode()


@pytest.mark.parametrize("role", [Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.MODERATOR])
def test_others_see_no_letters_and_send_none(sign_in, role):
    client = sign_in(role)
    for path in ("", "ship/", "ship/ko/mail/"):
        assert client.get(URL + path).status_code == 403
    assert client.post(f"{URL}ship/test/", {"locale": ["ko"], "channel": ["email"]}).status_code == 403
    assert not Notice.objects.exists()
    assert f'href="{URL}"' not in client.get("/admin/").content.decode()


# --- Settings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.OWNER, ["Fees", "Exchange rates", "Templates of notices", "Staff"]),
        (Role.FINANCE, ["Fees", "Exchange rates"]),
        (Role.SUPPORT, ["Exchange rates", "Templates of notices"]),
        (Role.WAREHOUSE, ["Exchange rates"]),
    ],
)
def test_everybody_finds_the_settings_that_they_may_open(sign_in, role, seen):
    client = sign_in(role)
    with override("en"):
        page = client.get("/admin/settings/").content.decode()
    found = dict(re.findall(r'<a class="bo-setting" href="([^"]+)">.*?<b>([^<]+)</b>', page))
    assert set(seen) <= set(found.values())
    assert not ({"Fees", "Exchange rates", "Templates of notices", "Staff"} - set(seen)) & set(found.values())
    assert all(client.get(url).status_code == 200 for url in found)
    if "Fees" in seen:
        assert "4% service fee since" in page


def test_who_sets_nothing_still_finds_what_their_role_may(sign_in):
    moderator = sign_in(Role.MODERATOR)
    assert [str(card.title) for card in moderator.get("/admin/settings/").context["cards"]] == ["Roles"]


def test_the_sidebar_goes_from_work_to_what_is_behind_it(owner):
    page = owner.get("/admin/").content.decode()
    places = [page.index(f'href="/admin/{path}"') for path in ("workflow/order/", "workflow/refund/", "settings/", "outbox/effect/")]
    assert places == sorted(places)
