"""What may come at any time: a question to the customer, and the end of the order before its time."""

from core.money import format_usd
from core.notices import Letter
from workflow import inspection_words
from workflow.letters.about import About
from workflow.letters.registry import to_customer
from workflow.models import InvoiceKind, Refund


@to_customer("ask_inspection")
def inspected(about: About) -> Letter | None:
    """What was found and what they may choose. The photos are on the page: a mail lives longer than a signed link to a photo."""
    found = about.asked_inspections()
    if not found:
        return None
    until = about.moment(found[0].answer_by)
    rows = tuple((about.item(one.item), inspection_words.found(one.verdict, locale=about.locale)) for one in found)
    notes = tuple(one.note for one in found if one.note)
    if about.korean:
        return Letter(
            subject=f"상품을 확인해 주세요 ({about.number})",
            lines=("도착한 상품을 검수했는데 확인이 필요합니다. 사진은 주문 페이지에서 보실 수 있습니다.",),
            rows=rows,
            after=(*notes, f"{until}까지 어떻게 할지 알려 주세요. 답을 주시기 전에는 보내지 않습니다."),
            button=("사진 보고 답하기", about.page),
        )
    return Letter(
        subject=f"Please look at what arrived ({about.number})",
        lines=("We looked at what arrived, and need you to decide. The photos are on your order's page.",),
        rows=rows,
        after=(*notes, f"Please tell us by {until}. Nothing is sent before you have answered."),
        button=("See the photos and answer", about.page),
    )


@to_customer("ask")
def question(about: About) -> Letter | None:
    """The open question; None when it was answered before this was written."""
    text = about.order.question
    if not text:
        return None
    if about.korean:
        return Letter(
            subject=f"여쭤볼 것이 있습니다 ({about.number})",
            lines=("주문에 대해 여쭤볼 것이 있습니다.", text),
            after=("답을 주시면 바로 이어서 진행하겠습니다.",),
            button=("답하기", about.page),
        )
    return Letter(
        subject=f"A question about your order ({about.number})",
        lines=("We have a question about your order.", text),
        after=("As soon as you answer, we go on.",),
        button=("Answer", about.page),
    )


@to_customer("message")
def message(about: About) -> Letter:
    """What staff wrote, word for word."""
    text = about.message()
    if about.korean:
        return Letter(
            subject=f"새 메시지가 있습니다 ({about.number})",
            lines=("주문에 대해 메시지를 보내 드립니다.", text),
            after=("답장은 주문 페이지에서 쓰실 수 있습니다.",),
            button=("메시지 보기", about.page),
        )
    return Letter(
        subject=f"A message about your order ({about.number})",
        lines=("We have written to you about your order.", text),
        after=("You can answer on the page of your order.",),
        button=("See the message", about.page),
    )


#: where a second person has still to say yes
WAITS = {
    "ko": "환불 금액을 확인하고 있습니다. 확정되면 다시 알려 드릴게요.",
    "en": "We are looking at what goes back to you, and will write again as soon as that is settled.",
}


KEPT_TOO_LONG = {
    "ko": "보관 기간이 끝났고, 여러 번 알려 드렸지만 답이 없어 상품을 처분하고 주문을 마쳤습니다.",
    "en": "Storage of your items is over. We wrote to you several times before it ended; they are disposed of now and the order is closed.",
}


@to_customer("cancel")
def cancelled(about: About) -> Letter:
    """What goes back at once, by payment. What a second person has still to approve is told of when they did."""
    planned = int(about.facts.get("refunds_usd_cents") or 0)
    refunds = about.refunds_of_cancelling() if planned else []
    back = sum(refund.amount_usd_cents for refund in refunds)
    reason = str(about.facts.get("reason") or "") if about.event and about.event.actor == "staff" else ""
    rows = tuple((_payment(about, refund), format_usd(refund.amount_usd_cents)) for refund in refunds)
    disposed = "disposal" in about.facts
    if about.korean:
        money = "환불된 금액이 보이기까지 보통 영업일로 5일에서 10일이 걸립니다." if back else "" if planned else _nothing_back(about)
        return Letter(
            subject=f"보관이 끝나 상품을 처분했습니다 ({about.number})" if disposed else f"주문을 취소했습니다 ({about.number})",
            lines=(
                f"{KEPT_TOO_LONG['ko']} 내지 않으신 보관료는 받지 않습니다." if disposed else "주문을 취소했습니다.",
                f"이유: {reason}" if reason else "",
                "결제하신 방법 그대로 아래 금액을 돌려드립니다." if back else "",
            ),
            rows=rows,
            total=("환불 합계", format_usd(back)) if back else None,
            after=tuple(filter(None, (money, WAITS["ko"] if back < planned else ""))),
            button=("주문 보기", about.page),
        )
    money = "It usually takes 5 to 10 business days until you see it." if back else "" if planned else _nothing_back(about)
    return Letter(
        subject=f"Storage is over, your items are disposed of ({about.number})"
        if disposed
        else f"Your order is cancelled ({about.number})",
        lines=(
            f"{KEPT_TOO_LONG['en']} You owe us no storage fee." if disposed else "Your order is cancelled.",
            f"Why: {reason}" if reason else "",
            "This goes back to you, the way you paid." if back else "",
        ),
        rows=rows,
        total=("Refund", format_usd(back)) if back else None,
        after=tuple(filter(None, (money, WAITS["en"] if back < planned else ""))),
        button=("See your order", about.page),
    )


def _nothing_back(about: About) -> str:
    paid = about.order.items_paid_at is not None
    if about.korean:
        return "이 주문에서 돌려드릴 금액은 없습니다." if paid else "결제하신 금액이 없어 돌려드릴 금액도 없습니다."
    return "There is nothing to refund for this order." if paid else "You had not been charged, so there is nothing to refund."


def _payment(about: About, refund: Refund) -> str:
    kind = refund.invoice.kind if refund.invoice else InvoiceKind.ITEMS
    korean, english = {
        InvoiceKind.DELIVERY: ("배송비 결제에서", "From the delivery payment"),
        InvoiceKind.ADJUSTMENT: ("차액 결제에서", "From the payment of a price difference"),
    }.get(InvoiceKind(kind), ("상품 결제에서", "From the items payment"))
    return korean if about.korean else english
