"""An uploaded file becomes a batch of staged rows. From here on only they are looked at; the file is not kept."""

import hashlib
from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from workflow.imports import cells, checking, claims, columns, files, sheets
from workflow.imports.cells import CellError
from workflow.imports.kind import Kind
from workflow.imports.kinds import KINDS, check_allowed
from workflow.imports.rows import put
from workflow.models import ImportBatch, ImportRow, ImportStatus
from workflow.spreadsheets import as_typed
from workflow.transitions import By


def stage(*, kind: str, name: str, content: bytes, by: By) -> ImportBatch:
    """Read the file whole, then keep its rows. Small files are checked at once, larger ones by a job. Refusals keep nothing."""
    found = KINDS.get(kind)
    if found is None:
        raise Invalid(_("Choose what the file holds."), field="kind")
    check_allowed(found, by)
    form = files.check(name, content)
    sheet = sheets.opened(content, kind=form, fits=lambda header: columns.known(header, found.columns))
    rows = list(_rows(found, sheet))
    if not rows:
        raise Invalid(_("Below the header the file has no rows."), field="file")
    batch, is_queued = _keep(rows, kind=found, name=name, content=content, read_as=sheet.read_as, by=by)
    if not is_queued:
        checking.check(batch.pk, claim=batch.claim)
        batch.refresh_from_db()
    return batch


def _rows(kind: Kind, sheet: sheets.Sheet) -> Iterator[ImportRow]:
    _number, header = next(sheet.rows, (0, []))
    places = columns.places(header, kind.columns)
    for number, texts in list(sheet.rows):  # too many are refused before any is understood
        said = {name: as_typed(texts[place]) if place < len(texts) else "" for name, place in places.items()}
        yield _row(kind, number, said)


def _row(kind: Kind, number: int, said: dict[str, str]) -> ImportRow:
    row = ImportRow(number=number, order_number=cells.plain(said["order"])[:40])
    try:
        row.order_number = cells.order_number(said["order"])
        kind.read(row, said)
    except CellError as refused:
        row.refuse(refused)
        row.is_readable = False
    return row


@transaction.atomic
def _keep(rows: list[ImportRow], *, kind: Kind, name: str, content: bytes, read_as: str, by: By) -> tuple[ImportBatch, bool]:
    batch = ImportBatch(
        kind=kind.code,
        file_name=name.rpartition("/")[2].rpartition("\\")[2][-200:],
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        read_as=read_as,
        language=get_language() or "en",
        made_by=by.user,
        row_count=len(rows),
    )
    is_queued = claims.take(batch, ImportStatus.CHECKING, "check", by=by)
    put(batch, rows)
    return batch, is_queued


def check_again(batch_id: int, *, by: By) -> ImportBatch:
    """After a check that was interrupted, or when things have moved on since."""
    with transaction.atomic():
        batch = claims.locked(batch_id)
        claims.check_own(batch, by=by)
        checking.check_may_check(batch)
        batch.done_count = 0
        is_queued = claims.take(batch, ImportStatus.CHECKING, "check", by=by)
    if not is_queued:
        checking.check(batch.pk, claim=batch.claim)
    return batch
