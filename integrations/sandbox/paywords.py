"""The pay page's words, English and Korean: customers see it, so it speaks the session's language as Stripe's page does."""

_ENGLISH = {
    "lang": "en",
    "title": "Pay",
    "to": "Pay Bidangil",
    "total": "Total",
    "quantity": "Qty",
    "email": "E-mail",
    "card": "Card",
    "pay": "Pay",
    "decline": "Pay with a card that is declined",
    "later": "Pay later by bank transfer (asynchronous)",
    "other": "Or see what else can happen",
    "back": "Back to the shop",
    "secure": "This is the sandbox's stand-in for Stripe Checkout. No card is asked for and no money moves.",
    "declined": "The card was declined: insufficient funds. Try another way to pay.",
    "valid_until": "This page can be paid until",
    "paid_title": "Paid. Thank you!",
    "paid": "The payment has arrived. This page cannot be paid a second time.",
    "waiting_title": "The bank is working on it",
    "waiting": "The transfer is promised, the money is not here yet. In real life this takes a few days; here you decide:",
    "settle": "The money arrives",
    "fail": "The transfer fails",
    "failed_title": "The transfer failed",
    "failed": "No money was taken. The shop will send a new link to pay.",
    "expired_title": "This page has expired",
    "expired": "It was not paid in time, or the shop closed it. Ask the shop for a new link.",
    "on": "Back to the order",
}
_KOREAN = {
    "lang": "ko",
    "title": "결제",
    "to": "비단길에 결제",
    "total": "결제 금액",
    "quantity": "수량",
    "email": "이메일",
    "card": "카드",
    "pay": "결제하기",
    "decline": "승인이 거절되는 카드로 결제",
    "later": "나중에 계좌이체로 결제 (비동기)",
    "other": "다른 결과도 시험해 보기",
    "back": "쇼핑몰로 돌아가기",
    "secure": "Stripe Checkout을 대신하는 샌드박스 화면입니다. 카드 정보를 묻지 않으며 실제 돈은 움직이지 않습니다.",
    "declined": "카드 승인이 거절되었습니다(잔액 부족). 다른 방법으로 결제해 주세요.",
    "valid_until": "결제 가능 시한",
    "paid_title": "결제가 완료되었습니다",
    "paid": "결제 금액이 입금되었습니다. 이 페이지에서 다시 결제할 수 없습니다.",
    "waiting_title": "은행에서 처리 중입니다",
    "waiting": "이체가 접수되었지만 아직 입금되지 않았습니다. 실제로는 며칠이 걸리지만 여기서는 직접 정할 수 있습니다:",
    "settle": "입금 완료",
    "fail": "이체 실패",
    "failed_title": "이체에 실패했습니다",
    "failed": "결제된 금액이 없습니다. 쇼핑몰에서 새 결제 링크를 보내 드립니다.",
    "expired_title": "결제 페이지가 만료되었습니다",
    "expired": "기한 안에 결제되지 않았거나 쇼핑몰에서 닫은 페이지입니다. 새 링크를 요청해 주세요.",
    "on": "주문으로 돌아가기",
}


def words_for(locale: str | None, accept_language: str) -> dict[str, str]:
    """The session's locale decides; without one (or "auto") the browser's first language."""
    language = locale if locale and locale != "auto" else accept_language.strip()
    return _KOREAN if language.lower().startswith("ko") else _ENGLISH
