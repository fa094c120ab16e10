"""Which function writes the letter of which event (a transition's name, or `request_quote`, `ask`, `answer`)."""

from collections.abc import Callable

from core.notices import Letter
from workflow.letters.about import About

#: None: there is nothing to say after all
Write = Callable[[About], Letter | None]

CUSTOMER: dict[str, Write] = {}
STAFF: dict[str, Write] = {}


def _into(table: dict[str, Write], name: str) -> Callable[[Write], Write]:
    def register(write: Write) -> Write:
        if name in table:
            raise RuntimeError(f"two letters for {name}")
        table[name] = write
        return write

    return register


def to_customer(name: str) -> Callable[[Write], Write]:
    return _into(CUSTOMER, name)


def to_staff(name: str) -> Callable[[Write], Write]:
    return _into(STAFF, name)
