"""What customers read about an inspection, in their language: the question that staff start from, and their own answer in the thread."""

from collections.abc import Sequence

from workflow.models import Choice, Inspection, Item, Verdict

FOUND = {
    "ko": {
        Verdict.OK: "주문하신 대로입니다",
        Verdict.WRONG: "주문하신 것과 다른 상품이 왔습니다",
        Verdict.DAMAGED: "상품이 손상되어 왔습니다",
        Verdict.MISSING: "수량이 모자라게 왔습니다",
        Verdict.PROHIBITED: "해외로 보낼 수 없는 상품입니다",
    },
    "en": {
        Verdict.OK: "as you ordered it",
        Verdict.WRONG: "not what you ordered",
        Verdict.DAMAGED: "arrived damaged",
        Verdict.MISSING: "not all of it came",
        Verdict.PROHIBITED: "may not be sent abroad",
    },
}
CHOICES = {
    "ko": {Choice.KEEP: "그대로 보내 주세요", Choice.RETURN: "상점에 반품해 주세요", Choice.OTHER: "다른 방법을 원합니다"},
    "en": {
        Choice.KEEP: "Please send it as it is",
        Choice.RETURN: "Please send it back to the shop",
        Choice.OTHER: "I would like something else",
    },
}
KEEP_OR_RETURN = {
    "ko": "그대로 보내 드릴까요, 상점에 반품할까요, 아니면 다른 방법을 원하시나요?",
    "en": "Shall we send it as it is, send it back to the shop, or would you like something else?",
}
RETURN_ONLY = {
    "ko": "보내 드릴 수 없습니다. 상점에 반품할까요, 아니면 다른 방법을 원하시나요?",
    "en": "We cannot send it to you. Shall we send it back to the shop, or would you like something else?",
}


def found(verdict: str, *, locale: str) -> str:
    return FOUND["ko" if locale == "ko" else "en"][Verdict(verdict)]


def wish(choice: str, *, locale: str) -> str:
    return CHOICES["ko" if locale == "ko" else "en"][Choice(choice)]


def question(inspections: Sequence[Inspection], *, locale: str) -> str:
    """As it is proposed to staff, who may change it."""
    locale = "ko" if locale == "ko" else "en"
    lines = [f"{one.item}: {found(one.verdict, locale=locale)}. {one.note}".strip() for one in inspections]
    never = any(one.verdict == Verdict.PROHIBITED for one in inspections)
    return "\n".join([*lines, "", (RETURN_ONLY if never else KEEP_OR_RETURN)[locale]])


def answer(item: Item, choice: Choice, text: str, *, locale: str) -> str:
    """The customer's message in the thread."""
    said = f"{item}: {wish(choice, locale=locale)}."
    return f"{said}\n{text}" if text else said
