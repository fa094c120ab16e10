"""The slow cluster's part: files too large for a request. Each job is safe to be delivered again: its claim is gone then."""

from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from workflow.imports import applying, checking, moving, undoing
from workflow.models import ImportBatch, ImportRow, ImportStatus
from workflow.transitions import By

#: rows that were never applied, and rows of what can be undone
UNUSED_KEPT, ROWS_KEPT = timedelta(days=7), timedelta(days=90)


def check(batch_id: int, claim: str, by: dict[str, Any]) -> None:
    checking.check(batch_id, claim=claim)


def apply(batch_id: int, claim: str, by: dict[str, Any]) -> None:
    applying.apply(batch_id, claim=claim, by=By.from_json(by))


def undo(batch_id: int, claim: str, by: dict[str, Any]) -> None:
    undoing.undo(batch_id, claim=claim, by=By.from_json(by))


def move(batch_id: int, by: dict[str, Any]) -> int:
    return moving.move(batch_id, by=By.from_json(by))


def trim() -> int:
    """Forget the rows of old imports; the log itself stays. How many rows."""
    unused = ImportBatch.objects.filter(made_at__lt=now() - UNUSED_KEPT).exclude(
        status__in=(ImportStatus.APPLIED, ImportStatus.UNDONE, ImportStatus.UNDOING, ImportStatus.APPLYING)
    )
    unused.exclude(status=ImportStatus.DISCARDED).update(status=ImportStatus.DISCARDED)
    gone = ImportBatch.objects.filter(status=ImportStatus.DISCARDED) | ImportBatch.objects.filter(made_at__lt=now() - ROWS_KEPT)
    trimmed = 0
    while ids := list(ImportRow.objects.filter(batch__in=gone).order_by().values_list("pk", flat=True)[:1000]):
        trimmed += ImportRow.objects.filter(pk__in=ids).delete()[0]
    return trimmed
