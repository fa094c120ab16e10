"""Reading an answer whose shape nobody guarantees: a field is there and of its type, or the answer is a `BadAnswer`."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from integrations.base import Answer, BadAnswer

# What reading JSON can raise: ArithmeticError for 1e999999999999999999999, RecursionError for a hundred thousand brackets.
UNREADABLE = (ValueError, ArithmeticError, RecursionError)


class Record:
    """One JSON object from a provider. `text("id")` must be there; `maybe_text("id")` may be null or missing."""

    def __init__(self, value: object, *, provider: str, what: str) -> None:
        if not isinstance(value, Mapping):
            raise BadAnswer(f"{what} is not an object", provider=provider, code="shape")
        self.value: Mapping[str, Any] = value
        self.provider = provider
        self.what = what

    def bad(self, key: str) -> NoReturn:
        raise BadAnswer(f"{self.what}: {key} is missing or of another type", provider=self.provider, code="shape")

    def maybe_text(self, key: str) -> str | None:
        value = self.value.get(key)
        if value is None or isinstance(value, str):
            return value
        return self.bad(key)

    def text(self, key: str) -> str:
        value = self.maybe_text(key)
        return self.bad(key) if value is None else value

    def maybe_whole(self, key: str) -> int | None:
        value = self.value.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        return self.bad(key)

    def whole(self, key: str) -> int:
        value = self.maybe_whole(key)
        return self.bad(key) if value is None else value

    def yes(self, key: str) -> bool:
        value = self.value.get(key)
        if isinstance(value, bool):
            return value
        return self.bad(key)

    def moment(self, key: str) -> datetime:
        """A Unix time."""
        try:
            return datetime.fromtimestamp(self.whole(key), tz=UTC)
        except (OverflowError, OSError, ValueError):
            return self.bad(key)

    def texts(self, key: str) -> dict[str, str]:
        """A flat table of texts (metadata); null is an empty one."""
        value = self.value.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair):
            return dict(value)
        return self.bad(key)

    def maybe_record(self, key: str) -> "Record | None":
        value = self.value.get(key)
        return None if value is None else Record(value, provider=self.provider, what=f"{self.what}.{key}")

    def records(self, key: str) -> list["Record"]:
        """A list of objects; missing or null is an empty one."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            return self.bad(key)
        return [Record(item, provider=self.provider, what=f"{self.what}.{key}[]") for item in value]


def read_json(answer: Answer, *, provider: str) -> object:
    """The body as JSON with decimals kept exact; a web page or half a body is a `BadAnswer`."""
    if answer.content_type and "json" not in answer.content_type and answer.content_type != "text/plain":
        raise BadAnswer(f"answered with {answer.content_type} instead of JSON", provider=provider, code="content_type")
    try:
        return parse_json(answer.body)
    except UNREADABLE:
        pass
    raise BadAnswer("the answer is not JSON", provider=provider, code="not_json")


def json_of(body: bytes, *, provider: str) -> Record:
    """What somebody sent us by himself, as one object; anything else is a `BadAnswer`."""
    try:
        value = parse_json(body)
    except UNREADABLE:
        value = None
    return Record(value, provider=provider, what="message")


def parse_json(body: bytes, *, parse_float: Callable[[str], Any] = Decimal) -> object:
    """Raises one of `UNREADABLE`; NaN and Infinity, which are not JSON, are refused too."""
    return json.loads(body.decode(), parse_float=parse_float, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
