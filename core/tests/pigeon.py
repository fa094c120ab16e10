"""Pigeon Post, a courier that does not exist: the module that docs/adding-a-courier.md asks for, and nothing else."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from integrations import relay
from integrations.base import call, refusal
from integrations.shape import Record, read_json
from integrations.signatures import timed_hmac
from integrations.tracking import (
    Budget,
    Courier,
    TrackingResult,
    TrackingScan,
    TrackingStatus,
    Webhook,
    believable,
    not_found,
    one_by_one,
    result,
    short,
)

PROVIDER = "pigeon"
BASE_URL = "http://127.0.0.1:1"  # a real one's is in core/settings.py
WEBHOOK_SECRETS = ["coo"]
STATUS_OF = {"hatched": TrackingStatus.INFO_RECEIVED, "aloft": TrackingStatus.IN_TRANSIT, "home": TrackingStatus.DELIVERED}


def track(numbers: Sequence[str]) -> dict[str, TrackingResult]:
    return one_by_one(numbers, _track_one, provider=PROVIDER)


def _track_one(number: str) -> TrackingResult:
    answer = call("GET", f"{BASE_URL}/where/{quote(number)}", provider=PROVIDER, what="track", repeatable=True)
    if answer.status == 404:
        return not_found(number)
    if answer.status != 200:
        raise refusal(answer, provider=PROVIDER)
    record = Record(read_json(answer, provider=PROVIDER), provider=PROVIDER, what="answer")
    scans = [scan for scan in map(_scan, record.records("seen")) if scan]
    return result(number, said=STATUS_OF.get(record.text("now")), scans=scans)


def _scan(seen: Record) -> TrackingScan | None:
    at, word = believable(datetime.fromtimestamp(seen.whole("at"), tz=UTC)), seen.text("word")
    if at is None:
        return None
    return TrackingScan(at, word, STATUS_OF.get(word, TrackingStatus.IN_TRANSIT), short(word), short(seen.maybe_text("loft")))


def is_number(number: str) -> bool:
    """PG, six digits, and the last digit of their sum."""
    return re.fullmatch(r"PG\d{7}", number, re.ASCII) is not None and sum(map(int, number[2:8])) % 10 == int(number[8])


COURIER = Courier(
    code=PROVIDER,
    label="Pigeon Post",
    also_called=("비둘기",),
    track=track,
    batch_size=1,
    budget=Budget(in_flight=2),
    number_rule=is_number,
    link=lambda number: f"https://pigeon.example/{quote(number)}",
    webhook=Webhook(
        secrets=lambda: WEBHOOK_SECRETS,
        is_genuine=timed_hmac,
        read=lambda body: relay.read_message(body, provider=PROVIDER),
    ),
)
