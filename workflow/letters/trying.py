"""Staff try a letter: as it goes to customers, about the sample order, to their own address and phone only.

A test is a notice like all others (kept, sent by its job, tried again), of a kind and with a key of its own, so that it is never one of
an order's notices.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Locale, User
from core.errors import Invalid, NotFound, TooManyRequests
from core.notices import Letter, write
from core.notices.models import Channel, Notice
from core.notices.phones import e164
from workflow.letters.catalogue import Entry, entries
from workflow.letters.samples import terms_in_force
from workflow.process import Role

if TYPE_CHECKING:
    from workflow.transitions import By

KIND = "test"
TESTERS = frozenset({Role.OWNER, Role.SUPPORT})
MOST, WITHIN = 10, timedelta(hours=1)
PREFIX = {Locale.KOREAN: "[시험]", Locale.ENGLISH: "[Test]"}


def send_test(kind: str, *, by: "By", locales: Collection[str], channels: Collection[str], press: str) -> int:
    """Queue the letter in these languages; how many messages. `press` names one press of the button, so that a second click is none."""
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.roles & TESTERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    entry = entries().get(kind)
    if entry is None:
        raise NotFound
    wanted = _wanted(entry, by.user, locales=locales, channels=channels)
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=by.user.pk)  # two presses at once count as two
        keys = [f"{_prefix(person, kind)}{press}:{locale}" for locale, *_rest in wanted]
        if Notice.objects.filter(key__in=keys).exists():
            return 0
        if tried_by(person).filter(created_at__gt=now() - WITHIN).count() + len(wanted) > MOST:
            raise TooManyRequests(_("At most %(most)s tests an hour; try again later.") % {"most": MOST})
        for key, (locale, channel, recipient, letter) in zip(keys, wanted, strict=True):
            write(key=key, kind=KIND, channel=channel, recipient=recipient, user_id=person.pk, locale=locale, letter=letter)
    return len(wanted)


def _wanted(entry: Entry, person: User, *, locales: Collection[str], channels: Collection[str]) -> list[tuple[str, str, str, Letter]]:
    """Language, channel, recipient and letter of each message."""
    addresses = {Channel.EMAIL: person.email, Channel.SMS: phone_of(person)}
    found, terms = [], terms_in_force()
    for locale in (one for one in Locale if one in locales):
        letter = entry.compose(locale, terms)
        for channel in (one for one in Channel if one in channels and addresses[one]):
            if letter is not None and (channel != Channel.SMS or letter.sms):
                found.append((str(locale), str(channel), addresses[channel], as_test(letter, locale=locale)))
    if not found:
        raise Invalid(_("Choose a language and where to send it."))
    return found


def as_test(letter: Letter, *, locale: str) -> Letter:
    mark = PREFIX[Locale(locale)]
    return replace(letter, subject=f"{mark} {letter.subject}", sms=f"{mark} {letter.sms}" if letter.sms else "")


def phone_of(person: User) -> str:
    """Their own number; staff write it as in Korea."""
    return e164(person.phone, country="KR")


def tried_by(person: User, *, kind: str = "") -> QuerySet[Notice]:
    """The newest first; of one letter, or of all."""
    found = Notice.objects.filter(user=person, kind=KIND).order_by("-pk")
    return found.filter(key__startswith=_prefix(person, kind)) if kind else found


def _prefix(person: User, kind: str) -> str:
    return f"test:{person.pk}:{kind}:"
