"""Reminders, while the order waits on the customer. When they are due: `workflow/reminders.py`."""

from datetime import datetime
from zoneinfo import ZoneInfo

from core.money import format_usd
from core.notices import Letter, Pair
from workflow.letters.about import About
from workflow.letters.moments import SEOUL, full_moment
from workflow.models import Invoice, InvoiceKind
from workflow.process import State
from workflow.storage import DAY, Storage


def items_unpaid(about: About, invoice: Invoice) -> Letter:
    dollars, until, pay = format_usd(invoice.amount_usd_cents), about.moment(invoice.pay_by), about.pay_page(InvoiceKind.ITEMS)
    if about.korean:
        return Letter(
            subject=f"결제 기한이 다가옵니다 ({about.number})",
            lines=("결제 기한이 다가옵니다.", f"상품 금액({dollars})을 {until}까지 결제해 주세요. 기한이 지나면 견적이 끝납니다."),
            button=("결제하기", pay),
            notes=("이미 결제하셨다면 이 메일은 무시해 주세요.",),
        )
    return Letter(
        subject=f"Your quote ends soon ({about.number})",
        lines=("Your quote ends soon.", f"Please pay {dollars} for your items by {until}; after that the quote runs out."),
        button=("Pay now", pay),
        notes=("If you have just paid, there is nothing more to do.",),
    )


def delivery_unpaid(about: About, invoice: Invoice) -> Letter:
    dollars, pay = format_usd(invoice.amount_usd_cents), about.pay_page(InvoiceKind.DELIVERY)
    if about.korean:
        return Letter(
            subject=f"배송비를 기다리고 있습니다 ({about.number})",
            lines=("상품이 떠날 준비를 마쳤습니다.", f"배송비({dollars})를 결제해 주시면 바로 보내 드립니다."),
            button=("결제하기", pay),
            notes=("이미 결제하셨다면 이 메일은 무시해 주세요.",),
        )
    return Letter(
        subject=f"Your items are waiting to leave ({about.number})",
        lines=("Your items are packed and waiting to leave.", f"Once the delivery fee of {dollars} is paid, we send them to you."),
        button=("Pay now", pay),
        notes=("If you have just paid, there is nothing more to do.",),
    )


def difference_unpaid(about: About, invoice: Invoice) -> Letter:
    dollars, until, pay = format_usd(invoice.amount_usd_cents), about.moment(invoice.pay_by), about.pay_page(InvoiceKind.ADJUSTMENT)
    if about.korean:
        return Letter(
            subject=f"차액 결제를 기다리고 있습니다 ({about.number})",
            lines=(
                "가격이 오른 상품의 차액 결제를 기다리고 있습니다.",
                f"차액({dollars})을 {until}까지 결제해 주시면 구매합니다. 기한이 지나면 그 상품은 빠지고 금액을 모두 돌려드립니다.",
            ),
            button=("차액 결제하기", pay),
            notes=("이미 결제하셨다면 이 메일은 무시해 주세요.",),
        )
    return Letter(
        subject=f"A price difference is still open ({about.number})",
        lines=(
            "Something you want became dearer, and the difference is still open.",
            f"Pay {dollars} by {until}, and we buy it; after that it leaves your order and you get its money back in full.",
        ),
        button=("Pay the difference", pay),
        notes=("If you have just paid, there is nothing more to do.",),
    )


def question_open(about: About) -> Letter:
    text = about.order.question
    if about.korean:
        return Letter(
            subject=f"답을 기다리고 있습니다 ({about.number})",
            lines=("답을 기다리고 있습니다.", "답을 주셔야 주문을 이어서 진행할 수 있습니다. 여쭤본 내용은 이렇습니다.", text),
            button=("답하기", about.page),
        )
    return Letter(
        subject=f"We are waiting for your answer ({about.number})",
        lines=("We are waiting for your answer.", "Your order goes on as soon as we have it. This was our question:", text),
        button=("Answer", about.page),
    )


# --- Storage --------------------------------------------------------------------------------------------------------------


def storage_free(about: About, storage: Storage, lead: int) -> Letter:
    """The free days end soon; by SMS too on the last of them."""
    assert storage.free_until is not None
    until, won = _in_seoul(about, storage.free_until), _won(about, storage.terms.krw_per_day)
    todo, button = _what_to_do(about)
    if about.korean:
        return Letter(
            subject=f"무료 보관이 곧 끝납니다: {_day(about, storage.free_until)} ({about.number})",
            lines=("무료 보관 기간이 곧 끝납니다.", f"{until}까지 무료로 보관해 드리고, 그 뒤에는 하루 {won}의 보관료가 더해집니다.", todo),
            button=button,
            sms=f"[비단길] {about.number} 무료 보관이 {_day(about, storage.free_until)} 끝납니다. 이후 하루 {won}." if lead == 1 else "",
        )
    return Letter(
        subject=f"Free storage ends soon: {_day(about, storage.free_until)} ({about.number})",
        lines=("Free storage of your items ends soon.", f"We keep them free of charge until {until}; after that a day costs {won}.", todo),
        button=button,
        sms=(
            f"Bidangil {about.number}: free storage ends {_day(about, storage.free_until)}, then {_sms_won(won)} a day."
            if lead == 1
            else ""
        ),
    )


def storage_end(about: About, storage: Storage, lead: int) -> Letter:
    """Storage ends soon, and then we may dispose of the goods; by SMS too on the last day."""
    assert storage.ends_at is not None
    until, (todo, button) = _in_seoul(about, storage.ends_at), _what_to_do(about)
    by_then = _won(about, storage.terms.fee_krw(storage.terms.max_days * DAY))
    if about.korean:
        fee = f"그때까지의 보관료는 모두 {by_then}입니다." if storage.terms.has_fee else ""
        return Letter(
            subject=f"보관이 곧 끝납니다: {_day(about, storage.ends_at)} ({about.number})",
            lines=("보관 기간이 곧 끝납니다.", f"{until}까지 보관합니다. 그 뒤에는 상품을 처분할 수 있습니다.", fee, todo),
            button=button,
            sms=f"[비단길] {about.number} 보관이 {_day(about, storage.ends_at)} 끝납니다. 이후 처분될 수 있습니다." if lead == 1 else "",
        )
    fee = f"The storage fee will be {by_then} by then." if storage.terms.has_fee else ""
    return Letter(
        subject=f"Storage ends soon: {_day(about, storage.ends_at)} ({about.number})",
        lines=("Storage of your items ends soon.", f"We keep them until {until}. After that we may dispose of them.", fee, todo),
        button=button,
        sms=(
            f"Bidangil {about.number}: storage ends {_day(about, storage.ends_at)}. After that your items may be disposed of."
            if lead == 1
            else ""
        ),
    )


def _what_to_do(about: About) -> tuple[str, Pair]:
    """What the order waits for, and where it is done."""
    order = about.order
    if order.state == State.AWAITING_DELIVERY_PAYMENT:
        pay = about.pay_page(InvoiceKind.DELIVERY)
        if about.korean:
            return "배송비를 결제해 주시면 바로 보내 드립니다.", ("결제하기", pay)
        return "Once the delivery fee is paid, we send them to you.", ("Pay now", pay)
    if about.korean:
        return "어떻게 할지 알려 주시면 이어서 진행하겠습니다.", ("답하기", about.page)
    return "Tell us what you would like, and we go on.", ("Answer", about.page)


def _in_seoul(about: About, at: datetime) -> str:
    """The goods lie in Korea, so do their days."""
    return full_moment(at, zone=SEOUL, locale=about.locale)


def _day(about: About, at: datetime) -> str:
    day = at.astimezone(ZoneInfo(SEOUL.key)).date()
    return f"{day.month}월 {day.day}일" if about.korean else f"{day:%b} {day.day}"


def _won(about: About, krw: int) -> str:
    return f"{krw:,}원" if about.korean else f"₩{krw:,}"


def _sms_won(won: str) -> str:
    """A phone's alphabet has no ₩."""
    return won.replace("₩", "KRW ")
