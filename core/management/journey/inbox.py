"""What was sent to whom, read from the sandbox's inbox: for each move of the order the mails and SMS that must come of it, once each."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.management.journey.steps import Failed, Patience
from core.management.journey.web import Json

#: newest first; far more than one order brings, and than busy company writes meanwhile
LOOKED_AT = 400

CUSTOMER, STAFF, EMAIL, SMS = "customer", "staff", "email", "sms"
Kind = tuple[str, str]
MAIL_TO_CUSTOMER: tuple[Kind, ...] = ((CUSTOMER, EMAIL),)
BOTH_TO_CUSTOMER: tuple[Kind, ...] = ((CUSTOMER, EMAIL), (CUSTOMER, SMS))
BOTH_TO_STAFF: tuple[Kind, ...] = ((STAFF, EMAIL), (STAFF, SMS))

#: what people are told of each move
EXPECTED: dict[str, tuple[Kind, ...]] = {
    "request_quote": MAIL_TO_CUSTOMER + BOTH_TO_STAFF,
    "approve_quote": MAIL_TO_CUSTOMER,
    "confirm_item_prices": BOTH_TO_CUSTOMER,
    "record_item_payment": BOTH_TO_CUSTOMER + BOTH_TO_STAFF,
    "mark_items_purchased": BOTH_TO_CUSTOMER,
    "ask_inspection": MAIL_TO_CUSTOMER,
    "answer_inspection": ((STAFF, EMAIL),),
    "receive_at_warehouse": MAIL_TO_CUSTOMER,
    "confirm_delivery_fee": BOTH_TO_CUSTOMER,
    "record_delivery_payment": BOTH_TO_CUSTOMER + BOTH_TO_STAFF,
    "ship": BOTH_TO_CUSTOMER,
    "record_delivery": MAIL_TO_CUSTOMER,
    "complete": (),
}


@dataclass(frozen=True)
class Notice:
    move: str
    reader: str
    channel: str
    to: str
    subject: str
    text: str
    id: str

    @property
    def kind(self) -> Kind:
        return self.reader, self.channel


@dataclass
class Inbox:
    sandbox: Json
    patience: Patience
    #: the customer's address and number; whoever else is written to about the order is staff
    email: str
    phone: str
    order: str = ""
    notices: list[Notice] = field(default_factory=list)

    def code(self) -> str:
        """The six digits of the sign-up mail."""

        def look() -> str:
            mails = self.sandbox.get("/_control/inbox", to=self.email, channel="email").data["items"]
            return next((found[0] for mail in mails if (found := re.findall(r"(?m)^\s*([0-9]{6})\s*$", mail["text"]))), "")

        return self.patience.wait(f"the mail with the sign-up code to {self.email}", look)

    def wait_for(self, move: str) -> list[Notice]:
        """Takes what this move brought; fails with what is missing."""
        missing = set(EXPECTED[move])
        taken: list[Notice] = []

        def look() -> bool:
            for notice in self._new(move):
                taken.append(notice)
                missing.discard(notice.kind)
            return not missing

        try:
            self.patience.wait("notices", look)
        except Failed:
            words = ", ".join(f"{channel} to {reader}" for reader, channel in sorted(missing))
            raise Failed(f"no notice of {move} within {self.patience.seconds:g} s: {words}") from None
        return taken

    def text_of(self, move: str) -> str:
        """The customer's mail about a move."""
        found = [one for one in self.notices if one.move == move and one.kind == (CUSTOMER, EMAIL)]
        if not found:
            raise Failed(f"there is no mail to the customer about {move}")
        return found[0].text

    def check_once_each(self, moves: list[str]) -> None:
        """Exactly what the moves promise, for each who is written to: no more, no fewer."""
        self._new("afterwards")
        wanted = Counter(kind for move in moves for kind in EXPECTED[move])
        got: dict[Kind, Counter[str]] = {kind: Counter() for kind in wanted}
        for notice in self.notices:
            got.setdefault(notice.kind, Counter())[notice.to] += 1
        wrong = [
            f"{count} instead of {wanted[kind]} by {kind[1]} to {to}"
            for kind, readers in got.items()
            for to, count in (readers or {kind[0]: 0}).items()
            if count != wanted[kind]
        ]
        if wrong:
            raise Failed("notices: " + "; ".join(wrong))

    def as_documents(self) -> list[dict[str, str]]:
        return [
            {"move": one.move, "reader": one.reader, "channel": one.channel, "to": one.to, "subject": one.subject or one.text}
            for one in self.notices
        ]

    def _new(self, move: str) -> list[Notice]:
        """Messages about the order that were not taken yet, oldest first."""
        known = {(one.id, one.to) for one in self.notices}
        items = self.sandbox.get("/_control/inbox", limit=LOOKED_AT).data["items"]
        about = [item for item in reversed(items) if self.order in item["subject"] + item["text"]]
        new = [self._notice(move, item, to) for item in about for to in item["to"] if (item["id"], to) not in known]
        self.notices += new
        return new

    def _notice(self, move: str, item: dict[str, Any], to: str) -> Notice:
        reader = CUSTOMER if to in (self.email, self.phone) else STAFF
        return Notice(move, reader, item["channel"], to, item["subject"], item["text"], item["id"])
