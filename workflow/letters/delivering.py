"""From the purchase to the paid delivery, and goods that lie with us longer: what customers are told."""

from django.utils.timezone import now

from core.money import format_usd
from core.notices import Letter
from workflow.letters.about import About
from workflow.letters.quoting import receipt_notes
from workflow.letters.registry import to_customer
from workflow.models import Invoice, InvoiceKind, InvoiceStatus, Parcel


@to_customer("mark_items_purchased")
def bought(about: About) -> Letter:
    rows = tuple((about.item(item), about.quantity(item)) for item in about.items if item.is_live)
    if about.korean:
        return Letter(
            subject=f"상품을 모두 구매했습니다 ({about.number})",
            lines=("상품을 모두 구매했습니다.", "한국 물류창고에 도착하면 살펴보고 다시 알려 드릴게요."),
            rows=rows,
            button=("주문 보기", about.page),
            sms=f"[비단길] {about.number} 상품을 모두 구매했습니다. 도착하면 알려 드릴게요.",
        )
    return Letter(
        subject=f"Your items are bought ({about.number})",
        lines=("Your items are bought.", "They are on the way to our warehouse in Korea. We will look at them there and tell you."),
        rows=rows,
        button=("See your order", about.page),
        sms=f"Bidangil {about.number}: your items are bought. We will tell you when they reach our warehouse.",
    )


@to_customer("receive_at_warehouse")
def arrived(about: About) -> Letter:
    if about.korean:
        return Letter(
            subject=f"상품이 물류창고에 도착했습니다 ({about.number})",
            lines=(
                "상품이 모두 물류창고에 도착했습니다.",
                "하나하나 살펴보았고 이상이 없었습니다. 이제 포장하고 무게를 재어 배송비를 알려 드릴게요.",
            ),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"Your items have reached our warehouse ({about.number})",
        lines=(
            "All your items have reached our warehouse.",
            "We looked at each of them and all is well. Next we pack and weigh them, and tell you the delivery fee.",
        ),
        button=("See your order", about.page),
    )


# --- Delivery fee ---------------------------------------------------------------------------------------------------------


@to_customer("confirm_delivery_fee")
def delivery_payable(about: About) -> Letter:
    invoice = about.invoice(InvoiceKind.DELIVERY)
    dollars, pay = format_usd(invoice.amount_usd_cents), about.pay_page(InvoiceKind.DELIVERY)
    replaced = _replaced(about, invoice)
    if about.korean:
        return Letter(
            subject=f"결제해 주세요: 배송비 {dollars} ({about.number})",
            lines=("배송비가 정해졌습니다.", f"{_packed(about)} 결제해 주시면 바로 보내 드립니다.", replaced),
            rows=about.invoice_rows(invoice),
            total=about.invoice_total(invoice),
            button=("결제하기", pay),
            notes=(about.rate(invoice),),
            sms=f"[비단길] {about.number} 배송비가 정해졌습니다. 메일의 링크로 결제해 주세요.",
        )
    return Letter(
        subject=f"Ready to pay: {dollars} for delivery ({about.number})",
        lines=("Your delivery fee is set.", f"{_packed(about)} Once it is paid, your order leaves.", replaced),
        rows=about.invoice_rows(invoice),
        total=about.invoice_total(invoice),
        button=("Pay now", pay),
        notes=(about.rate(invoice),),
        sms=f"Bidangil {about.number}: delivery is ready to pay, {dollars}. The link is in your e-mail.",
    )


def _packed(about: About) -> str:
    """How it is packed and where it goes: the town is enough to see a wrong address."""
    order = about.order
    parcels = _to_send(about)
    count, kilograms = len(parcels), f"{sum(parcel.weight_g or 0 for parcel in parcels) / 1000:.2f} kg"
    place = ", ".join(part for part in (order.city, order.region, order.country) if part)
    if about.korean:
        return f"상품을 상자 {count}개에 담았습니다. 무게는 {kilograms}, 받으실 곳은 {place}입니다."
    boxes = "one box" if count == 1 else f"{count} boxes"
    return f"Your items are packed in {boxes}, {kilograms} in all, addressed to {place}."


def _to_send(about: About) -> list[Parcel]:
    """The parcels that were to be sent when the fee was set, however much later this is written."""
    at = about.event.at if about.event else now()
    ended = ((parcel, parcel.closed_at or parcel.delivered_at) for parcel in about.order.parcels.all())
    return [parcel for parcel, end in ended if end is None or end > at]


def _replaced(about: About, invoice: Invoice) -> str:
    """A fee that was taken back before it was paid; the customer may have its mail."""
    earlier = about.earlier_fee(invoice)
    if earlier is None or earlier.status != InvoiceStatus.VOID:
        return ""
    was, is_now = format_usd(earlier.amount_usd_cents), format_usd(invoice.amount_usd_cents)
    if about.korean:
        return f"지난번에 안내한 배송비에서 바뀌었습니다: {was} → {is_now}."
    return f"This replaces the earlier fee: {was} → {is_now}."


@to_customer("record_delivery_payment")
def delivery_paid(about: About) -> Letter:
    invoice = about.paid_invoice(InvoiceKind.DELIVERY)
    dollars, details = format_usd(invoice.amount_usd_cents), receipt_notes(about, invoice)
    if about.korean:
        return Letter(
            subject=f"배송비 결제를 확인했습니다: {dollars} ({about.number})",
            lines=("배송비 결제를 확인했습니다.", "고맙습니다. 이제 발송을 준비합니다. 아래는 영수증입니다."),
            rows=about.invoice_rows(invoice),
            total=about.invoice_total(invoice),
            button=("주문 보기", about.page),
            notes=details,
            sms=f"[비단길] {about.number} 배송비 결제를 확인했습니다. 발송을 준비합니다.",
        )
    return Letter(
        subject=f"Payment received: {dollars} for delivery ({about.number})",
        lines=("We have your payment for delivery.", "Thank you. Your order is getting ready to leave. This is your receipt."),
        rows=about.invoice_rows(invoice),
        total=about.invoice_total(invoice),
        button=("See your order", about.page),
        notes=details,
        sms=f"Bidangil {about.number}: we have your payment of {dollars}. Your order is getting ready to leave.",
    )


# --- Storage --------------------------------------------------------------------------------------------------------------


@to_customer("extend_storage")
def kept_longer(about: About) -> Letter:
    days = int(about.facts["days"])
    if about.korean:
        return Letter(
            subject=f"보관 기간을 {days}일 늘렸습니다 ({about.number})",
            lines=(f"상품을 {days}일 더 보관해 드립니다.", "끝나기 전에 다시 알려 드릴게요. 그동안의 보관료는 이전과 같습니다."),
            button=("주문 보기", about.page),
        )
    more = "one more day" if days == 1 else f"{days} more days"
    return Letter(
        subject=f"We keep your items for {more} ({about.number})",
        lines=(f"We keep your items for {more}.", "We will write again before storage ends. A day costs what it did before."),
        button=("See your order", about.page),
    )
