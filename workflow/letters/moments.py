"""A moment in the customer's own words: their day and hour, with the zone said, for we only guess it from the parcel's address."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from workflow import zones


@dataclass(frozen=True)
class Zone:
    key: str
    korean: str
    english: str


SEOUL = Zone("Asia/Seoul", "한국 시간", "Korea time")
UTC = Zone("UTC", "UTC", "UTC")
EASTERN = Zone("America/New_York", "미국 동부 시간", "Eastern time")
CENTRAL = Zone("America/Chicago", "미국 중부 시간", "Central time")
MOUNTAIN = Zone("America/Denver", "미국 산악 시간", "Mountain time")
ARIZONA = Zone("America/Phoenix", "애리조나 시간", "Arizona time")
PACIFIC = Zone("America/Los_Angeles", "미국 서부 시간", "Pacific time")
ALASKA = Zone("America/Anchorage", "알래스카 시간", "Alaska time")
HAWAII = Zone("Pacific/Honolulu", "하와이 시간", "Hawaii time")

#: by their IANA names, which the states' table (`workflow/zones.py`) gives
NAMED = {zone.key: zone for zone in (EASTERN, CENTRAL, MOUNTAIN, ARIZONA, PACIFIC, ALASKA, HAWAII)}


def zone_of(*, region: str, country: str) -> Zone:
    if country == "US":
        return NAMED.get(zones.STATE_ZONES.get(region.strip().upper(), ""), EASTERN)
    return SEOUL if country == "KR" else UTC


def korean_day(day: date) -> str:
    return f"{day.year}년 {day.month}월 {day.day}일"


def english_day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def day_and_hour(at: datetime, *, region: str, country: str, locale: str) -> str:
    """`Wednesday, November 25, 5:30 PM (Pacific time)`, `11월 25일(수) 오후 5시 30분 (미국 서부 시간)`"""
    zone = zone_of(region=region, country=country)
    there = at.astimezone(ZoneInfo(zone.key))
    if locale == "ko":
        weekday = "월화수목금토일"[there.weekday()]
        return f"{there.month}월 {there.day}일({weekday}) {_hour(there, locale=locale)} ({zone.korean})"
    return f"{there:%A, %B} {there.day}, {_hour(there, locale=locale)} ({zone.english})"


def full_moment(at: datetime, *, zone: Zone, locale: str) -> str:
    """With its year, for papers that are kept: `November 25, 2026, 5:30 PM (Pacific time)`."""
    there = at.astimezone(ZoneInfo(zone.key))
    if locale == "ko":
        return f"{korean_day(there)} {_hour(there, locale=locale)} ({zone.korean})"
    return f"{english_day(there)}, {_hour(there, locale=locale)} ({zone.english})"


def _hour(there: datetime, *, locale: str) -> str:
    hour = there.hour % 12 or 12
    if locale == "ko":
        minute = f" {there.minute}분" if there.minute else ""
        return f"{'오전' if there.hour < 12 else '오후'} {hour}시{minute}"
    return f"{hour}:{there.minute:02d} {'AM' if there.hour < 12 else 'PM'}"
