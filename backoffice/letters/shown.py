"""A letter as its reader gets it: rendered by what sends it, about the sample order or a real one. Nothing is written."""

from dataclasses import dataclass
from functools import cached_property

from django.core.exceptions import ObjectDoesNotExist

from backoffice.letters import words
from core.accounts.models import Locale
from core.notices import Letter
from core.notices.rendering import as_html, as_text, one_line
from core.notices.texts import TextMessage
from workflow.letters.catalogue import Entry, entries
from workflow.letters.samples import Terms, terms_in_force
from workflow.models import Order


@dataclass(frozen=True)
class Rendered:
    """One language of a letter; `letter` is None where there is nothing to say."""

    locale: str
    letter: Letter | None

    @property
    def language(self) -> str:
        return str(Locale(self.locale).label)

    @property
    def subject(self) -> str:
        return one_line(self.letter.subject) if self.letter else ""

    @property
    def first_line(self) -> str:
        """What a mailbox shows beside the subject."""
        return one_line(self.letter.lines[0]) if self.letter and self.letter.lines else ""

    @property
    def text(self) -> str:
        return as_text(self.letter, locale=self.locale) if self.letter else ""

    @property
    def html(self) -> str:
        return as_html(self.letter, locale=self.locale) if self.letter else ""

    @property
    def sms(self) -> TextMessage | None:
        return TextMessage(self.letter.sms) if self.letter and self.letter.sms else None


@dataclass(frozen=True)
class Shown:
    """One letter in every language."""

    entry: Entry
    versions: tuple[Rendered, ...]

    @property
    def title(self) -> str:
        return words.title(self.entry)

    @property
    def when(self) -> str:
        return words.when(self.entry)

    @cached_property
    def has_sms(self) -> bool:
        return any(version.sms for version in self.versions)

    @property
    def is_written(self) -> bool:
        return all(version.letter for version in self.versions)


def every_letter() -> dict[str, list[Shown]]:
    """Group -> its letters, in reading order."""
    found: dict[str, list[Shown]] = {}
    terms = terms_in_force()
    for entry in entries().values():
        found.setdefault(entry.group, []).append(about_sample(entry, terms=terms))
    return found


def about_sample(entry: Entry, *, terms: Terms | None = None) -> Shown:
    terms = terms or terms_in_force()
    return Shown(entry, tuple(Rendered(str(locale), entry.compose(locale, terms)) for locale in Locale))


def about_order(entry: Entry, order: Order) -> Shown:
    return Shown(entry, tuple(Rendered(str(locale), _of_order(entry, order, locale)) for locale in Locale))


def _of_order(entry: Entry, order: Order, locale: str) -> Letter | None:
    """None where the order has not come to this, or has gone past what the letter speaks of."""
    if entry.about_order is None:
        return None
    try:
        return entry.about_order(order, locale)
    except ObjectDoesNotExist:
        return None
