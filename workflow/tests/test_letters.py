"""The catalogue of letters: every letter that can be sent, about an order that nobody made; and tests of letters to oneself."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.accounts.models import EmailCode, Locale, User
from core.errors import Invalid, NotFound, TooManyRequests
from core.notices import jobs
from core.notices.models import Notice
from workflow import notices, reminders
from workflow.letters import CUSTOMER, STAFF, trying
from workflow.letters.catalogue import entries
from workflow.letters.samples import NUMBER, VARIANTS, terms_in_force
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused

pytestmark = pytest.mark.django_db
BOTH = ("ko", "en")


@pytest.fixture
def owner() -> User:
    person = factories.staff(Role.OWNER)
    User.objects.filter(pk=person.pk).update(phone="010-1234-5678")
    return User.objects.get(pk=person.pk)


def send(kind: str, person: User, *, locales=BOTH, channels=("email",), press="a" * 16) -> int:
    return trying.send_test(kind, by=By.staff(person), locales=locales, channels=channels, press=press)


def test_the_catalogue_is_what_the_registries_hold():
    reminded = {write.__name__ for write in reminders.LETTERS.values()} | {*reminders.STORAGE_LETTERS, "question_open"}
    assert set(entries()) == {
        *CUSTOMER,
        *VARIANTS,
        *(f"staff_{name}" for name in STAFF),
        *(f"remind_{name}" for name in reminded),
        *(f"email_code_{purpose}" for purpose in EmailCode.Purpose),
    }


def test_every_letter_is_written_about_the_sample_order_and_nothing_is(django_assert_num_queries):
    with django_assert_num_queries(2):  # the rate and the fees
        terms = terms_in_force()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for entry in entries().values():
            for locale in Locale:
                letter = entry.compose(locale, terms)
                assert letter is not None, entry.kind
                assert letter.subject, entry.kind
                assert letter.lines[0], entry.kind
                assert entry.kind.startswith("email_code") or NUMBER in letter.subject
    assert asked.captured_queries == []


def test_the_sample_is_billed_as_orders_are():
    factories.rate("1400.00")
    letter = entries()["confirm_item_prices"].compose("en", terms_in_force())
    assert letter.rows == (
        ("Wool cardigan", "₩49,000 · $35.00"),
        ("Hydrating serum 50 ml × 2", "₩37,000 · $26.43"),
        ("Service fee 4%", "₩3,440 · $2.46"),
    )
    assert letter.total == ("Total", "₩89,440 · $63.89")


def test_variants_say_something_else_than_their_event():
    terms = terms_in_force()
    for variant, event in VARIANTS.items():
        for locale in Locale:
            assert entries()[variant].compose(locale, terms).lines != entries()[event].compose(locale, terms).lines


def test_about_a_real_order_it_is_what_the_customer_got():
    order = factories.order_at(State.SHIPPED)
    event = order.events.get(name="ship")
    notices.tell_customer(event)
    sent = Notice.objects.get(kind="ship", channel="email")
    letter = entries()["ship"].about_order(order, order.customer.locale)
    assert letter.subject == sent.subject
    assert entries()["record_delivery"].about_order(order, "en") is None
    assert entries()["remind_question_open"].about_order(order, "en") is None


# --- Tests to oneself -----------------------------------------------------------------------------------------------------


def test_a_test_goes_to_oneself_through_the_notice_machinery(owner, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    from django.core import mail

    # When
    assert send("ship", owner, channels=("email", "sms")) == 4
    # Then each is a notice of its own, to them alone
    rows = Notice.objects.filter(kind="test")
    assert sorted(rows.values_list("channel", "recipient", "locale", "user")) == sorted(
        (channel, recipient, locale, owner.pk)
        for channel, recipient in (("email", owner.email), ("sms", "+821012345678"))
        for locale in BOTH
    )
    assert set(rows.filter(channel="email").values_list("subject", flat=True)) == {
        f"[시험] 배송을 시작했습니다 ({NUMBER})",
        f"[Test] Your order is on its way ({NUMBER})",
    }
    assert all(text.startswith(("[시험] ", "[Test] ")) for text in rows.filter(channel="sms").values_list("text", flat=True))
    assert not rows.filter(key__startswith="order:").exists()
    # and its job sends it
    assert jobs.send(rows.get(channel="email", locale="ko").pk) == "sent"
    assert [(letter.to, letter.subject) for letter in mail.outbox] == [([owner.email], f"[시험] 배송을 시작했습니다 ({NUMBER})")]


def test_a_second_click_is_none(owner):
    assert send("ship", owner) == 2
    assert send("ship", owner) == 0
    assert Notice.objects.count() == 2


def test_ten_an_hour_and_no_more(owner):
    for number in range(5):
        send("ship", owner, press=f"{number:016}")
    with pytest.raises(TooManyRequests):
        send("cancel", owner, locales=("ko",), press="b" * 16)
    assert Notice.objects.count() == 10
    # a colleague's ten are their own, and an hour later they are there again
    assert send("cancel", factories.staff(Role.SUPPORT)) == 2
    Notice.objects.update(created_at=factories.now() - trying.WITHIN)
    assert send("cancel", owner, press="c" * 16) == 2


@pytest.mark.parametrize("role", [Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.MODERATOR])
def test_others_try_no_letters(role):
    with pytest.raises(TransitionRefused):
        send("ship", factories.staff(role))
    assert not Notice.objects.exists()


def test_what_cannot_be_sent_is_refused(owner):
    with pytest.raises(NotFound):
        send("advertisement", owner)
    for said in ({"locales": ()}, {"channels": ()}, {"locales": ("fr",)}, {"channels": ("sms",)}):
        with pytest.raises(Invalid):
            send("cancel", owner, **said)  # which has no SMS
    assert not Notice.objects.exists()
