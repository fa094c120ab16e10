"""The words printed on a receipt, in Korean and English side by side, and how its sums and moments read."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.money import format_krw, format_usd
from workflow.letters.moments import SEOUL, Zone, english_day, full_moment, korean_day


@dataclass(frozen=True, kw_only=True)
class Words:
    locale: str
    receipt: str
    order: str
    number: str
    paid_by: str
    recipient: str
    business_number: str
    item: str
    won: str
    dollars: str
    total: str
    paid: str
    paid_through_stripe: str
    paid_by_hand: str
    refunds: str
    reason: str
    of_receipt: str
    refunded: str
    remains: str
    rate: str
    page: str

    @property
    def korean(self) -> bool:
        return self.locale == "ko"

    def krw(self, won: int) -> str:
        return f"{won:,}원" if self.korean else format_krw(won)

    def rate_of(self, krw_per_usd: Decimal, *, as_of: date, source: str) -> str:
        return self.rate.format(rate=f"{krw_per_usd:,.2f}", day=self.day(as_of), source=source)

    def day(self, day: date) -> str:
        return korean_day(day) if self.korean else english_day(day)

    def moments(self, at: datetime, *, zone: Zone) -> str:
        """In the customer's zone and in Korea's."""
        zones = (zone,) if zone == SEOUL else (zone, SEOUL)
        return " · ".join(full_moment(at, zone=one, locale=self.locale) for one in zones)

    def given_back(self, cents: int) -> str:
        """`−$12.00`, with the sign of print."""
        return f"−{format_usd(cents)}"


KOREAN = Words(
    locale="ko",
    receipt="영수증",
    order="주문",
    number="영수증 번호",
    paid_by="결제하신 분",
    recipient="받는 분",
    business_number="사업자등록번호",
    item="내용",
    won="원",
    dollars="미국 달러",
    total="합계",
    paid="결제 금액",
    paid_through_stripe="온라인 결제 (Stripe)",
    paid_by_hand="입금 확인 후 담당자가 기록",
    refunds="환불",
    reason="이유",
    of_receipt="해당 영수증",
    refunded="환불 금액",
    remains="남은 결제 금액",
    rate="적용 환율: 1달러 = {rate}원 ({day} 기준, 출처 {source}). 달러로 결제되었습니다.",
    page="{page} / {pages}쪽",
)
ENGLISH = Words(
    locale="en",
    receipt="Receipt",
    order="Order",
    number="Receipt number",
    paid_by="Paid by",
    recipient="Recipient",
    business_number="Business registration number",
    item="Description",
    won="Won",
    dollars="U.S. dollars",
    total="Total",
    paid="Paid",
    paid_through_stripe="Online, through Stripe",
    paid_by_hand="Received outside Stripe and recorded by our staff",
    refunds="Refunds",
    reason="Reason",
    of_receipt="Of receipt",
    refunded="Refunded",
    remains="Remains paid",
    rate="Exchange rate: $1 = ₩{rate}, as of {day} (source: {source}). Charged in U.S. dollars.",
    page="Page {page} of {pages}",
)


def words_of(locale: str) -> Words:
    return KOREAN if locale == KOREAN.locale else ENGLISH
