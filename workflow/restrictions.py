"""Restricted goods: what is in force, a new version of a topic, its end, and the first versions that come with the product.

A version is never changed: decisions refer to it. `hints.py` looks for the keywords, `work.screen_items` decides.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.apps import apps as global_apps
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict, Invalid, NotFound
from workflow.models import Item, Restriction, RestrictionKind
from workflow.models.restrictions import SECTIONS

if TYPE_CHECKING:
    from workflow.transitions import By

FIXTURE = Path(settings.BASE_DIR) / "fixtures" / "restricted_goods.json"
TEXTS = tuple(f"{part}_{language}" for part in ("title", "short", *SECTIONS) for language in ("ko", "en"))
MAX_KEYWORDS, MAX_SECTION = 200, 4_000
MOST = {"title": 80, "short": 400, **dict.fromkeys(SECTIONS, MAX_SECTION)}
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COUNTRY = re.compile(r"([A-Z]{2})?")
_ICON = re.compile(r"[a-z0-9_]{1,40}")
#: by kind, strictest first
STRICTNESS = {kind.value: rank for rank, kind in enumerate(RestrictionKind)}


# --- Reading --------------------------------------------------------------------------------------------------------------


def holding(at: datetime) -> Q:
    """The versions in force at a moment."""
    return Q(is_active=True, valid_from__lte=at) & (Q(valid_until=None) | Q(valid_until__gt=at))


def in_force(at: datetime | None = None, *, country: str | None = None) -> list[Restriction]:
    """The topics in force at a moment (None: now), strictest kind first, each once; one statement. For one destination, or all."""
    found = Restriction.objects.filter(holding(at or now()))
    if country is not None:
        found = found.filter(country__in=("", country))
    return sorted(found, key=lambda topic: (STRICTNESS[topic.kind], topic.position, topic.code))


def versions(code: str) -> QuerySet[Restriction]:
    """Every version of a topic, newest first."""
    return Restriction.objects.filter(code=code).select_related("created_by", "ended_by").order_by("-valid_from")


def reason_for(item: Item, *, locale: str) -> str:
    """The note of a decision as its customer reads it: a topic's own words follow the customer's language, typed ones stay."""
    topic, note = item.restriction, item.screening_note
    return topic.said("short", locale=locale) if topic and note in ("", topic.short_ko, topic.short_en) else note


# --- Adding and ending ----------------------------------------------------------------------------------------------------


@transaction.atomic
def add_version(*, by: "By", code: str, valid_from: datetime | None = None, **fields: Any) -> Restriction:
    """A new version of a topic (or a new topic) from a moment on, or from now on; the one before ends there.

    Raises Invalid with the field.
    """
    _check_may(by)
    start = max(valid_from or now(), now())
    topic = Restriction(code=code, valid_from=start, created_by=by.user, **fields)
    for problem in problems(topic):
        raise problem
    if valid_from and valid_from < now().replace(second=0, microsecond=0):
        raise Invalid(_("This moment is past. A version holds from now on or from a later moment."), field="valid_from")
    others = list(Restriction.objects.select_for_update().filter(code=code).order_by("valid_from"))
    later = [other.valid_from for other in others if other.valid_from > start and not other.is_over]
    topic.valid_until = later[0] if later else None
    _end_before(start, others, by=by)
    try:
        with transaction.atomic():
            topic.save(force_insert=True)
    except IntegrityError:
        raise Invalid(_("There is already a version from this moment on."), field="valid_from") from None
    return topic


def _end_before(start: datetime, others: Iterable[Restriction], *, by: "By | None") -> None:
    for other in others:
        if other.valid_from < start and (other.valid_until is None or other.valid_until > start):
            other.valid_until, other.changed_at, other.ended_by = start, now(), by.user if by else None
            if other.pk:
                other.save(update_fields=["valid_until", "changed_at", "ended_by"])


@transaction.atomic
def end(pk: int, *, by: "By") -> Restriction:
    """End a version now. One that is only planned never begins, and the one before it goes on. Decisions made by it keep it."""
    _check_may(by)
    topic = Restriction.objects.filter(pk=pk).first()
    if topic is None:
        raise NotFound
    others = Restriction.objects.select_for_update().filter(code=topic.code).order_by("valid_from")
    topic = next(version for version in others if version.pk == pk)
    if topic.is_over:
        raise Conflict(_("This version has ended already."), code="version_over")
    if topic.is_planned:
        before = Restriction.objects.filter(code=topic.code, valid_from__lt=topic.valid_from, valid_until=topic.valid_from)
        before.update(valid_until=topic.valid_until, ended_by=None, changed_at=now())
    topic.valid_until, topic.changed_at, topic.ended_by = max(now(), topic.valid_from), now(), by.user
    topic.save(update_fields=["valid_until", "changed_at", "ended_by"])
    return topic


def _check_may(by: "By") -> None:
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.user.has_perm("workflow.add_restriction"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")


# --- What a version may hold ----------------------------------------------------------------------------------------------


def problems(topic: Restriction) -> Iterator[Invalid]:
    """Everything that speaks against a version, each with its field."""
    if not _CODE.fullmatch(topic.code) or len(topic.code) > 40:
        yield Invalid(_("Small letters, digits and hyphens, like “air-freshener”."), field="code")
    if topic.kind not in RestrictionKind.values:
        yield Invalid(_("Please choose a kind."), field="kind")
    if not _COUNTRY.fullmatch(topic.country):
        yield Invalid(_("Two capital letters, like US; empty for everywhere."), field="country")
    if not _ICON.fullmatch(topic.icon):
        yield Invalid(_("The name of a symbol, like “liquor”."), field="icon")
    for name in TEXTS:
        text, most = getattr(topic, name).strip(), MOST[name[:-3]]
        if not text or len(text) > most:
            yield Invalid(_("From 1 to %(most)s characters are needed.") % {"most": most}, field=name)
    yield from _keyword_problems(topic)
    yield from _source_problems(topic)


def _keyword_problems(topic: Restriction) -> Iterator[Invalid]:
    for field in ("keywords_ko", "keywords_en"):
        rows = getattr(topic, field)
        if len(rows) > MAX_KEYWORDS:
            yield Invalid(_("At most %(most)s keywords.") % {"most": MAX_KEYWORDS}, field=field)
        for row in rows:
            words = [row["word"], *row.get("unless", [])]
            if not all(len(word) <= 60 and sum(letter.isalnum() for letter in word) >= 2 for word in words):
                yield Invalid(_("A keyword has from 2 to 60 characters: “%(word)s”.") % {"word": row["word"][:60]}, field=field)
                break


def _source_problems(topic: Restriction) -> Iterator[Invalid]:
    if not topic.sources:
        yield Invalid(_("At least one source is needed."), field="sources")
    for source in topic.sources:
        if not source["title"].strip() or len(source["title"]) > 120 or not is_source_address(source["url"]):
            yield Invalid(_("A source is a title and an https address: “%(said)s”.") % {"said": source["title"][:60]}, field="sources")
            break


def is_source_address(url: str) -> bool:
    """A plain https address: it becomes a link on pages."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    plain = all(char.isprintable() and char not in " \\\"'<>" for char in url)
    return plain and parts.scheme == "https" and "." in host and "@" not in parts.netloc and len(url) <= 300


# --- What comes with the product ------------------------------------------------------------------------------------------


@transaction.atomic
def load(rows: Iterable[dict[str, Any]] | None = None) -> int:
    """Add what the fixture has and the table has not; the number added. A topic that staff have touched is theirs and left alone."""
    wanted = map(_from_row, json.loads(FIXTURE.read_text("utf-8")) if rows is None else rows)
    known: dict[str, list[Restriction]] = {}
    for version in Restriction.objects.only("code", "valid_from", "valid_until", "created_by", "ended_by"):
        known.setdefault(version.code, []).append(version)
    fresh = []
    for topic in sorted(wanted, key=lambda topic: topic.valid_from):
        before = known.setdefault(topic.code, [])
        if _is_wanted(topic, before):
            for problem in problems(topic):
                raise problem
            _end_before(topic.valid_from, before, by=None)
            before.append(topic)
            fresh.append(topic)
    Restriction.objects.bulk_create(fresh)
    return len(fresh)


def _from_row(row: dict[str, Any]) -> Restriction:
    return Restriction(**{**row, "valid_from": datetime.fromisoformat(row["valid_from"])})


def _is_wanted(topic: Restriction, there: list[Restriction]) -> bool:
    """New, or newer than every version there is, all of which came with the product."""
    if any(version.created_by_id or version.ended_by_id for version in there):
        return False
    return all(version.valid_from < topic.valid_from for version in there)


def load_after_migrate(*, apps: Any = global_apps, **_signal: Any) -> None:
    """After each migrate (release step), as roles are; nothing where the schema is an older one."""
    try:
        there = {field.name for field in apps.get_model("workflow", "Restriction")._meta.get_fields()}
    except LookupError:
        return
    if there >= {field.name for field in Restriction._meta.concrete_fields}:
        load()
