"""Every letter that the system can send, from the registries that send them: for the back office's pages and for tests of letters.

Nothing is listed by hand; a letter that is registered is here, under the kind that its notices carry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache

from core.accounts.letters import code_letter
from core.accounts.models import EmailCode
from core.notices import Letter
from workflow import reminders, storage
from workflow.letters import CUSTOMER, STAFF, Write, reminding
from workflow.letters.about import About
from workflow.letters.samples import VARIANTS, Terms, sample, sample_storage
from workflow.models import Invoice, Order, OrderEvent
from workflow.storage import Storage

SAMPLE_CODE = "482913"


class Group(StrEnum):
    """Where a letter is written, which is also how they read best: in the order of an order's life."""

    QUOTING = "quoting"
    DELIVERING = "delivering"
    CHANGING = "changing"
    BESIDE = "beside"
    REMINDING = "reminding"
    ACCOUNTS = "accounts"
    STAFF = "staff"


@dataclass(frozen=True)
class Entry:
    """One letter. `kind` is what its notices are filed under; `event` what happens to an order, "" where it is none of an order."""

    kind: str
    group: str
    event: str
    #: about the sample order, in a language
    compose: Callable[[str, Terms], Letter | None]
    #: about a real order: None where it has not come to this
    about_order: Callable[[Order, str], Letter | None] | None = None
    #: how long before (negative) or after what it reminds of
    steps: Sequence[timedelta] = ()

    @property
    def is_to_staff(self) -> bool:
        return self.group == Group.STAFF

    @property
    def has_orders(self) -> bool:
        return self.about_order is not None


@cache
def entries() -> dict[str, Entry]:
    """By kind, in reading order."""
    found = [*_to_customers(), *_reminders(), *_codes(), *_to_staff()]
    place = {group: number for number, group in enumerate(Group)}
    return {entry.kind: entry for entry in sorted(found, key=lambda entry: place.get(Group(entry.group), 0))}


def _to_customers() -> Iterable[Entry]:
    for name, write in CUSTOMER.items():
        yield _of_event(name, write, kind=name, group=_group_of(write), actor="staff")
        for variant in (variant for variant, of in VARIANTS.items() if of == name):
            yield Entry(variant, _group_of(write), name, _of_variant(variant, write))


def _to_staff() -> Iterable[Entry]:
    return (_of_event(name, write, kind=f"staff_{name}", group=Group.STAFF, actor="customer") for name, write in STAFF.items())


def _of_event(name: str, write: Write, *, kind: str, group: str, actor: str) -> Entry:
    def about_order(order: Order, locale: str) -> Letter | None:
        event = OrderEvent.objects.filter(order=order, name=name).order_by("-number").first()
        return write(About(order, locale, event)) if event else None

    return Entry(kind, group, name, lambda locale, terms: write(sample(name, locale=locale, terms=terms, actor=actor)), about_order)


def _of_variant(variant: str, write: Write) -> Callable[[str, Terms], Letter | None]:
    return lambda locale, terms: write(sample(variant, locale=locale, terms=terms))


def _group_of(write: Write) -> str:
    """The module that it is written in."""
    module = write.__module__.rpartition(".")[2]
    return module if module in set(Group) else Group.BESIDE


def _reminders() -> Iterable[Entry]:
    steps = {
        reminding.items_unpaid: [-lead for lead in reminders.BEFORE_END],
        reminding.delivery_unpaid: reminders.AFTER_DELIVERY_INVOICE,
        reminding.difference_unpaid: [-lead for lead in reminders.BEFORE_END],
    }
    for kind, write in reminders.LETTERS.items():
        yield _of_invoice(kind, write, steps=steps.get(write, ()))
    for name, about_storage in reminders.STORAGE_LETTERS.items():
        yield _of_storage(name, about_storage)
    yield Entry(
        f"remind_{reminding.question_open.__name__}",
        Group.REMINDING,
        "ask",
        lambda locale, terms: reminding.question_open(sample("ask", locale=locale, terms=terms)),
        lambda order, locale: reminding.question_open(About(order, locale)) if order.question else None,
        reminders.AFTER_QUESTION,
    )


def _of_invoice(kind: str, write: Callable[[About, Invoice], Letter], *, steps: Sequence[timedelta]) -> Entry:
    def compose(locale: str, terms: Terms) -> Letter:
        about = sample("", locale=locale, terms=terms)
        return write(about, about.bills[kind])

    def about_order(order: Order, locale: str) -> Letter | None:
        invoice = Invoice.objects.filter(order=order, kind=kind).select_related("quote__policy").order_by("-number").first()
        return write(About(order, locale), invoice) if invoice and (kind == "delivery" or invoice.pay_by) else None

    return Entry(f"remind_{write.__name__}", Group.REMINDING, "", compose, about_order, steps)


def _of_storage(kind: str, write: Callable[[About, Storage, int], Letter]) -> Entry:
    """The last of its three notices, which goes by SMS too."""
    last = min(storage.LEADS)

    def compose(locale: str, terms: Terms) -> Letter:
        about = sample("", locale=locale, terms=terms)
        return write(about, sample_storage(terms, kind=kind, lead=last), last)

    def about_order(order: Order, locale: str) -> Letter | None:
        seen = storage.storage_of(order)
        return write(About(order, locale), seen, last) if seen and seen.runs else None

    steps = [timedelta(days=-lead) for lead in storage.LEADS]
    return Entry(f"remind_{kind}", Group.REMINDING, "", compose, about_order, steps)


def _codes() -> Iterable[Entry]:
    for purpose in EmailCode.Purpose:
        yield Entry(f"email_code_{purpose}", Group.ACCOUNTS, "", _of_code(purpose))


def _of_code(purpose: str) -> Callable[[str, Terms], Letter]:
    return lambda locale, _terms: code_letter(purpose, SAMPLE_CODE, locale)
