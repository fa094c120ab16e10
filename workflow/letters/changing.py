"""After the payment: an item is sold out or dearer, money goes back. What customers are told."""

from core.money import format_usd
from core.notices import Letter, Pair
from workflow.letters.about import About
from workflow.letters.registry import to_customer
from workflow.models import AdjustmentRoute, InvoiceKind, Item

BANK_DAYS = {
    "ko": "환불된 금액이 보이기까지 보통 영업일로 5일에서 10일이 걸립니다.",
    "en": "It usually takes 5 to 10 business days until you see it.",
}


def _back(about: About) -> str:
    return format_usd(int(about.facts.get("refunds_usd_cents") or about.facts.get("refund_usd_cents") or 0))


def _rows(about: About) -> tuple[Pair, ...]:
    """The items that the event names, by their position."""
    return tuple((about.item(item), about.quantity(item)) for item in _named(about, "items"))


def _named(about: About, fact: str) -> list[Item]:
    positions = about.facts.get(fact) or {}
    return [item for item in about.items if str(item.position) in positions]


@to_customer("sold_out")
def sold_out(about: About) -> Letter:
    total = about.facts.get("refunds_usd_cents")
    if about.korean:
        return Letter(
            subject=f"품절된 상품이 있습니다 ({about.number})",
            lines=("아쉽지만 아래 상품은 품절되어 구매할 수 없었습니다.", "상품 금액과 그에 해당하는 수수료를 모두 돌려드립니다."),
            rows=_rows(about),
            total=("환불 금액", _back(about)) if total else None,
            after=(BANK_DAYS["ko"], "나머지 상품은 그대로 진행합니다."),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"Something is sold out ({about.number})",
        lines=("We are sorry: this could not be bought, it is sold out.", "You get back its price and its share of our fee, in full."),
        rows=_rows(about),
        total=("Refund", _back(about)) if total else None,
        after=(BANK_DAYS["en"], "Everything else goes on as planned."),
        button=("See your order", about.page),
    )


@to_customer("difference")
def dearer(about: About) -> Letter:
    """Billed with the delivery, or at once."""
    rows = tuple((about.item(item), _extra(about, item)) for item in _named(about, "differences_krw"))
    if about.facts.get("route") != AdjustmentRoute.INVOICE:
        return _carried(about, rows)
    invoice = about.numbered_invoice(about.facts["invoice"])
    dollars, until, pay = format_usd(invoice.amount_usd_cents), about.moment(invoice.pay_by), about.pay_page(InvoiceKind.ADJUSTMENT)
    if about.korean:
        return Letter(
            subject=f"가격이 올랐습니다: 차액 {dollars} ({about.number})",
            lines=(
                "상점의 가격이 견적보다 올랐습니다. 수수료 없이 차액만 청구합니다.",
                f"{until}까지 결제해 주시면 구매합니다. 원하지 않으시면 결제하지 않으셔도 됩니다. "
                "기한이 지나면 그 상품은 빠지고 상품 금액과 수수료를 모두 돌려드립니다.",
            ),
            rows=rows,
            total=about.invoice_total(invoice),
            button=("차액 결제하기", pay),
            notes=(about.rate(invoice),),
        )
    return Letter(
        subject=f"The price went up: {dollars} more ({about.number})",
        lines=(
            "The shop asks more than we had quoted. You pay the difference only, without any fee.",
            f"Please pay by {until}, and we buy it. If you would rather not, do nothing: after that time the item leaves your order and "
            "you get back its price and its share of our fee, in full.",
        ),
        rows=rows,
        total=about.invoice_total(invoice),
        button=("Pay the difference", pay),
        notes=(about.rate(invoice),),
    )


def _carried(about: About, rows: tuple[Pair, ...]) -> Letter:
    if about.korean:
        return Letter(
            subject=f"가격이 조금 올랐습니다 ({about.number})",
            lines=("상점의 가격이 견적보다 조금 올랐습니다.", "지금 하실 일은 없습니다. 차액은 수수료 없이 배송비와 함께 청구합니다."),
            rows=rows,
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"A price went up a little ({about.number})",
        lines=(
            "The shop asks a little more than we had quoted.",
            "There is nothing to do now: the difference, without any fee, comes with your delivery bill.",
        ),
        rows=rows,
        button=("See your order", about.page),
    )


def _extra(about: About, item: Item) -> str:
    krw = int(about.facts["differences_krw"][str(item.position)])
    return f"+{krw:,}원" if about.korean else f"+₩{krw:,}"


@to_customer("difference_paid")
def difference_paid(about: About) -> Letter:
    invoice = about.numbered_invoice(about.facts["invoice"])
    dollars = format_usd(invoice.amount_usd_cents)
    if about.korean:
        return Letter(
            subject=f"차액 결제를 확인했습니다: {dollars} ({about.number})",
            lines=("차액 결제를 확인했습니다.", "고맙습니다. 이제 상품을 구매합니다."),
            rows=about.invoice_rows(invoice),
            total=about.invoice_total(invoice),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"Payment received: {dollars} ({about.number})",
        lines=("We have your payment of the price difference.", "Thank you. We are buying your items now."),
        rows=about.invoice_rows(invoice),
        total=about.invoice_total(invoice),
        button=("See your order", about.page),
    )


@to_customer("difference_unpaid")
def difference_unpaid(about: About) -> Letter:
    if about.korean:
        return Letter(
            subject=f"차액이 결제되지 않아 상품을 뺐습니다 ({about.number})",
            lines=("차액이 기한까지 결제되지 않아 아래 상품을 주문에서 뺐습니다.", "상품 금액과 그에 해당하는 수수료를 모두 돌려드립니다."),
            rows=_rows(about),
            total=("환불 금액", _back(about)),
            after=(BANK_DAYS["ko"],),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"An item has left your order ({about.number})",
        lines=(
            "The price difference was not paid in time, so this has left your order.",
            "You get back its price and its share of our fee, in full.",
        ),
        rows=_rows(about),
        total=("Refund", _back(about)),
        after=(BANK_DAYS["en"],),
        button=("See your order", about.page),
    )


@to_customer("refund")
@to_customer("refund_approved")
def refunded(about: About) -> Letter:
    if about.korean:
        return Letter(
            subject=f"{_back(about)}를 돌려드립니다 ({about.number})",
            lines=(f"주문 {about.number}에서 {_back(about)}를 결제하신 방법 그대로 돌려드립니다.",),
            after=(BANK_DAYS["ko"],),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"{_back(about)} goes back to you ({about.number})",
        lines=(f"We are giving back {_back(about)} of order {about.number}, the way you paid.",),
        after=(BANK_DAYS["en"],),
        button=("See your order", about.page),
    )
