"""Decisions about items over a period: by topic and outcome, and what became of the hints. Bounded, over the index on `screened_at`."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, Sum

from workflow.models import Item, ItemStatus, Restriction

#: the newest hinted items that are read one by one; a period with more says so
MOST_HINTED, WORDS_SHOWN = 50_000, 20


@dataclass
class Row:
    """One topic; `code` is empty for decisions in own words. Money is won, for items whose price was known when they were rejected."""

    code: str
    topic: Restriction | None = None
    approved: int = 0
    rejected: int = 0
    rejected_krw: int = 0
    rejected_unpriced: int = 0
    #: items that hinted at the topic, and of these the ones that were approved all the same
    hinted: int = 0
    overruled: int = 0


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    #: (word, topic code, items), most frequent first
    words: list[tuple[str, str, int]] = field(default_factory=list)
    is_cut: bool = False

    @property
    def total(self) -> Row:
        """Of the decisions; an item may hint at several topics, so hints have no sum."""
        names = ("approved", "rejected", "rejected_krw", "rejected_unpriced")
        return Row("", None, **{name: sum(getattr(row, name) for row in self.rows) for name in names})


def screening_report(*, since: datetime, until: datetime) -> Report:
    """Three statements, and one more for the titles. `until` does not belong to it."""
    decided = Item.objects.filter(screened_at__gte=since, screened_at__lt=until).order_by()
    rows: dict[str, Row] = {}
    for found in _by_topic(decided):
        code = found.pop("restriction__code") or ""
        rows[code] = Row(code, **found)
    hinted = list(decided.filter(hints__isnull=False).order_by("-screened_at").values_list("status", "hints")[: MOST_HINTED + 1])
    words: Counter[tuple[str, str]] = Counter()
    for status, hints in hinted[:MOST_HINTED]:
        for hint in hints or ():
            row = rows.setdefault(hint["code"], Row(hint["code"]))
            row.hinted += 1
            row.overruled += status != ItemStatus.REJECTED
            words[hint["word"], hint["code"]] += 1
    _name(rows)
    frequent = sorted(words.items(), key=lambda found: (-found[1], found[0]))[:WORDS_SHOWN]
    return Report(
        rows=sorted(rows.values(), key=lambda row: (not row.code, -row.rejected, -row.approved, -row.hinted, row.code)),
        words=[(word, code, count) for (word, code), count in frequent],
        is_cut=len(hinted) > MOST_HINTED,
    )


def _by_topic(decided: Any) -> Any:
    """A rejection stays one; whatever else became of an item, it was approved."""
    rejected = Q(status=ItemStatus.REJECTED)
    return decided.values("restriction__code").annotate(
        approved=Count("pk", filter=~rejected),
        rejected=Count("pk", filter=rejected),
        rejected_krw=Sum(F("price_krw") * F("quantity"), filter=rejected, default=0),
        rejected_unpriced=Count("pk", filter=rejected & Q(price_krw=None)),
    )


def _name(rows: dict[str, Row]) -> None:
    for topic in Restriction.objects.filter(code__in=[code for code in rows if code]).order_by("valid_from"):
        rows[topic.code].topic = topic
