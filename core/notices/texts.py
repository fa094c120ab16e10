"""How long a text message is where it costs: in Korea, by the bytes that operators count."""

from dataclasses import dataclass

from integrations.sms import SMS_BYTES, korean_text, sms_bytes


@dataclass(frozen=True)
class TextMessage:
    text: str
    most_bytes: int = SMS_BYTES

    @property
    def bytes(self) -> int:
        return sms_bytes(self.text)

    @property
    def is_short(self) -> bool:
        """One SMS in Korea; a longer one goes, and costs, as an LMS."""
        return self.bytes <= self.most_bytes

    @property
    def carried(self) -> str:
        """What arrives on a Korean phone, where that is not quite the same."""
        carried = korean_text(self.text)
        return "" if carried == self.text else carried
