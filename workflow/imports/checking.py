"""Every staged row is looked at and says what it would change, or why it cannot be. Nothing but the staged rows is written, step by
step, so that the page can say how far it is."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict
from core.retries import retried
from workflow.bulk import in_steps, many_rows
from workflow.imports import claims
from workflow.imports.kind import examine, orders_numbered
from workflow.imports.kinds import kind_of
from workflow.imports.rows import keep
from workflow.models import ImportBatch, ImportRow, ImportStatus, RowOutcome

STEP = 1000


def check_may_check(batch: ImportBatch) -> None:
    may = batch.status == ImportStatus.READY or (batch.was_interrupted and batch.status != ImportStatus.UNDOING)
    if not may:
        raise Conflict(_("This import is “%(status)s”.") % {"status": batch.get_status_display()})


@many_rows()
def check(batch_id: int, *, claim: str) -> None:
    """Safe to run again. Does nothing when the claim is lost."""
    if not claims.begin(batch_id, claim=claim):
        return
    batch = ImportBatch.objects.get(pk=batch_id)
    kind = kind_of(batch)
    rows_of: dict[tuple[object, ...], list[int]] = defaultdict(list)
    done = 0
    with translation.override(batch.language):
        for rows in _steps(batch):
            examine(kind, rows, orders=orders_numbered(row.order_number for row in rows), at=now())
            _keep(rows)
            for row in rows:
                if row.outcome in (RowOutcome.GOOD, RowOutcome.SAME) and row.target:
                    rows_of[row.target, row.target_id, row.order_id, row.position].append(row.number)
                if row.outcome == RowOutcome.GOOD and (label := row.wanted.get("tracking_number")):
                    rows_of["label", label].append(row.number)
            done += len(rows)
            mine = ImportBatch.objects.filter(pk=batch_id, claim=claim)
            if not mine.update(done_count=done, claimed_until=now() + claims.LEASE):
                return
        _refuse_doubles(batch, [numbers for numbers in rows_of.values() if len(numbers) > 1])
    _end(batch_id, claim=claim)


@retried
def _keep(rows: list[ImportRow]) -> None:
    """A row that names its order for the first time waits for whoever has the order locked: in the order of all who lock several."""
    keep(sorted(rows, key=lambda row: row.order_id or 0))


def _steps(batch: ImportBatch) -> Iterator[list[ImportRow]]:
    """The rows that could be read, in the order of the file."""
    last = 0
    while rows := list(batch.rows.filter(is_readable=True, number__gt=last).order_by("number")[:STEP]):
        yield rows
        last = rows[-1].number


def _refuse_doubles(batch: ImportBatch, doubles: list[list[int]]) -> None:
    """Which of two rows is meant nobody can say: neither is good."""
    for step in in_steps(doubles, 200):
        words = {
            number: _("The same is in rows %(rows)s.") % {"rows": ", ".join(map(str, numbers[:5]))}
            for numbers in step
            for number in numbers
        }
        rows = list(batch.rows.filter(number__in=list(words)))
        for row in rows:
            row.refuse(words[row.number])
        keep(rows)


def _end(batch_id: int, *, claim: str) -> None:
    with transaction.atomic():
        batch = claims.still_mine(batch_id, ImportStatus.CHECKING, claim=claim)
        claims.release(batch, ImportStatus.READY, **counts(batch))


def counts(batch: ImportBatch) -> dict[str, int]:
    found = Counter(dict(batch.rows.order_by().values_list("outcome").annotate(n=Count("pk"))))
    orders = batch.rows.filter(outcome=RowOutcome.GOOD).aggregate(n=Count("order", distinct=True))["n"]
    return {
        "done_count": batch.row_count,
        "good_count": found[RowOutcome.GOOD],
        "same_count": found[RowOutcome.SAME],
        "bad_count": found[RowOutcome.BAD],
        "order_count": orders,
    }
