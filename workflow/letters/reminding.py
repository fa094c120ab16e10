"""Reminders, while the order waits on the customer. When they are due: `workflow/reminders.py`."""

from core.money import format_usd
from core.notices import Letter
from workflow.letters.about import About
from workflow.models import Invoice, InvoiceKind


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
