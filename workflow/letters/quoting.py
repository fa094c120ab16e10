"""From the request to the items payment: what customers are told."""

from core.money import format_usd
from core.notices import Letter
from workflow.invoices import receipt_number
from workflow.letters.about import About
from workflow.letters.registry import to_customer
from workflow.models import Invoice, InvoiceKind, InvoiceLine, Item, ItemStatus
from workflow.restrictions import reason_for


@to_customer("request_quote")
def received(about: About) -> Letter:
    rows = tuple((about.item(item), about.quantity(item)) for item in about.items)
    if about.korean:
        return Letter(
            subject=f"주문을 잘 받았습니다 ({about.number})",
            lines=(
                "주문을 잘 받았습니다.",
                "이제 담당자가 상품을 하나씩 보며 통관에 문제가 없는지 확인합니다. "
                "확인이 끝나면 통관 안내를, 이어서 결제 링크를 보내 드릴게요.",
            ),
            rows=rows,
            button=("주문 보기", about.page),
            notes=("확인을 시작하기 전까지는 주문 페이지에서 상품과 주소를 직접 바꾸실 수 있습니다.",),
        )
    return Letter(
        subject=f"We have your order ({about.number})",
        lines=(
            "We have your order.",
            "We will now look at each item and check that it can pass customs. You will hear from us about that first, "
            "and then receive a link to pay.",
        ),
        rows=rows,
        button=("See your order", about.page),
        notes=("Until we start checking, you can still change items and address on your order page.",),
    )


# --- Screened -------------------------------------------------------------------------------------------------------------


@to_customer("approve_quote")
def screened(about: About) -> Letter:
    refused = sum(item.status == ItemStatus.REJECTED for item in about.items)
    rows = tuple((about.item(item), _verdict(about, item)) for item in about.items)
    if about.korean:
        bad_news = f"아쉽지만 {refused}개 상품은 구매해 드릴 수 없습니다. 이유를 함께 적었습니다." if refused else ""
        return Letter(
            subject=f"상품 확인이 끝났습니다 ({about.number})",
            lines=("상품 확인이 끝났습니다.", "통관에 관한 안내를 상품마다 적어 두었습니다.", bad_news),
            rows=rows,
            after=("다음은 가격입니다. 확인하는 대로 결제 링크를 보내 드릴게요.",),
            button=("주문 보기", about.page),
        )
    bad_news = f"Sadly we cannot buy {'one item' if refused == 1 else f'{refused} items'}; the reason is given below." if refused else ""
    return Letter(
        subject=f"Your items are checked ({about.number})",
        lines=("Your items are checked.", "Here is what to expect from customs for each of them.", bad_news),
        rows=rows,
        after=("Next come the prices. As soon as they are confirmed, you will receive a link to pay.",),
        button=("See your order", about.page),
    )


def _verdict(about: About, item: Item) -> str:
    rejected, note = item.status == ItemStatus.REJECTED, reason_for(item, locale=about.locale)
    if about.korean:
        return f"구매할 수 없음: {note}" if rejected else note or "통관에 문제가 없습니다."
    return f"Cannot be bought: {note}" if rejected else note or "No trouble expected at customs."


@to_customer("reject_quote")
def rejected(about: About) -> Letter:
    reason = str(about.facts.get("reason") or "")
    rows = tuple(
        (about.item(item), note)
        for item in about.items
        if item.status == ItemStatus.REJECTED and (note := reason_for(item, locale=about.locale))
    )
    if about.korean:
        return Letter(
            subject=f"이번 주문은 진행하기 어렵습니다 ({about.number})",
            lines=("아쉽지만 이번 주문은 진행하기 어렵습니다.", f"이유: {reason}" if reason else ""),
            rows=rows,
            after=("결제하신 금액은 없습니다. 다른 상품이 필요하시면 언제든 다시 요청해 주세요.",),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"We cannot take this order ({about.number})",
        lines=("We are sorry: we cannot take this order.", f"Why: {reason}" if reason else ""),
        rows=rows,
        after=("You have not been charged. If you need something else, we are glad to look at it.",),
        button=("See your order", about.page),
    )


# --- Prices ---------------------------------------------------------------------------------------------------------------


@to_customer("confirm_item_prices")
def payable(about: About) -> Letter:
    invoice = about.invoice(InvoiceKind.ITEMS)
    dollars, until = format_usd(invoice.amount_usd_cents), about.moment(invoice.pay_by)
    changed, pay = _what_changed(about, invoice), about.pay_page(InvoiceKind.ITEMS)
    if about.korean:
        return Letter(
            subject=f"결제해 주세요: 상품 금액 {dollars} ({about.number})",
            lines=("상품 가격을 확인했습니다.", f"{until}까지 결제해 주시면 바로 구매를 시작합니다.", *changed),
            rows=about.invoice_rows(invoice),
            total=about.invoice_total(invoice),
            button=("결제하기", pay),
            notes=(about.rate(invoice), "기한이 지나면 견적이 끝나지만, 그날의 환율로 다시 요청하실 수 있습니다."),
            sms=f"[비단길] {about.number} 상품 결제가 준비됐습니다. 메일의 링크로 결제해 주세요.",
        )
    return Letter(
        subject=f"Ready to pay: {dollars} for your items ({about.number})",
        lines=("Your prices are confirmed.", f"Please pay by {until}, and we start buying right away.", *changed),
        rows=about.invoice_rows(invoice),
        total=about.invoice_total(invoice),
        button=("Pay now", pay),
        notes=(about.rate(invoice), "If that time passes, the quote ends, but you can ask for it again at the rate of that day."),
        sms=f"Bidangil {about.number}: your items are ready to pay, {dollars}. The link is in your e-mail.",
    )


def _what_changed(about: About, invoice: Invoice) -> tuple[str, ...]:
    """What differs from the version before it, which the customer may have in another mail; nothing for the first version."""
    changes = about.changes(invoice)
    if changes is None:
        return ()
    moved = [
        f"{about.item(change.item)}: {_won(about, change.was)} → {_won(about, change.now)}"
        for change in changes.lines
        if change.item is not None and change.is_new_price
    ]
    was, now = format_usd(changes.was.usd_cents), format_usd(changes.now.usd_cents)
    only_the_rate = changes.is_new_rate and not moved
    if about.korean:
        why = " 상품 가격은 그대로이고 환율이 바뀌었습니다." if only_the_rate else ""
        return (f"지난번에 안내한 금액에서 바뀌었습니다: {was} → {now}.{why}", *moved)
    why = " The prices are the same, the exchange rate has moved." if only_the_rate else ""
    return (f"This replaces the earlier amount: {was} → {now}.{why}", *moved)


def _won(about: About, line: InvoiceLine | None) -> str:
    if line is None:
        return "없음" if about.korean else "not included"
    return f"{line.amount_krw:,}원" if about.korean else f"₩{line.amount_krw:,}"


@to_customer("expire_quote")
def expired(about: About) -> Letter:
    if about.korean:
        return Letter(
            subject=f"견적 기한이 지났습니다 ({about.number})",
            lines=(
                "견적 기한이 지났습니다.",
                "결제하신 금액은 없습니다. 상품이 아직 필요하시면 주문 페이지에서 다시 요청해 주세요. "
                "오늘의 환율로 새 견적을 만들어 드릴게요.",
            ),
            button=("다시 요청하기", about.page),
        )
    return Letter(
        subject=f"Your quote has run out ({about.number})",
        lines=(
            "Your quote has run out.",
            "You have not been charged. If you still want your items, ask again on your order page "
            "and we will make a new quote at today's exchange rate.",
        ),
        button=("Ask again", about.page),
    )


# --- Paid -----------------------------------------------------------------------------------------------------------------


@to_customer("record_item_payment")
def items_paid(about: About) -> Letter:
    invoice = about.paid_invoice(InvoiceKind.ITEMS)
    dollars, details = format_usd(invoice.amount_usd_cents), receipt_notes(about, invoice)
    if about.korean:
        return Letter(
            subject=f"상품 결제를 확인했습니다: {dollars} ({about.number})",
            lines=("상품 결제를 확인했습니다.", "고맙습니다. 이제 상품을 구매합니다. 아래는 영수증입니다."),
            rows=about.invoice_rows(invoice),
            total=about.invoice_total(invoice),
            button=("주문 보기", about.page),
            notes=(*details, "구매를 시작하기 전까지는 주문 페이지에서 직접 취소하실 수 있습니다."),
            sms=f"[비단길] {about.number} 상품 결제를 확인했습니다. 구매를 시작합니다.",
        )
    return Letter(
        subject=f"Payment received: {dollars} for your items ({about.number})",
        lines=("We have your payment.", "Thank you. We are buying your items now. This is your receipt."),
        rows=about.invoice_rows(invoice),
        total=about.invoice_total(invoice),
        button=("See your order", about.page),
        notes=(*details, "Until we have bought something, you can cancel on your order page yourself."),
        sms=f"Bidangil {about.number}: we have your payment of {dollars} and are buying your items now.",
    )


def receipt_notes(about: About, invoice: Invoice) -> tuple[str, ...]:
    """What a receipt says below its lines: its number and time, the rate, and where it is to be had on paper."""
    at = about.moment(about.event.at) if about.event else ""
    if about.korean:
        paper = "영수증은 주문 페이지에서 PDF로도 받으실 수 있습니다."
        return (f"영수증 {receipt_number(invoice)}, {at}", about.rate(invoice), paper)
    paper = "You can also download this receipt as a PDF from your order page."
    return (f"Receipt {receipt_number(invoice)}, {at}", about.rate(invoice), paper)
