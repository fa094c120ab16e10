"""What couriers tell us by themselves (`POST /webhooks/couriers/{courier}`): stored before the 2xx, taken in by a job like a polled answer.

Who signs how, and what a body means, is the courier's own module (`Courier.webhook`). A message is never believed further than an answer
to our own question would be; one that only says "there is news" has its parcel asked for at once.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_noop
from django_q.tasks import async_task

from core.errors import NotFound
from integrations.base import ProviderError
from integrations.couriers import COURIERS, TrackingResult, TrackingStatus, Webhook
from workflow import tracking
from workflow.courier_settings import poll_percent
from workflow.models import CourierMessage, Parcel
from workflow.settlement import SignatureRefused
from workflow.tasks import staff_task

log = logging.getLogger(__name__)

#: after so many starts a message waits for a person (or for a release that can read it: its attempts are set back then)
MAX_ATTEMPTS = 5
#: a message's own job has this long before the sweep takes it up
OWN_JOB = timedelta(seconds=30)
KEPT = timedelta(days=30)
BATCH, FORGOTTEN_AT_ONCE = 200, 5000


def receive(code: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Take in what came to a courier's address. Raises NotFound (404) or SignatureRefused (400); nothing is parsed or stored before.

    The same body again is no second message: couriers that did not hear our 2xx send it anew, and so would somebody who recorded it.
    """
    webhook = _webhook_of(code)
    secrets = [secret for secret in webhook.secrets() if secret] if webhook else []
    if webhook is None or not secrets:
        raise NotFound
    if not any(webhook.is_genuine(body, headers, secret) for secret in secrets):
        raise SignatureRefused
    digest = sha256(body).hexdigest()
    try:
        _store(code, digest, body)
    except IntegrityError:
        if not CourierMessage.objects.filter(courier=code, digest=digest).exists():
            raise
        log.info("%s said the same again", code)


def _webhook_of(code: str) -> Webhook | None:
    courier = COURIERS.get(code)
    return courier.webhook if courier else None


@transaction.atomic
def _store(code: str, digest: str, body: bytes) -> None:
    text = body.decode("utf-8", "backslashreplace")
    row = CourierMessage.objects.create(courier=code, digest=digest, body=text)
    async_task("workflow.courier_messages.settle_message", row.pk)


def settle_message(pk: int) -> None:
    """Act on one stored message, once. What cannot be read stays, with its error, and staff are told; nothing is raised for it."""
    row = CourierMessage.objects.get(pk=pk)
    webhook = _webhook_of(row.courier)
    if row.settled_at or webhook is None:
        return
    CourierMessage.objects.filter(pk=pk).update(attempts=F("attempts") + 1)
    try:
        failed = _take_in(row.courier, webhook.read(row.body.encode()))
    except ProviderError as error:
        _keep(row, f"{type(error).__name__}: {error}", is_final=True)
    except Exception as error:  # a parser's mistake: the message waits for its mending
        log.exception("message %s of %s", pk, row.courier)
        _keep(row, type(error).__name__, is_final=True)
    else:
        if failed:
            _keep(row, f"not taken in: {', '.join(failed)}", is_final=row.attempts + 1 >= MAX_ATTEMPTS)
        else:
            CourierMessage.objects.filter(pk=pk).update(settled_at=now(), error="")


def _keep(row: CourierMessage, words: str, *, is_final: bool) -> None:
    attempts = {"attempts": MAX_ATTEMPTS} if is_final else {}
    CourierMessage.objects.filter(pk=row.pk).update(error=words[:300], **attempts)
    if is_final:
        courier = COURIERS[row.courier].label
        text = gettext_noop("A message from %(courier)s could not be taken in: %(words)s")
        staff_task(key=f"courier_message:{row.pk}", kind="courier_message", order=None, text=text, courier=courier, words=words[:200])


def _take_in(code: str, results: Iterable[TrackingResult]) -> list[str]:
    """Each parcel by itself; the numbers whose parcels could not take it in, to be tried again. Numbers of nobody are only counted."""
    by_number = {result.number: result for result in results if result.error is None}
    parcels: dict[str, list[Parcel]] = defaultdict(list)
    for parcel in Parcel.objects.filter(courier=code, tracking_number__in=list(by_number), closed_at=None, handed_over_at__isnull=False):
        parcels[parcel.tracking_number].append(parcel)
    percent, failed, count = poll_percent(code), [], Counter[str]()
    for number, result in by_number.items():
        count["unknown"] += number not in parcels
        for parcel in parcels.get(number, ()):
            count["taken in"] += 1
            try:
                _apply(parcel, result, percent=percent)
            except Exception:  # one poisonous parcel must not stop the others of the message
                log.exception("parcel %s: what %s said could not be taken in", parcel.pk, code)
                failed.append(number)
    log.info("%s told of %d numbers: %s", code, len(by_number), dict(count))
    return failed


def _apply(parcel: Parcel, result: TrackingResult, *, percent: int) -> None:
    if result.scans or result.status is not TrackingStatus.PENDING:
        tracking.take_in(parcel, result, percent=percent, is_whole=False)
    elif parcel.delivered_at is None:  # "there is news": ask
        _ask_for(parcel)


@transaction.atomic
def _ask_for(parcel: Parcel) -> None:
    """In a round of its courier that begins at once; what is due already has one on its way."""
    not_due = Q(next_poll_at=None) | Q(next_poll_at__gt=now())
    if Parcel.objects.filter(not_due, pk=parcel.pk, delivered_at=None, closed_at=None).update(next_poll_at=now()):
        async_task("workflow.jobs.poll_couriers", parcel.courier)


# --- Jobs -----------------------------------------------------------------------------------------------------------------


def waiting() -> QuerySet[CourierMessage, int]:
    """Keys of stored messages whose own job was lost or failed, as many as one run takes on."""
    due = CourierMessage.objects.filter(settled_at=None, received_at__lt=now() - OWN_JOB, attempts__lt=MAX_ATTEMPTS)
    return due.order_by("received_at").values_list("pk", flat=True)[:BATCH]


def settle_waiting() -> int:
    """Settle them; the number tried."""
    pks = list(waiting())
    for pk in pks:
        try:
            settle_message(pk)
        except Exception:
            log.exception("message %s", pk)
    return len(pks)


def to_forget() -> QuerySet[CourierMessage, int]:
    """Keys of messages that were settled long ago, the oldest first, as many as one run takes on."""
    old = CourierMessage.objects.filter(settled_at__lt=now() - KEPT)
    return old.order_by("settled_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]


def forget_old() -> int:
    """Settled messages go after thirty days: what they said stands in the parcels' scans. The others stay for whoever looks into them."""
    return CourierMessage.objects.filter(pk__in=list(to_forget())).delete()[0]
