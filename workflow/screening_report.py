"""Decisions about items over a period: by topic and outcome, and what became of the hints. Bounded, counted within an index."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

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
    """Four statements. `until` does not belong to it."""
    decided = Item.objects.filter(screened_at__gte=since, screened_at__lt=until).order_by()
    counted, money = _counts(decided)
    hinted = list(decided.filter(hints__isnull=False).order_by("-screened_at").values_list("status", "hints")[: MOST_HINTED + 1])
    codes = {hint["code"] for _status, hints in hinted for hint in hints or ()}
    of_topic = Q(pk__in={pk for pk, _status, _count in counted if pk}) | Q(code__in=codes)
    topics = {topic.pk: topic for topic in Restriction.objects.filter(of_topic).order_by("valid_from")}
    rows = _by_topic(counted, money, codes={pk: topic.code for pk, topic in topics.items()})
    words: Counter[tuple[str, str]] = Counter()
    for status, hints in hinted[:MOST_HINTED]:
        for hint in hints or ():
            row = rows.setdefault(hint["code"], Row(hint["code"]))
            row.hinted += 1
            row.overruled += status != ItemStatus.REJECTED
            words[hint["word"], hint["code"]] += 1
    for topic in topics.values():  # the newest version gives its name
        if topic.code in rows:
            rows[topic.code].topic = topic
    frequent = sorted(words.items(), key=lambda found: (-found[1], found[0]))[:WORDS_SHOWN]
    return Report(
        rows=sorted(rows.values(), key=lambda row: (not row.code, -row.rejected, -row.approved, -row.hinted, row.code)),
        words=[(word, code, count) for (word, code), count in frequent],
        is_cut=len(hinted) > MOST_HINTED,
    )


def _counts(decided: QuerySet[Item]) -> tuple[list[Any], list[Any]]:
    """(version, status, items), within the index; and (version, won, unpriced) of the rejected, of which alone the rows are read."""
    counted = decided.values_list("restriction", "status").annotate(n=Count("status"))
    rejected = decided.filter(status=ItemStatus.REJECTED).values_list("restriction")
    money = rejected.annotate(krw=Sum(F("price_krw") * F("quantity"), default=0), unpriced=Count("pk", filter=Q(price_krw=None)))
    return list(counted), list(money)


def _by_topic(counted: list[Any], money: list[Any], *, codes: dict[int, str]) -> dict[str, Row]:
    """A rejection stays one; whatever else became of an item, it was approved."""
    rows: dict[str, Row] = {}
    for pk, status, count in counted:
        row = rows.setdefault(codes.get(pk, ""), Row(codes.get(pk, "")))
        if status == ItemStatus.REJECTED:
            row.rejected += count
        else:
            row.approved += count
    for pk, krw, unpriced in money:
        row = rows.setdefault(codes.get(pk, ""), Row(codes.get(pk, "")))
        row.rejected_krw += krw
        row.rejected_unpriced += unpriced
    return rows
