"""Letters to ourselves: what came in and whose move it is. No names and no addresses; the button leads to the order."""

from core.money import format_usd
from core.notices import Letter
from workflow.letters.about import About
from workflow.letters.registry import to_staff
from workflow.models import InvoiceKind


@to_staff("request_quote")
def new_order(about: About) -> Letter:
    count = len(about.items)
    return _letter(
        about,
        korean=f"새 주문이 들어왔습니다: 상품 {count}개",
        english=f"New order: {'one item' if count == 1 else f'{count} items'}",
        todo=("상품을 확인해 승인하거나 거절해 주세요.", "Screen the items: approve or reject each."),
        sms=f"[비단길] 새 주문 {about.number}, 상품 {count}개" if about.korean else f"Bidangil: new order {about.number}, {count} item(s)",
    )


@to_staff("record_item_payment")
def items_paid(about: About) -> Letter:
    dollars = format_usd(about.paid_invoice(InvoiceKind.ITEMS).amount_usd_cents)
    return _letter(
        about,
        korean=f"상품 결제 완료: {dollars}",
        english=f"Items paid: {dollars}",
        todo=("상품을 구매해 주세요.", "Buy the items."),
        sms=f"[비단길] 상품 결제 {about.number}, {dollars}" if about.korean else f"Bidangil: items paid, {about.number}, {dollars}",
    )


@to_staff("record_delivery_payment")
def delivery_paid(about: About) -> Letter:
    dollars = format_usd(about.paid_invoice(InvoiceKind.DELIVERY).amount_usd_cents)
    return _letter(
        about,
        korean=f"배송비 결제 완료: {dollars}",
        english=f"Delivery paid: {dollars}",
        todo=("운송장을 붙여 발송해 주세요.", "Label the parcels and hand them over."),
        sms=f"[비단길] 배송비 결제 {about.number}, {dollars}" if about.korean else f"Bidangil: delivery paid, {about.number}, {dollars}",
    )


@to_staff("difference_paid")
def difference_paid(about: About) -> Letter:
    dollars = format_usd(int(about.facts["amount_usd_cents"]))
    return _letter(
        about,
        korean=f"차액 결제 완료: {dollars}",
        english=f"Price difference paid: {dollars}",
        todo=("상품을 구매해 주세요.", "Buy the items."),
    )


@to_staff("renew_quote")
def renewed(about: About) -> Letter:
    return _letter(
        about,
        korean="견적을 다시 요청했습니다",
        english="Quote asked for again",
        todo=("오늘의 환율로 가격을 다시 확정해 주세요.", "Confirm the prices once more, at today's rate."),
    )


@to_staff("record_return")
def returned(about: About) -> Letter:
    return _letter(
        about,
        korean="배송품이 되돌아왔습니다",
        english="A delivery came back",
        todo=("고객의 답을 받아 다시 보내거나 취소해 주세요.", "Send it again or cancel it, as the customer decides."),
    )


@to_staff("answer")
def answered(about: About) -> Letter | None:
    """None where staff themselves closed the question."""
    if about.event is not None and about.event.actor == "staff":
        return None
    return _letter(
        about,
        korean="고객이 질문에 답했습니다",
        english="The customer has answered",
        todo=("답을 읽고 주문을 이어서 진행해 주세요.", "Read the answer and go on with the order."),
    )


@to_staff("answer_inspection")
def decided(about: About) -> Letter:
    return _letter(
        about,
        korean="고객이 검수 결과에 답했습니다",
        english="The customer has decided about an inspected item",
        todo=("답에 따라 검수를 마무리해 주세요.", "End the inspection as the customer decided."),
    )


@to_staff("message")
def customer_wrote(about: About) -> Letter:
    """Without the words themselves: they are the customer's, and personal."""
    return _letter(
        about,
        korean="고객이 메시지를 보냈습니다",
        english="The customer has written",
        todo=("24시간 안에 답해 주세요.", "Answer within 24 hours."),
    )


def _letter(about: About, *, korean: str, english: str, todo: tuple[str, str], sms: str = "") -> Letter:
    """`todo` in Korean and English."""
    said, next_step, button = (korean, todo[0], "주문 열기") if about.korean else (english, todo[1], "Open the order")
    footer = "비단길 직원에게 보내는 알림입니다." if about.korean else "A notice to the staff of Bidangil."
    return Letter(
        subject=f"{said} ({about.number})",
        lines=(said, next_step),
        button=(button, about.admin_page),
        footer=footer,
        signed=False,
        sms=sms,
    )
