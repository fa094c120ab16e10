"""The letters of sign-up and password reset. Whoever asks for a code may not be the address's owner, so they say nothing of anybody."""

from core.accounts.models import EmailCode
from core.notices import Letter, write
from core.notices.models import Channel

#: `core/notices/jobs.py` sends this kind within ten minutes or not at all, and wipes its text once it is settled
KIND = "email_code"


def send_code(row: EmailCode, code: str, *, locale: str) -> None:
    """Promise the mail with a code, in the transaction that stores its hash: the `send` of `registration.request_code`."""
    letter = code_letter(row.purpose, code, locale)
    write(key=f"email-code:{row.pk}", kind=KIND, channel=Channel.EMAIL, recipient=row.email, user_id=None, locale=locale, letter=letter)


def code_letter(purpose: str, code: str, locale: str) -> Letter:
    is_reset = purpose == EmailCode.Purpose.PASSWORD_RESET
    if locale == "ko":
        aim = "비밀번호를 새로 정하는" if is_reset else "가입을 마치는"
        return Letter(
            subject="비밀번호 재설정 코드" if is_reset else "비단길 가입 코드",
            lines=(f"{aim} 코드입니다.", "10분 안에 아래 여섯 자리를 입력해 주세요."),
            code=code,
            notes=("저희는 이 코드를 전화나 메시지로 묻지 않습니다. 요청하신 적이 없다면 이 메일은 무시하셔도 됩니다.",),
            footer="비단길에서 누군가 이 주소로 코드를 요청하여 보내 드린 메일입니다.",
        )
    aim = "choose a new password" if is_reset else "finish signing up"
    return Letter(
        subject="Your password reset code" if is_reset else "Your Bidangil sign-up code",
        lines=(f"Here is your code to {aim}.", "Please enter these six digits within 10 minutes."),
        code=code,
        notes=("We never ask for this code by phone or message. If you did not request it, you can ignore this mail.",),
        footer="You receive this mail because somebody asked Bidangil for a code to this address.",
    )
