"""From the hand-over to the door: shipped, what holds a parcel up, corrected numbers, what is lost, delivered, come back."""

from datetime import timedelta

from django.conf import settings

from core.notices import Letter, Pair
from integrations.couriers import COURIERS, TrackingStatus
from workflow.letters.about import About
from workflow.letters.registry import to_customer
from workflow.models import Parcel


@to_customer("ship")
def shipped(about: About) -> Letter:
    parcels = _handed_over(about)
    rows = tuple((courier_name(parcel), parcel.tracking_number) for parcel in parcels)
    if about.korean:
        return Letter(
            subject=f"배송을 시작했습니다 ({about.number})",
            lines=("배송을 시작했습니다.", "운송장 번호로 배송 상황을 보실 수 있습니다. 첫 기록이 보이기까지 하루쯤 걸리기도 합니다."),
            rows=rows,
            button=_button(about, parcels),
            links=_links(parcels),
            sms=_shipped_sms(about, parcels),
        )
    return Letter(
        subject=f"Your order is on its way ({about.number})",
        lines=("Your order is on its way.", "You can follow it by its number. It may take a day until the courier shows the first step."),
        rows=rows,
        button=_button(about, parcels),
        links=_links(parcels),
        sms=_shipped_sms(about, parcels),
    )


def _handed_over(about: About) -> list[Parcel]:
    """The parcels of this hand-over, not those of an earlier journey."""
    parcels = about.order.parcels.all()
    if about.event is None:
        return list(parcels)
    since = about.event.at - timedelta(minutes=1)
    return [parcel for parcel in parcels if parcel.handed_over_at and parcel.handed_over_at >= since]


def courier_name(parcel: Parcel) -> str:
    courier = COURIERS.get(parcel.courier)
    return str(courier.label) if courier else parcel.courier


def _button(about: About, parcels: list[Parcel]) -> Pair:
    """To the public page of all parcels; in its stead, to the one parcel's page at the courier or to the order."""
    if about.track_page:
        return ("배송 조회" if about.korean else "Track your order", about.track_page)
    if len(parcels) == 1 and parcels[0].tracking_url:
        return ("배송 조회" if about.korean else "Track your parcel", parcels[0].tracking_url)
    return ("주문 보기" if about.korean else "See your order", about.page)


def _links(parcels: list[Parcel]) -> tuple[Pair, ...]:
    """Each parcel's page at its courier."""
    return tuple((f"{courier_name(parcel)} {parcel.tracking_number}", parcel.tracking_url) for parcel in parcels if parcel.tracking_url)


def _shipped_sms(about: About, parcels: list[Parcel]) -> str:
    first, more = (f"{courier_name(parcels[0])} {parcels[0].tracking_number}" if parcels else ""), len(parcels) - 1
    if about.korean:
        others = f" 외 {more}개" if more > 0 else ""
        return f"[비단길] {about.number} 배송을 시작했습니다. {first}{others}".strip()
    others = f" and {more} more" if more > 0 else ""
    return f"Bidangil {about.number}: your order is on its way. {first}{others}".strip()


@to_customer("label_parcels")
def number_corrected(about: About) -> Letter | None:
    """Nothing to say of a first label, nor of a correction that was itself corrected since."""
    parcels = _corrected(about)
    if not parcels:
        return None
    rows = tuple((courier_name(parcel), parcel.tracking_number) for parcel in parcels)
    if about.korean:
        return Letter(
            subject=f"운송장 번호를 바로잡았습니다 ({about.number})",
            lines=(
                "앞서 알려 드린 운송장 번호가 잘못되어 바로잡았습니다. 불편을 드려 죄송합니다.",
                "상품은 그대로 가고 있습니다. 이제부터는 아래 번호로 보실 수 있습니다.",
            ),
            rows=rows,
            button=_button(about, parcels),
            links=_links(parcels),
        )
    return Letter(
        subject=f"Your tracking number was corrected ({about.number})",
        lines=(
            "The tracking number that we gave you was wrong, and we have corrected it. We are sorry for the confusion.",
            "Your parcel is on its way as before. From now on you can follow it by this number.",
        ),
        rows=rows,
        button=_button(about, parcels),
        links=_links(parcels),
    )


def _corrected(about: About) -> list[Parcel]:
    """Those that still have the label which this event gave them."""
    facts = about.facts
    given = facts.get("labels") or {str(facts.get("parcel")): [facts.get("courier"), facts.get("tracking_number")]}
    corrected = {position: given.get(position) for position in facts.get("corrected") or {}}
    return [
        parcel for parcel in about.order.parcels.all() if corrected.get(str(parcel.position)) == [parcel.courier, parcel.tracking_number]
    ]


# --- What holds a parcel up ------------------------------------------------------------------------------------------------

#: status -> subject, first lines, SMS (only where a day matters), in Korean and in English; `{number}` is the order's
_TROUBLES: dict[str, dict[str, tuple[str, tuple[str, ...], str]]] = {
    TrackingStatus.CUSTOMS: {
        "ko": (
            "통관이 늦어지고 있습니다",
            ("상품이 세관에 며칠째 머물러 있습니다.", "저희가 택배사에 확인하고 있습니다. 서류가 필요하면 알려 드릴게요."),
            "",
        ),
        "en": (
            "Customs are holding your parcel",
            ("Your parcel has been with customs for several days.", "We are asking the courier, and tell you if papers are needed."),
            "",
        ),
    },
    TrackingStatus.EXCEPTION: {
        "ko": (
            "배송이 멈춰 있습니다",
            ("택배사가 배송에 문제가 있다고 알려 왔습니다.", "저희가 확인하고 있습니다. 도움이 필요하면 바로 알려 드릴게요."),
            "",
        ),
        "en": (
            "Your parcel is held up",
            (
                "The courier tells us of a problem with your parcel.",
                "We are looking into it, and write to you if we need anything from you.",
            ),
            "",
        ),
    },
    TrackingStatus.ATTEMPT_FAILED: {
        "ko": (
            "배송하지 못했습니다",
            (
                "택배사가 찾아갔지만 전해 드리지 못했습니다.",
                "보통 다음 근무일에 다시 방문합니다. 택배사 페이지에서 날짜를 바꾸실 수 있습니다.",
            ),
            "[비단길] {number} 배송하지 못했습니다. 택배사가 다시 방문합니다.",
        ),
        "en": (
            "The courier could not deliver your parcel",
            ("The courier came and could not hand over your parcel.", "Usually they come again on the next working day."),
            "Bidangil {number}: the courier could not hand over your parcel and will come again.",
        ),
    },
    TrackingStatus.AVAILABLE_FOR_PICKUP: {
        "ko": (
            "상품을 찾아가 주세요",
            ("상품이 보관소에서 기다리고 있습니다.", "며칠이 지나면 되돌아옵니다. 신분증을 가지고 찾아가 주세요."),
            "[비단길] {number} 상품이 보관소에 있습니다. 며칠 안에 찾아가 주세요.",
        ),
        "en": (
            "Your parcel waits to be picked up",
            ("Your parcel waits for you at the courier's.", "After some days it is sent back. Please pick it up, and bring an ID."),
            "Bidangil {number}: your parcel waits at the courier's. Please pick it up; after some days it is sent back.",
        ),
    },
    TrackingStatus.RETURNING: {
        "ko": (
            "상품이 되돌아오고 있습니다",
            ("전해 드리지 못한 상품이 저희에게 되돌아오고 있습니다.", "도착하면 어떻게 할지 여쭤보겠습니다."),
            "",
        ),
        "en": (
            "Your parcel is on its way back to us",
            ("Your parcel could not be delivered and is on its way back to us.", "When it is here we ask you what you would like."),
            "",
        ),
    },
    TrackingStatus.RETURNED: {
        "ko": (
            "상자 하나가 되돌아왔습니다",
            ("전해 드리지 못한 상자가 저희에게 되돌아왔습니다.", "나머지 상자는 계속 배송 중입니다. 곧 연락드릴게요."),
            "",
        ),
        "en": (
            "One of your parcels came back to us",
            ("One of your parcels could not be delivered and came back to us.", "The others go on. We will write to you about this one."),
            "",
        ),
    },
}


@to_customer("parcel_trouble")
def held_up(about: About) -> Letter | None:
    """None for what is no longer so, or has nothing to be told."""
    words = _TROUBLES.get(about.facts["status"])
    parcel = next((parcel for parcel in about.order.parcels.all() if parcel.position == about.facts["parcel"]), None)
    if words is None or parcel is None:
        return None
    subject, lines, sms = words["ko" if about.korean else "en"]
    return Letter(
        subject=f"{subject} ({about.number})",
        lines=lines,
        rows=((courier_name(parcel), parcel.tracking_number),),
        button=_button(about, [parcel]),
        links=(("주문 보기" if about.korean else "See your order", about.page),),
        sms=sms.format(number=about.number),
    )


@to_customer("parcel_lost")
def lost_on_the_way(about: About) -> Letter | None:
    """One parcel of several; where nothing is left to wait for, the order's own move says it (`_lost`)."""
    parcel = next((parcel for parcel in about.order.parcels.all() if parcel.position == about.facts["parcel"]), None)
    if parcel is None:
        return None
    number = (courier_name(parcel), parcel.tracking_number)
    inside = ((about.item(item), about.quantity(item)) for item in about.items if item.is_live and item.parcel_id == parcel.pk)
    if about.korean:
        return Letter(
            subject=f"상자 하나가 분실되었습니다 ({about.number})",
            lines=(
                "죄송합니다. 택배사가 상자 하나를 잃어버렸습니다. 안에 든 상품은 아래와 같습니다.",
                "택배사에 배상을 청구하고, 돌려드릴 금액을 확인해서 곧 알려 드리겠습니다. 따로 하실 일은 없습니다.",
            ),
            rows=(number, *inside),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"One of your parcels is lost ({about.number})",
        lines=(
            "We are sorry: the courier has lost one of your parcels, with these items in it.",
            "We claim it from the courier and will write soon about what goes back to you. There is nothing you need to do.",
        ),
        rows=(number, *inside),
        button=("See your order", about.page),
    )


@to_customer("record_delivery")
def delivered(about: About) -> Letter:
    order, review = about.order, f"{settings.PUBLIC_BASE_URL}/community/review"
    until = about.moment(order.claims_until) if order.claims_until else ""
    if any(parcel.lost_at for parcel in order.parcels.all()):
        return _delivered_in_part(about, until=until)
    if about.korean:
        return Letter(
            subject=f"잘 도착했습니다 ({about.number})",
            lines=(
                "상품이 잘 도착했습니다.",
                "마음에 드셨기를 바랍니다. 후기를 남겨 주시면 다른 분들께 큰 도움이 됩니다.",
            ),
            button=("후기 쓰기", review),
            notes=(f"상품에 문제가 있으면 {until}까지 주문 페이지에서 알려 주세요. 사진이 있으면 더 빨리 도와드릴 수 있습니다.",),
            links=(("주문 보기", about.page),),
        )
    return Letter(
        subject=f"Your order has arrived ({about.number})",
        lines=("Your order has arrived.", "We hope you like it. A short review helps everyone who comes after you."),
        button=("Write a review", review),
        notes=(f"If something is wrong, tell us on your order page by {until}. Photos help us to help you sooner.",),
        links=(("See your order", about.page),),
    )


def _delivered_in_part(about: About, *, until: str) -> Letter:
    """A parcel was lost: nobody is asked how they liked it."""
    if about.korean:
        return Letter(
            subject=f"분실된 상자를 빼고 모두 도착했습니다 ({about.number})",
            lines=("분실된 상자를 빼고 모두 잘 도착했습니다.", "분실된 상자에 대해 돌려드릴 금액은 따로 알려 드립니다."),
            button=("주문 보기", about.page),
            notes=(f"도착한 상품에 문제가 있으면 {until}까지 주문 페이지에서 알려 주세요.",),
        )
    return Letter(
        subject=f"Everything but the lost parcel has arrived ({about.number})",
        lines=("Everything but the lost parcel has arrived.", "What goes back to you for the lost one we tell you by itself."),
        button=("See your order", about.page),
        notes=(f"If something is wrong with what came, tell us on your order page by {until}.",),
    )


@to_customer("record_return")
def came_back(about: About) -> Letter:
    if about.is_lost:
        return _lost(about)
    if about.korean:
        return Letter(
            subject=f"상품이 저희에게 되돌아왔습니다 ({about.number})",
            lines=(
                "배송이 끝나지 못해 상품이 저희에게 되돌아왔습니다.",
                "상품은 저희가 잘 보관하고 있습니다. 어떻게 할지 골라서 주문 페이지에 남겨 주세요.",
            ),
            rows=(
                ("다시 받기", "주소를 확인하고 다시 보내 드립니다. 배송비는 새로 결제하셔야 합니다."),
                ("주문 취소", "쇼핑몰에서 돌려받는 상품 금액을 환불해 드립니다. 배송비는 돌려드리지 못합니다."),
            ),
            button=("답하기", about.page),
        )
    return Letter(
        subject=f"Your parcel came back to us ({about.number})",
        lines=(
            "Your parcel could not be delivered and came back to us.",
            "Your items are safe with us. Please tell us on your order page what you would like.",
        ),
        rows=(
            ("Send it again", "We check the address with you and send it once more. The delivery fee has to be paid again."),
            ("Cancel the order", "We refund what the shops give back for your items. The delivery fee cannot be refunded."),
        ),
        button=("Answer", about.page),
    )


def _lost(about: About) -> Letter:
    """Nothing came back: the last parcel is lost."""
    if about.korean:
        return Letter(
            subject=f"택배가 분실되었습니다 ({about.number})",
            lines=(
                "죄송합니다. 택배사가 상품을 잃어버렸습니다.",
                "택배사에 배상을 청구하고, 돌려드릴 금액을 확인해서 곧 알려 드리겠습니다. 따로 하실 일은 없습니다.",
            ),
            button=("주문 보기", about.page),
        )
    return Letter(
        subject=f"Your parcel is lost ({about.number})",
        lines=(
            "We are sorry: the courier has lost your parcel.",
            "We claim it from the courier and will write soon about what goes back to you. There is nothing you need to do.",
        ),
        button=("See your order", about.page),
    )
