"""How a receipt looks: one calm A4 page, or as many as it takes. What it says is `receipts.py`, its words `receipt_words.py`.

From the top: who we are, the sum, the people; then each payment with its lines; then what went back. The paper, its font and what may be
printed of a text: `receipt_sheet.py`.
"""

from email.utils import parseaddr

from django.conf import settings

from core.money import format_usd
from workflow.receipt_sheet import BOTTOM, LEFT, RIGHT, SMALL, SOFT, TEAL, TOP, WIDTH, Sheet
from workflow.receipt_words import Words, words_of
from workflow.receipts import Line, MoneyBack, Payment, Receipt

#: from one baseline to the next: within a row, between rows, from a table's head to its first row
LEADING, ROW, FIRST_ROW = 4.7, 7.2, 7.6
#: from a section's heading to its table's head, of payments and of refunds
PAYMENT_HEAD, REFUNDS_HEAD = LEADING + 0.8 + LEADING + ROW, 8.0
#: where the sums of a table end, and how wide its texts may be
WON_ENDS = 160.0
TITLE_WIDTH = 108.0
COLUMN = WIDTH / 2


def render(receipt: Receipt) -> bytes:
    """The same bytes for the same receipt."""
    paper = _Paper(receipt)
    try:
        return bytes(paper.made().output())
    finally:
        paper.sheet.font_file.close()


class _Paper:
    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.words: Words = words_of(receipt.locale)
        self.title = f"{self.words.receipt} {receipt.order_number}"
        self.sheet = Sheet(title=self.title, author=settings.BUSINESS_NAME, locale=receipt.locale, made_at=receipt.last_at)
        self.y = TOP

    def made(self) -> Sheet:
        self.sheet.add_page()
        self._head()
        self._sum()
        self._people()
        for payment in self.receipt.payments:
            self._payment(payment)
        if self.receipt.refunds:
            self._refunds()
        self._feet()
        return self.sheet

    # --- the first page's head

    def _head(self) -> None:
        sheet = self.sheet
        sheet.band()
        sheet.put(settings.BUSINESS_NAME, x=LEFT, y=self.y, size=15, colour=TEAL, strong=True)
        sheet.put(self.words.receipt, x=RIGHT, y=self.y, size=20, right=True)
        sheet.put(self.receipt.order_number, x=RIGHT, y=self.y + 6.5, colour=SOFT, right=True)
        self.y += 6.5
        for line in self._seller():
            self._small(line, width=COLUMN, leading=4)
        self.y += 3.5

    def _seller(self) -> list[str]:
        number = f"{self.words.business_number} {settings.BUSINESS_NUMBER}" if settings.BUSINESS_NUMBER else ""
        mail = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
        return [line for line in (settings.BUSINESS_ADDRESS, number, mail) if line]

    def _sum(self) -> None:
        """What remains paid, large, and beside it what it is made of."""
        receipt, sheet, words = self.receipt, self.sheet, self.words
        parts = [(payment.kind, format_usd(payment.amount_usd_cents)) for payment in receipt.payments]
        parts += [(words.refunded, words.given_back(receipt.refunded_usd_cents))] if receipt.refunds else []
        height = max(20.0, 9 + 5.6 * len(parts))
        sheet.box(y=self.y, height=height)
        middle = self.y + height / 2
        sheet.put(words.remains if receipt.refunds else words.paid, x=LEFT + 6, y=middle - 3.6, size=SMALL, colour=SOFT)
        sheet.put(format_usd(receipt.remaining_usd_cents), x=LEFT + 6, y=middle + 5.4, size=20, colour=TEAL, strong=True)
        y = middle - 2.8 * len(parts) + 4
        for step, (name, amount) in enumerate(parts):
            sheet.put(name, x=RIGHT - 60, y=y + step * 5.6, size=SMALL, colour=SOFT)
            sheet.put(amount, x=RIGHT - 6, y=y + step * 5.6, right=True)
        self.y += height + 8.5

    def _people(self) -> None:
        receipt, words = self.receipt, self.words
        left = self._column(words.paid_by, (receipt.customer_name, receipt.customer_email), x=LEFT)
        right = self._column(words.recipient, (receipt.recipient_name, *receipt.address), x=LEFT + COLUMN)
        self.y = max(left, right) + 12

    def _column(self, label: str, lines: tuple[str, ...], *, x: float) -> float:
        """Returns where the column ends."""
        y = self.y
        self.sheet.put(label, x=x, y=y, size=SMALL, colour=SOFT)
        for line in lines:
            for part in self.sheet.broken(line, width=COLUMN - 6, most=3):
                y += LEADING + 0.3
                self.sheet.put(part, x=x, y=y)
        return y

    # --- payments

    def _payment(self, payment: Payment) -> None:
        sheet, words = self.sheet, self.words
        self._room(PAYMENT_HEAD + FIRST_ROW + sum(self._needs(line, payment) for line in payment.lines[:1]))
        sheet.put(payment.kind, x=LEFT, y=self.y, size=12, strong=True)
        sheet.put(f"{words.number} {payment.number}", x=RIGHT, y=self.y, size=SMALL, colour=SOFT, right=True)
        self.y += LEADING + 0.8
        self._small(words.moments(payment.paid_at, zone=self.receipt.zone))
        self._small(self._how(payment))
        self.y += ROW - LEADING
        self._lines_head()
        for line in payment.lines:
            if self._room(self._needs(line, payment)):
                self._lines_head()
            self._line(line)
        self._total(payment)

    def _how(self, payment: Payment) -> str:
        return f"{self.words.paid_through_stripe} · {payment.reference}" if payment.reference else self.words.paid_by_hand

    def _lines_head(self) -> None:
        self._table_head((self.words.item, LEFT, False), (self.words.won, WON_ENDS, True), (self.words.dollars, RIGHT, True))

    def _needs(self, line: Line, payment: Payment) -> float:
        """A row is never parted, and the last one not from the total and the rate."""
        height = (len(self._title(line)) - 1) * LEADING
        return height + 2 * ROW if line is payment.lines[-1] else height

    def _title(self, line: Line) -> list[str]:
        return self.sheet.broken(line.title, width=TITLE_WIDTH)

    def _line(self, line: Line) -> None:
        parts = self._title(line)
        self.sheet.put(self.words.krw(line.amount_krw), x=WON_ENDS, y=self.y, colour=SOFT, right=True)
        self.sheet.put(format_usd(line.amount_usd_cents), x=RIGHT, y=self.y, right=True)
        for step, part in enumerate(parts):
            self.sheet.put(part, x=LEFT, y=self.y + step * LEADING)
        self._row_ends(len(parts))

    def _total(self, payment: Payment) -> None:
        sheet, words = self.sheet, self.words
        sheet.put(words.total, x=LEFT, y=self.y, strong=True)
        sheet.put(words.krw(payment.amount_krw), x=WON_ENDS, y=self.y, colour=SOFT, right=True)
        sheet.put(format_usd(payment.amount_usd_cents), x=RIGHT, y=self.y, right=True, strong=True)
        self.y += ROW
        rate = words.rate_of(payment.krw_per_usd, as_of=payment.rate_as_of, source=payment.rate_source)
        self._small(rate)
        self.y += 6

    # --- what went back

    def _refunds(self) -> None:
        self._room(REFUNDS_HEAD + FIRST_ROW + LEADING + ROW)
        self.sheet.put(self.words.refunds, x=LEFT, y=self.y, size=12, strong=True)
        self.y += REFUNDS_HEAD
        self._refunds_head()
        for refund in self.receipt.refunds:
            self._refund(refund)
        self.sheet.put(self.words.refunded, x=LEFT, y=self.y, strong=True)
        self.sheet.put(self.words.given_back(self.receipt.refunded_usd_cents), x=RIGHT, y=self.y, right=True, strong=True)

    def _refunds_head(self) -> None:
        self._table_head((self.words.reason, LEFT, False), (self.words.of_receipt, LEFT + COLUMN, False), (self.words.dollars, RIGHT, True))

    def _refund(self, refund: MoneyBack) -> None:
        sheet, words = self.sheet, self.words
        if self._room(LEADING + ROW):
            self._refunds_head()
        sheet.put(refund.reason, x=LEFT, y=self.y)
        sheet.put(refund.number, x=LEFT + COLUMN, y=self.y, colour=SOFT)
        sheet.put(words.given_back(refund.amount_usd_cents), x=RIGHT, y=self.y, right=True)
        sheet.put(words.moments(refund.at, zone=self.receipt.zone), x=LEFT, y=self.y + LEADING, size=SMALL, colour=SOFT)
        self._row_ends(2)

    # --- pages

    def _small(self, text: str, *, width: float = WIDTH, leading: float = LEADING) -> None:
        for part in self.sheet.broken(text, width=width, size=SMALL):
            self.sheet.put(part, x=LEFT, y=self.y, size=SMALL, colour=SOFT)
            self.y += leading

    def _table_head(self, *cells: tuple[str, float, bool]) -> None:
        for text, x, right in cells:
            self.sheet.put(text, x=x, y=self.y, size=SMALL, colour=SOFT, right=right)
        self.sheet.rule(y=self.y + 2.2, colour=TEAL, weight=0.3)
        self.y += FIRST_ROW

    def _row_ends(self, lines: int) -> None:
        self.y += (lines - 1) * LEADING
        self.sheet.rule(y=self.y + 2.5)
        self.y += ROW

    def _room(self, height: float) -> bool:
        """Turn to a new page where less than `height` is left; whether it did."""
        if self.y + height <= BOTTOM:
            return False
        self.sheet.add_page()
        self.sheet.put(settings.BUSINESS_NAME, x=LEFT, y=TOP, size=SMALL, colour=TEAL)
        self.sheet.put(self.title, x=RIGHT, y=TOP, size=SMALL, colour=SOFT, right=True)
        self.y = TOP + 9
        return True

    def _feet(self) -> None:
        pages = self.sheet.pages_count
        for page in range(1, pages + 1):
            self.sheet.turn_to(page)
            self.sheet.put(self.receipt.order_number, x=LEFT, y=BOTTOM + 10, size=SMALL, colour=SOFT)
            self.sheet.put(self.words.page.format(page=page, pages=pages), x=RIGHT, y=BOTTOM + 10, size=SMALL, colour=SOFT, right=True)
