"""Comparisons of our books with Stripe: asked for by a schedule, a person or a command, one at a time where a schedule asks, each with a
report that staff can read.

What is compared is in `comparison.py`, how it is mended in `mending.py`.
"""

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from core.errors import Invalid
from integrations.base import ProviderError
from workflow import mending
from workflow.models import Reconciliation
from workflow.transitions import TransitionRefused

if TYPE_CHECKING:
    from workflow.transitions import By

log = logging.getLogger(__name__)

KEPT_FOR, BATCH = timedelta(days=90), 500
#: a run that began longer ago has been killed; one that is younger makes a scheduled one needless
RUNNING, KILLED = timedelta(minutes=10), timedelta(hours=1)
#: what staff may ask for
SPANS = ("48h", "5d", "30d")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def reconcile(*, since: timedelta, by: "By | None" = None) -> Reconciliation:
    """Compare everything of the last `since` and mend what differs. A Stripe that stops answering ends it: the report's `error` says so,
    and what was mended stays."""
    Reconciliation.objects.filter(ended_at=None, started_at__lt=now() - KILLED).update(ended_at=now(), error="killed before its end")
    began = now()
    report = Reconciliation.objects.create(since=began - since, started_at=began, asked_by=by.user if by else None)
    run = mending.Run(since=report.since)
    try:
        run.compare()
    except ProviderError as error:
        log.warning("the comparison with Stripe ended early: %s", error)
        report.error = f"{type(error).__name__} {error}"[:300]
    except BaseException as error:
        report.error = f"{type(error).__name__}"
        raise
    finally:
        _finish(report, run)
    return report


def reconcile_by_schedule(*, since: timedelta) -> Reconciliation | None:
    """The same, unless one that looks back as far is under way."""
    if Reconciliation.objects.filter(ended_at=None, started_at__gt=now() - RUNNING, since__lte=now() - since).exists():
        log.info("a comparison with Stripe is under way already")
        return None
    return reconcile(since=since)


def request(*, span: str, by: "By") -> None:
    """Queue a comparison for a person. Refused for those who may not ask for one; Invalid for a span that is not offered."""
    if by.user is None or not by.user.has_perm("workflow.add_reconciliation"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if span not in SPANS:
        raise Invalid(_("Please choose how far to look back."), field="since")
    async_task("workflow.jobs.reconcile_for", span, by.user.pk, cluster="slow")


def span_of(words: str) -> timedelta:
    """`30m`, `48h`, `5d`, `2w`; anything else is Invalid."""
    read = re.fullmatch(r"([0-9]{1,3})([mhdw])", words.strip())
    if read is None or not int(read[1]):
        raise Invalid(_("“%(words)s” is no span of time; write 30m, 48h, 5d or 2w.") % {"words": words}, field="since")
    return timedelta(**{UNITS[read[2]]: int(read[1])})


def _finish(report: Reconciliation, run: mending.Run) -> None:
    report.ended_at, report.counts, report.findings = now(), run.counts(), run.findings()
    report.save()
    if report.asked_by_id is None:
        _take_the_place_of_the_last(report)


def _take_the_place_of_the_last(report: Reconciliation) -> None:
    """A run nobody waited for, that changed nothing and found what the last one of its span found, leaves one row, not two."""
    if report.counts["changed"]:
        return
    before = Reconciliation.objects.filter(asked_by=None, error=report.error, pk__lt=report.pk, ended_at__isnull=False)
    for last in before.order_by("-pk")[:5]:
        if not last.counts.get("changed") and last.findings == report.findings and _span(last) == _span(report):
            last.delete()


def _span(report: Reconciliation) -> timedelta:
    return report.started_at - report.since


def trim() -> int:
    """Forget old reports; the number forgotten."""
    forgotten = 0
    while keys := list(Reconciliation.objects.filter(started_at__lt=now() - KEPT_FOR).values_list("pk", flat=True)[:BATCH]):
        Reconciliation.objects.filter(pk__in=keys).delete()
        forgotten += len(keys)
    return forgotten
