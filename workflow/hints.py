"""What an item's words hint at: its options, note, name and product address against the keywords of restricted goods in force.

A hint never decides. Nothing is asked outside. Written in Latin letters, a keyword must stand as a word of its own; in Korean, which
glues its words together, it may stand anywhere, but where one of its exceptions stands. The rules are compiled once per state of the
table; whether that state is still the table's costs one statement.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.db.models import Max
from django.utils.timezone import now

from workflow.models import Item, Order, Restriction
from workflow.restrictions import STRICTNESS

#: where a word was found; the item's field, or the product address
LINK = "link"
FIELDS = ("name", "options", "note")
#: more topics than this at one item help nobody
MOST = 8
_LATIN = re.compile(r"[a-z0-9\u00df-\u024f]+")
_WORD = re.compile(r"\w+")


# --- Texts ----------------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """NFKC, without signs that are not seen, without case."""
    shown = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", shown.casefold())


def words_of_link(url: str) -> str:
    """Host and path of an address, percent-encoded Korean decoded: as UTF-8, or as old Korean shops write it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    raw = unquote_to_bytes(parts.path)
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        path = raw.decode("cp949", "replace")
    return f"{_idna(host)} {path}"


def _idna(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna") if "xn--" in host else host
    except UnicodeError:
        return host


@dataclass(frozen=True)
class Haystack:
    """A text in the two forms that keywords are looked for in; each begins and ends with a space.

    `keys` are its words in Latin letters and every two signs that stand together: only keywords that begin like one are looked for.
    """

    latin: str
    any: str
    keys: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Haystack":
        shown = plain(text)
        latin, whole = _LATIN.findall(shown), f" {' '.join(_WORD.findall(shown.replace('_', ' ')))} "
        pairs = (whole[at : at + 2] for at in range(len(whole) - 1))
        return cls(latin=f" {' '.join(latin)} ", any=whole, keys=frozenset((*latin, *pairs)))


# --- Rules ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Needle:
    """A keyword; `spellings` are its forms with and without its spaces, `unless` the phrases around it that make it harmless."""

    word: str
    is_latin: bool
    spellings: tuple[str, ...]
    unless: tuple[str, ...]
    #: how its spellings begin, as in `Haystack.keys`
    keys: tuple[str, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Needle":
        is_latin = bool(_LATIN.fullmatch(re.sub(r"[\W_]+", "", plain(row["word"]))))
        phrases = [_spellings(phrase, is_latin=is_latin) for phrase in (row["word"], *row.get("unless", []))]
        unless = tuple(spelling for phrase in phrases[1:] for spelling in phrase)
        keys = tuple(spelling.split()[0] if is_latin else spelling[:2] for spelling in phrases[0])
        return cls(word=row["word"], is_latin=is_latin, spellings=phrases[0], unless=unless, keys=keys)

    def is_in(self, text: Haystack) -> bool:
        hay = text.latin if self.is_latin else text.any
        return any(spelling in hay and self._is_meant(hay, spelling) for spelling in self.spellings)

    def _is_meant(self, hay: str, spelling: str) -> bool:
        """Somewhere it stands outside of every exception."""
        if not self.unless:
            return True
        harmless = [(at, at + len(phrase)) for phrase in self.unless for at in _places(hay, phrase)]
        return any(not any(start <= at and at + len(spelling) <= end for start, end in harmless) for at in _places(hay, spelling))


def _spellings(phrase: str, *, is_latin: bool) -> tuple[str, ...]:
    if is_latin:
        return (f" {' '.join(_LATIN.findall(plain(phrase)))} ",)
    spaced = " ".join(_WORD.findall(plain(phrase).replace("_", " ")))
    return tuple(dict.fromkeys((spaced, spaced.replace(" ", ""))))


def _places(hay: str, phrase: str) -> Iterator[int]:
    at = hay.find(phrase)
    while at >= 0:
        yield at
        at = hay.find(phrase, at + 1)


@dataclass(frozen=True)
class Rule:
    version: int
    code: str
    kind: str
    country: str
    valid_from: datetime
    valid_until: datetime | None
    needles: tuple[Needle, ...]

    @classmethod
    def of(cls, topic: Restriction) -> "Rule":
        needles = tuple(Needle.of(row) for row in topic.keywords)
        return cls(topic.pk, topic.code, topic.kind, topic.country, topic.valid_from, topic.valid_until, needles)

    def holds(self, at: datetime, *, country: str) -> bool:
        return self.country in ("", country) and self.valid_from <= at and (self.valid_until is None or self.valid_until > at)

    def found_in(self, texts: Mapping[str, Haystack]) -> dict[str, Any] | None:
        """The first keyword that is meant, and where."""
        for where, text in texts.items():
            for needle in self.needles:
                if not text.keys.isdisjoint(needle.keys) and needle.is_in(text):
                    return {"code": self.code, "version": self.version, "kind": self.kind, "word": needle.word, "in": where}
        return None


_compiled: tuple[Any, tuple[Rule, ...]] = (None, ())


def rules() -> tuple[Rule, ...]:
    """Every active version, strictest kind first, compiled; when it holds is asked at each look."""
    global _compiled
    state = Restriction.objects.aggregate(last=Max("pk"), changed=Max("changed_at"))
    if _compiled[0] != state:
        topics = sorted(Restriction.objects.filter(is_active=True), key=lambda topic: (STRICTNESS[topic.kind], topic.position, topic.pk))
        _compiled = (state, tuple(Rule.of(topic) for topic in topics))
    return _compiled[1]


# --- Looking --------------------------------------------------------------------------------------------------------------


def look(texts: Mapping[str, str], *, country: str = "US", at: datetime | None = None) -> list[dict[str, Any]]:
    """The topics that texts hint at, `[{"code", "version", "kind", "word", "in"}]`, strictest first; texts by where they stand."""
    return _look(rules(), texts, country=country, at=at or now())


def _look(among: Iterable[Rule], texts: Mapping[str, str], *, country: str, at: datetime) -> list[dict[str, Any]]:
    hay = {where: Haystack.of(text) for where, text in texts.items() if text}
    found = (rule.found_in(hay) for rule in among if rule.needles and rule.holds(at, country=country))
    return [hint for hint in found if hint][:MOST]


def note_hints(order: Order, items: Iterable[Item], *, among: Iterable[Item] | None = None) -> None:
    """Put into `items` what they hint at, and into the order the strictest kind `among` all its items; saving is the caller's."""
    items, known, at = list(items), rules(), now()
    for item in items:
        item.hints = _look(known, texts_of(item), country=order.country, at=at) or None
    order.hint = strictest(items if among is None else among)


def texts_of(item: Item) -> dict[str, str]:
    return {**{name: getattr(item, name) for name in FIELDS}, LINK: words_of_link(item.url)}


def strictest(items: Iterable[Item]) -> str:
    kinds = {hint["kind"] for item in items for hint in item.hints or ()}
    return min(kinds, key=STRICTNESS.__getitem__, default="")
