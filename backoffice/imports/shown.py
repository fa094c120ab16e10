"""What the imports' pages show: the log, a batch's numbers, and its rows with old and new values. Fixed numbers of queries."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.timezone import localtime, now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.words import courier_name
from core.money import format_krw
from workflow.imports import moving
from workflow.imports.files import MOST_ROWS
from workflow.imports.kinds import allowed, kind_of
from workflow.models import ImportBatch, ImportKind, ImportRow, ImportStatus, ItemStatus, RowOutcome
from workflow.process import TRANSITIONS
from workflow.transitions import By

LOG_SHOWN, ROWS_SHOWN, MOVES_SHOWN = 25, 100, 100
MOVING_FOR = timedelta(minutes=2)

KIND_WORDS: dict[str, tuple[str, Any]] = {
    ImportKind.PRICES: ("sell", _("Unit prices in won by order and item, and product names if you like.")),
    ImportKind.TRACKING: ("local_shipping", _("Courier and tracking number by order; with a parcel number where an order has several.")),
    ImportKind.ARRIVALS: ("warehouse", _("Items that arrived or were inspected; weight and size of parcels.")),
}
TONES = {
    ImportStatus.CHECKING: "customer",
    ImportStatus.READY: "staff",
    ImportStatus.APPLYING: "customer",
    ImportStatus.APPLIED: "good",
    ImportStatus.UNDOING: "customer",
    ImportStatus.UNDONE: "nobody",
    ImportStatus.DISCARDED: "nobody",
}
ROW_TONES = {
    RowOutcome.GOOD: "staff",
    RowOutcome.BAD: "bad",
    RowOutcome.APPLIED: "good",
    RowOutcome.SKIPPED: "bad",
    RowOutcome.KEPT: "bad",
}
#: what is shown of each kind's rows, in this order
VALUES: dict[str, tuple[Any, Any]] = {
    "price_krw": (_("unit price"), format_krw),
    "name": (_("product name"), str),
    "courier": (_("courier"), courier_name),
    "tracking_number": (_("tracking number"), str),
    "weight_g": (_("weight"), lambda grams: f"{grams:,} g"),
    "volume_cm3": (_("volume"), lambda volume: f"{volume:,} cm³"),
}
TABS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "bad": (_("Errors"), (RowOutcome.BAD, RowOutcome.SKIPPED)),
    "good": (_("Will change"), (RowOutcome.GOOD,)),
    "applied": (_("Applied"), (RowOutcome.APPLIED,)),
    "undone": (_("Undone"), (RowOutcome.UNDONE,)),
    "kept": (_("Not undone"), (RowOutcome.KEPT,)),
    "same": (_("No change"), (RowOutcome.SAME,)),
}


# --- The log --------------------------------------------------------------------------------------------------------------


def overview(request: HttpRequest) -> dict[str, Any]:
    kinds = allowed(acting(request))
    before = request.GET.get("before", "")
    batches = ImportBatch.objects.filter(kind__in=[kind.code for kind in kinds]).prefetch_related("made_by")
    if before.isascii() and before.isdigit() and len(before) < 19:
        batches = batches.filter(pk__lt=int(before))
    log = list(batches.order_by("-pk")[: LOG_SHOWN + 1])
    return {
        "kinds": [
            {"code": str(kind.code), "label": kind.code.label, "icon": KIND_WORDS[kind.code][0], "words": KIND_WORDS[kind.code][1]}
            for kind in kinds
        ],
        "log": [{"batch": batch, "result": result_of(batch), "numbers": numbers_of(batch)} for batch in log[:LOG_SHOWN]],
        "older": log[LOG_SHOWN - 1].pk if len(log) > LOG_SHOWN else None,
        "most_rows": f"{MOST_ROWS:,}",
    }


def result_of(batch: ImportBatch) -> tuple[str, Any]:
    """Its tone and how it stands, in words."""
    if batch.was_interrupted:
        return "bad", _("interrupted, nothing was written")
    if batch.status == ImportStatus.READY and not batch.good_count:
        return "nobody", _("nothing to apply")
    return TONES[ImportStatus(batch.status)], batch.get_status_display()


def numbers_of(batch: ImportBatch) -> str:
    if batch.status in (ImportStatus.APPLIED, ImportStatus.UNDOING):
        said = gettext("%(applied)s of %(rows)s rows, %(orders)s orders")
    elif batch.status == ImportStatus.UNDONE:
        said = gettext("%(undone)s of %(applied)s rows put back")
    else:
        said = gettext("%(good)s to change, %(bad)s with errors, of %(rows)s rows")
    return said % {
        "applied": f"{batch.applied_count:,}",
        "undone": f"{batch.undone_count:,}",
        "rows": f"{batch.row_count:,}",
        "orders": f"{batch.order_count:,}",
        "good": f"{batch.good_count:,}",
        "bad": f"{batch.bad_count:,}",
    }


# --- One batch ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    label: Any
    old: str
    new: str

    @property
    def is_same(self) -> bool:
        return self.old == self.new


@dataclass(frozen=True)
class Shown:
    row: ImportRow
    tone: str
    changes: list[Change]

    @property
    def place(self) -> str:
        return f"#{self.row.position}" if self.row.position else ""


def batch(request: HttpRequest, batch: ImportBatch) -> dict[str, Any]:
    by = acting(request)
    is_own = by.user is not None and by.user.pk == batch.made_by_id
    counts = _counts(batch)
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in counts else next(iter(counts), "")
    rows, following = _rows(batch, chosen, after=request.GET.get("after", ""))
    is_open = batch.status == ImportStatus.READY or (batch.was_interrupted and batch.status == ImportStatus.APPLYING)
    return {
        "batch": batch,
        "result": result_of(batch),
        "is_own": is_own,
        "may_confirm": is_own and is_open and bool(batch.good_count),
        "may_check": is_own and (batch.status == ImportStatus.READY or (batch.was_interrupted and batch.status != ImportStatus.UNDOING)),
        "may_discard": is_own and (batch.status == ImportStatus.READY or (batch.was_interrupted and batch.status != ImportStatus.UNDOING)),
        "may_undo": bool(counts.get("applied")) and not batch.is_busy,
        "earlier": _earlier(batch) if is_open else None,
        "tabs": [{"name": name, "label": TABS[name][0], "count": count, "active": name == chosen} for name, count in counts.items()],
        "chosen": chosen,
        "rows": rows,
        "following": following,
        **_moves(batch, by=by),
    }


def _counts(batch: ImportBatch) -> dict[str, int]:
    """The tabs that have rows, from the numbers kept with the batch."""
    is_done = batch.status in (ImportStatus.APPLIED, ImportStatus.UNDOING, ImportStatus.UNDONE)
    is_undone = batch.status == ImportStatus.UNDONE
    counts = {
        "bad": batch.skipped_count if is_done else batch.bad_count,
        "good": 0 if is_done else batch.good_count,
        "applied": batch.applied_count if is_done and not is_undone else 0,
        "kept": batch.applied_count - batch.undone_count if is_undone else 0,
        "undone": batch.undone_count,
        "same": batch.same_count,
    }
    return {} if batch.status == ImportStatus.DISCARDED else {name: count for name, count in counts.items() if count}


def _rows(batch: ImportBatch, chosen: str, *, after: str) -> tuple[list[Shown], int | None]:
    if not chosen:
        return [], None
    rows = batch.rows.filter(outcome__in=TABS[chosen][1])
    if after.isascii() and after.isdigit() and len(after) < 9:
        rows = rows.filter(number__gt=int(after))
    page = list(rows.order_by("number")[: ROWS_SHOWN + 1])
    following = page[ROWS_SHOWN - 1].number if len(page) > ROWS_SHOWN else None
    return [Shown(row, ROW_TONES.get(RowOutcome(row.outcome), "nobody"), changes(row)) for row in page[:ROWS_SHOWN]], following


def changes(row: ImportRow) -> list[Change]:
    """Old and new of what the row is about; of a row with an error what the file says."""
    if not row.wanted:
        return [Change(label, "", word(row.said[name])) for name, (label, word) in VALUES.items() if row.said.get(name) not in (None, "")]
    if row.target == "item" and "status" in row.wanted:
        return [Change(_("status"), _status(row.seen), _status(row.wanted))]
    found = []
    for name, (label, word) in VALUES.items():
        if name in row.seen or name in row.wanted:
            old, new = (word(values[name]) if values.get(name) not in (None, "") else "–" for values in (row.seen, row.wanted))
            if (old, new) != ("–", "–") and (old != new or name != "name"):
                found.append(Change(label, old, new))
    return found


def _status(values: dict[str, Any]) -> str:
    status = values.get("status", "")
    return str(ItemStatus(status).label) if status in ItemStatus.values else status


def _earlier(batch: ImportBatch) -> str:
    """The same file was applied before."""
    twin = (
        ImportBatch.objects.filter(sha256=batch.sha256, kind=batch.kind, status=ImportStatus.APPLIED, pk__lt=batch.pk)
        .select_related("made_by")
        .order_by("-pk")
        .first()
    )
    if twin is None or twin.applied_at is None:
        return ""
    words = {"who": twin.made_by.nickname, "when": localtime(twin.applied_at).strftime("%Y-%m-%d %H:%M"), "number": twin.pk}
    return gettext("%(who)s applied the same file on %(when)s (import %(number)s).") % words


def _moves(batch: ImportBatch, *, by: By) -> dict[str, Any]:
    """The next move of the orders that the import completed."""
    spec = TRANSITIONS[kind_of(batch).move]
    may_move = moving.may_move(batch, by=by)
    context: dict[str, Any] = {"move": spec, "may_move": may_move, "list_state": next(iter(spec.sources))}
    if batch.status in (ImportStatus.APPLIED, ImportStatus.UNDOING, ImportStatus.UNDONE):
        context["moves"] = list(batch.moves.select_related("order").order_by("-refused", "pk")[:MOVES_SHOWN])
        context["move_count"] = batch.moves.count() if len(context["moves"]) == MOVES_SHOWN else len(context["moves"])
    if batch.status == ImportStatus.APPLIED:
        context["ready_count"] = moving.ready(batch).count()
        context["is_moving"] = is_moving(batch)
    return context


def is_moving(batch: ImportBatch) -> bool:
    """The orders' moves were asked for with the import and are still under way; a job that does not come is not waited for."""
    just_applied = batch.applied_at is not None and now() - batch.applied_at < MOVING_FOR
    return batch.status == ImportStatus.APPLIED and batch.and_move and just_applied and moving.left(batch).exists()
