"""Who works on a batch right now. A claim is taken in a transaction of its own and has a lease; the work itself, one transaction, ends
it. A killed process leaves a lease that runs out: anybody may begin again, and a job delivered again finds its claim gone.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from core.errors import Conflict, NotFound
from workflow.models import ImportBatch, ImportStatus
from workflow.transitions import By

#: above so many rows the slow cluster does it, and the page shows how far it is
IN_REQUEST = 1_000
LEASE, QUEUED = timedelta(seconds=60), timedelta(minutes=10)


def locked(batch_id: int) -> ImportBatch:
    batch = ImportBatch.objects.select_for_update().filter(pk=batch_id).first()
    if batch is None:
        raise NotFound
    return batch


def take(batch: ImportBatch, status: ImportStatus, job: str, *, by: By) -> bool:
    """Claim the locked batch for this work. True: a job was queued for it; False: the caller does it, after the commit."""
    is_queued = batch.row_count > IN_REQUEST
    batch.status, batch.claim, batch.error = status, secrets.token_hex(16), ""
    batch.claimed_until = now() + (QUEUED if is_queued else LEASE)
    batch.save()
    if is_queued:
        async_task(f"workflow.imports.jobs.{job}", batch.pk, batch.claim, by.as_json(), cluster="slow")
    return is_queued


def begin(batch_id: int, *, claim: str) -> bool:
    """Renew the lease as the work begins; False when the claim was lost meanwhile or ran out."""
    mine = ImportBatch.objects.filter(pk=batch_id, claim=claim, claimed_until__gt=now())
    return bool(mine.update(claimed_until=now() + LEASE))


def still_mine(batch_id: int, status: ImportStatus, *, claim: str) -> ImportBatch:
    """The batch under its lock, within the work's transaction."""
    batch = locked(batch_id)
    if batch.status != status or batch.claim != claim:
        raise Conflict(_("Somebody else has taken this import further meanwhile."), code="claim_lost")
    return batch


def release(batch: ImportBatch, status: ImportStatus, **changed: Any) -> None:
    for name, value in changed.items():
        setattr(batch, name, value)
    batch.status, batch.claim, batch.claimed_until = status, "", None
    batch.save()


@transaction.atomic
def discard(batch_id: int, *, by: By) -> ImportBatch:
    """Throw away what was not applied; the log keeps that it was brought."""
    batch = locked(batch_id)
    check_own(batch, by=by)
    is_idle = batch.status == ImportStatus.READY or (batch.was_interrupted and batch.status != ImportStatus.UNDOING)
    if not is_idle:
        raise Conflict(_("This import is “%(status)s”; it cannot be discarded.") % {"status": batch.get_status_display()})
    release(batch, ImportStatus.DISCARDED)
    batch.rows.all().delete()
    return batch


def check_own(batch: ImportBatch, *, by: By) -> None:
    """What was brought and not applied is in its bringer's hands alone."""
    from workflow.imports.kinds import check_allowed, kind_of

    check_allowed(kind_of(batch), by)
    if by.user is None or by.user.pk != batch.made_by_id:
        raise Conflict(_("Only who brought the file may do this."), code="not_yours")
