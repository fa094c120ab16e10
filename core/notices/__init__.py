"""Notices: what people are told, once per (event, channel, recipient).

Whoever has something to say makes a `Letter` (plain text, in the reader's language) and calls `write()` within the transaction of
what happened, or in an effect's handler. `rendering.py` makes e-mail and SMS of it, `jobs.py` sends and tries again. What is said
lives with those who say it: `workflow/letters/`, `core/accounts/letters.py`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.notices.models import Notice

Pair = tuple[str, str]


@dataclass(frozen=True)
class Letter:
    """One thing said to one person. Every part is plain text; escaping is the renderer's. Read from top to bottom."""

    subject: str
    #: paragraphs; the first one is also what a mailbox shows beside the subject
    lines: tuple[str, ...]
    #: shown large, to be read off and typed in
    code: str = ""
    #: a table: what, and how much
    rows: tuple[Pair, ...] = ()
    #: the table's last line, in bold
    total: Pair | None = None
    #: paragraphs after the table
    after: tuple[str, ...] = ()
    #: the one thing to press: its words, its address
    button: Pair | None = None
    #: further addresses: words, address
    links: tuple[Pair, ...] = ()
    #: small print below
    notes: tuple[str, ...] = ()
    #: the last line, which says why one gets this; by default what holds for customers
    footer: str = ""
    #: letters to ourselves need no greeting
    signed: bool = True
    #: the whole text of the SMS; empty where there is none
    sms: str = ""


def write(*, key: str, kind: str, channel: str, recipient: str, user_id: int | None, locale: str, letter: Letter) -> "Notice | None":
    """Promise one notice: its row and the job that sends it, in the current transaction or one of its own.

    None, and nothing is sent, if this (key, channel, recipient) was written before.
    """
    from core.notices.desk import put

    return put(key=key, kind=kind, channel=channel, recipient=recipient, user_id=user_id, locale=locale, letter=letter)
