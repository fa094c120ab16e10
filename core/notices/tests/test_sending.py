"""Sending against the sandbox's real SMTP port, SENS and Twilio: how often each notice arrives, whatever happens on the way."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from core.accounts.letters import send_code
from core.accounts.models import EmailCode
from core.notices import Letter, desk, jobs, write
from core.notices.jobs import BACK_OFF_S, MAX_TRIES, send, send_again, send_due
from core.notices.models import Channel, Notice, Status

pytestmark = pytest.mark.django_db

LETTER = Letter(subject="주문을 잘 받았습니다 (BD-1)", lines=("주문을 잘 받았습니다.",), sms="[비단길] BD-1 주문을 잘 받았습니다.")
KOREAN, AMERICAN = "+821012345678", "+17145550100"


def mail(**fields) -> Notice:
    return put(**{"channel": Channel.EMAIL, "recipient": "minji@example.com", **fields})


def sms(**fields) -> Notice:
    return put(**{"channel": Channel.SMS, "recipient": KOREAN, **fields})


def put(**fields) -> Notice | None:
    return write(**{"key": "order:1:1:test", "kind": "test", "user_id": None, "locale": "ko", "letter": LETTER, **fields})


def reload(notice: Notice) -> Notice:
    return Notice.objects.get(pk=notice.pk)


def make_due(notice: Notice) -> None:
    Notice.objects.filter(pk=notice.pk).update(due_at=timezone.now())


def let_claim_run_out(notice: Notice) -> None:
    """As after kill -9: the claim is committed, nothing was recorded, and its time has passed."""
    Notice.objects.filter(pk=notice.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


# --- The plain way --------------------------------------------------------------------------------------------------------


def test_a_mail_arrives_once_with_its_message_id(sandbox):
    notice = mail()

    assert send(notice.pk) == Status.SENT
    assert send(notice.pk) == ""

    (message,) = sandbox.inbox()
    assert (message["to"], message["subject"]) == (["minji@example.com"], "주문을 잘 받았습니다 (BD-1)")
    assert message["headers"]["Message-ID"] == notice.message_id
    assert message["headers"]["Auto-Submitted"] == "auto-generated"
    assert message["text"].startswith("주문을 잘 받았습니다.\n")
    assert '<html lang="ko">' in message["html"]
    sent = reload(notice)
    assert (sent.status, sent.attempts, sent.last_error, sent.claimed_until) == ("sent", 1, "", None)
    assert sent.sent_at is not None


@pytest.mark.parametrize(("number", "arrives_at", "provider"), [(KOREAN, "01012345678", "sens"), (AMERICAN, AMERICAN, "twilio")])
def test_an_sms_arrives_once_with_the_providers_id(sandbox, number, arrives_at, provider):
    notice = sms(recipient=number)

    assert send(notice.pk) == Status.SENT
    assert send(notice.pk) == ""

    (message,) = sandbox.inbox()
    assert (message["channel"], message["provider"], message["to"], message["text"]) == ("sms", provider, [arrives_at], LETTER.sms)
    assert reload(notice).provider_id in message["headers"].values()


def test_the_job_is_queued_with_the_row_and_goes_with_it():
    with transaction.atomic():
        mail()
        transaction.set_rollback(True)
    assert (Notice.objects.count(), OrmQ.objects.count()) == (0, 0)

    notice = mail()

    (job,) = OrmQ.objects.all()
    assert (job.task["func"], job.task["args"]) == ("core.notices.jobs.send", (notice.pk,))


def test_a_repeated_call_writes_and_sends_nothing():
    first = mail()

    assert mail(letter=Letter(subject="other", lines=("other",))) is None
    assert OrmQ.objects.count() == 1
    assert reload(first).subject == LETTER.subject
    assert {mail(key="order:1:2:test"), sms(), mail(recipient="alex@example.com")} != {None}
    assert Notice.objects.count() == 4


def test_who_loses_the_race_for_the_row_says_nothing():
    first = mail()
    same = {name: getattr(first, name) for name in ("key", "kind", "channel", "recipient", "locale", "text")}

    assert desk._insert(Notice(**same)) is None

    assert (Notice.objects.count(), OrmQ.objects.count(), reload(first).status) == (1, 1, "queued")


# --- Down and up again ----------------------------------------------------------------------------------------------------


def test_mail_waits_until_the_server_is_back(sandbox):
    notice = mail()
    sandbox.stop()
    try:
        assert [send(notice.pk), send(notice.pk)] == [Status.QUEUED, ""]
        waiting = reload(notice)
        assert waiting.attempts == 1
        assert 25 < (waiting.due_at - timezone.now()).total_seconds() <= BACK_OFF_S[0]
        assert "unreachable" in waiting.last_error
        assert send_due() == 0
    finally:
        sandbox.restart()

    make_due(notice)
    assert send_due() == 1
    assert send(notice.pk) == Status.SENT

    assert len(sandbox.inbox()) == 1
    assert reload(notice).attempts == 2


def test_sms_waits_until_the_provider_is_back(sandbox):
    notice = sms()
    sandbox.stop()
    try:
        assert send(notice.pk) == Status.QUEUED
    finally:
        sandbox.restart()

    make_due(notice)
    assert send(notice.pk) == Status.SENT
    assert len(sandbox.inbox()) == 1


@pytest.mark.parametrize(("service", "make"), [("mail", mail), ("sens", sms)])
@pytest.mark.parametrize("mode", ["429", "401"])
def test_a_busy_server_and_a_refused_key_of_ours_are_tried_again(sandbox, service, make, mode):
    sandbox.faults(service, mode, times=1)
    notice = make()

    assert send(notice.pk) == Status.QUEUED
    make_due(notice)
    assert send(notice.pk) == Status.SENT

    assert len(sandbox.inbox()) == 1


def test_a_long_retry_after_is_obeyed(sandbox):
    sandbox.faults("sens", "429", times=1, seconds=600)
    notice = sms()

    send(notice.pk)

    assert 590 < (reload(notice).due_at - timezone.now()).total_seconds() <= 600


def test_ten_tries_within_a_day_then_it_has_failed(sandbox):
    sandbox.faults("mail", "500")
    notice = mail()

    outcomes = []
    for _ in range(MAX_TRIES + 2):
        make_due(notice)
        outcomes.append(send(notice.pk))

    assert outcomes == [Status.QUEUED] * 9 + [Status.FAILED, "", ""]
    assert sum(BACK_OFF_S) < 24 * 3600
    assert sandbox.inbox() == []


def test_what_is_refused_for_good_is_not_tried_again(sandbox):
    sandbox.faults("mail", "html", times=1)
    refused, nowhere, no_number = mail(), mail(recipient="not-an-address"), sms(recipient="12345")

    assert [send(notice.pk) for notice in (refused, nowhere, no_number)] == [Status.FAILED] * 3
    assert sandbox.inbox() == []
    assert "bad_number" in reload(no_number).last_error


# --- Sent, perhaps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["created_then_hang", "created_then_500", "hang", "reset"])
@pytest.mark.parametrize(("number", "service"), [(KOREAN, "sens"), (AMERICAN, "twilio")])
def test_an_sms_without_an_answer_is_unknown_and_never_sent_again(sandbox, number, service, mode):
    sandbox.faults(service, mode, times=1, seconds=3)
    notice = sms(recipient=number)

    assert send(notice.pk) == Status.UNKNOWN
    make_due(notice)
    assert [send(notice.pk), send_due()] == ["", 0]
    call_command("send_notices", stdout=StringIO())

    assert reload(notice).status == Status.UNKNOWN
    assert len(sandbox.inbox()) == (1 if mode.startswith("created") else 0)
    assert len(sandbox.requests(service)) == 1


def test_a_mail_without_an_answer_goes_again_with_the_same_message_id(sandbox):
    sandbox.faults("mail", "created_then_500", times=1)
    notice = mail()

    assert send(notice.pk) == Status.QUEUED
    make_due(notice)
    assert send(notice.pk) == Status.SENT

    first, second = sandbox.inbox()
    assert first["headers"]["Message-ID"] == second["headers"]["Message-ID"] == notice.message_id


def test_an_sms_whose_sender_was_killed_is_unknown(sandbox):
    notice = sms()
    jobs._claim(notice.pk)

    assert send(notice.pk) == ""
    assert reload(notice).status == Status.SENDING
    let_claim_run_out(notice)
    assert send_due() == 1
    assert send(notice.pk) == ""

    assert reload(notice).status == Status.UNKNOWN
    assert sandbox.requests("sens") == []


def test_a_mail_whose_sender_was_killed_goes_again(sandbox):
    notice = mail()
    jobs._claim(notice.pk)
    let_claim_run_out(notice)

    assert send(notice.pk) == Status.SENT

    assert len(sandbox.inbox()) == 1
    assert reload(notice).attempts == 2


def test_a_mail_that_kills_its_sender_each_time_ends(sandbox):
    notice = mail()
    for _ in range(MAX_TRIES + 1):
        jobs._claim(notice.pk)
        let_claim_run_out(notice)

    assert reload(notice).status == Status.FAILED
    assert sandbox.inbox() == []


def test_an_answer_that_comes_late_is_still_the_answer(sandbox):
    notice = jobs._claim(sms().pk)
    let_claim_run_out(notice)
    send(notice.pk)

    jobs._record_sent(notice, provider_id="late")

    assert (reload(notice).status, reload(notice).provider_id) == (Status.SENT, "late")


def test_a_failure_that_comes_late_undoes_nothing(sandbox):
    notice = jobs._claim(mail().pk)
    let_claim_run_out(notice)
    assert send(notice.pk) == Status.SENT

    jobs._record_failure(notice, OSError("late"))

    assert reload(notice).status == Status.SENT


def test_our_own_mistake_is_tried_again_by_mail_and_never_by_sms(monkeypatch, sandbox):
    def broken(**_message):
        raise KeyError("ours")

    monkeypatch.setattr(jobs, "send_email", broken)
    monkeypatch.setattr(jobs, "send_sms", broken)

    assert [send(mail().pk), send(sms().pk)] == [Status.QUEUED, Status.UNKNOWN]
    assert sandbox.inbox() == []


# --- What is left over ----------------------------------------------------------------------------------------------------


def test_the_sweep_leaves_a_fresh_notice_to_its_own_job_and_takes_up_a_lost_one():
    notice = mail()
    OrmQ.objects.all().delete()

    assert send_due() == 0
    let_claim_run_out(notice)
    assert [send_due(), send_due()] == [1, 0]

    assert [job.task["args"] for job in OrmQ.objects.all()] == [(notice.pk,)]


def test_the_command_sends_at_once_what_is_due(sandbox):
    mail()
    sms()
    later = mail(key="later")
    Notice.objects.filter(pk=later.pk).update(due_at=timezone.now() + timedelta(hours=1))
    sandbox.faults("sens", "hang", times=1, seconds=2)
    said, again = StringIO(), StringIO()

    call_command("send_notices", stdout=said)
    call_command("send_notices", stdout=again)

    assert said.getvalue() == "1 sent, 1 may have been sent\n"
    assert again.getvalue() == "nothing is due\n"
    assert len(sandbox.inbox()) == 1


def test_staff_send_again_what_has_failed_or_may_have(sandbox):
    sandbox.faults("sens", "hang", times=1, seconds=2)
    notice = sms()
    assert send_again(notice.pk) is False
    send(notice.pk)

    assert send_again(notice.pk) is True
    assert send(notice.pk) == Status.SENT

    assert send_again(notice.pk) is False
    assert len(sandbox.inbox()) == 1


# --- Codes ----------------------------------------------------------------------------------------------------------------


def code() -> Notice:
    row = EmailCode.objects.create(email="new@example.com", purpose="signup", code_hash="x", expires_at=timezone.now())
    send_code(row, "482913", locale="en")
    return Notice.objects.get()


def test_a_code_is_mailed_and_then_forgotten(sandbox):
    notice = code()

    assert send(notice.pk) == Status.SENT

    (message,) = sandbox.inbox()
    assert (message["to"], message["subject"]) == (["new@example.com"], "Your Bidangil sign-up code")
    assert "482913" in message["text"]
    assert "482913" in message["html"]
    assert (reload(notice).text, reload(notice).html, "482913" in reload(notice).subject) == ("", "", False)


def test_a_code_that_has_run_out_is_not_mailed(sandbox):
    notice = code()
    Notice.objects.filter(pk=notice.pk).update(created_at=timezone.now() - timedelta(minutes=10))

    assert send(notice.pk) == ""

    assert (reload(notice).status, reload(notice).text) == (Status.FAILED, "")
    assert sandbox.inbox() == []
    assert send_again(notice.pk) is False
