"""The customer's clock: across the days on which summer time begins and ends, in split states, and where nothing is guessed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from workflow.zones import COUNTRY_ZONES, SPLIT_STATES, STATE_ZONES, There, there


@pytest.mark.parametrize(
    ("region", "utc", "clock", "name"),
    [
        # summer time began on 8 March 2026 at 2:00 and ended on 1 November at 2:00
        ("CA", datetime(2026, 3, 8, 9, 59, tzinfo=UTC), "2026-03-08 01:59", "PST"),
        ("CA", datetime(2026, 3, 8, 10, 0, tzinfo=UTC), "2026-03-08 03:00", "PDT"),
        ("NY", datetime(2026, 11, 1, 5, 59, tzinfo=UTC), "2026-11-01 01:59", "EDT"),
        ("NY", datetime(2026, 11, 1, 6, 0, tzinfo=UTC), "2026-11-01 01:00", "EST"),
        ("AZ", datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "2026-07-01 05:00", "MST"),
        ("HI", datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "2026-07-01 02:00", "HST"),
        (" tx ", datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "2026-07-01 07:00", "CDT"),
    ],
)
def test_states_keep_their_summer_time(region, utc, clock, name):
    found = there(region=region, country="US")
    assert (found.at(utc).strftime("%Y-%m-%d %H:%M"), found.short(utc)) == (clock, name)


def test_a_split_state_is_about_right():
    assert there(region="TX", country="US") == There("America/Chicago", is_about=True)
    assert there(region="CA", country="US") == There("America/Los_Angeles", is_about=False)
    assert set(STATE_ZONES) > SPLIT_STATES


def test_other_countries_only_where_they_have_one_zone():
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert there(region="", country="gb").short(summer) == "BST"
    assert there(region="", country="SG").short(summer) == "UTC+8"
    assert there(region="", country="NP").short(summer) == "UTC+5:45"
    for region, country in (("ON", "CA"), ("NSW", "AU"), ("", "ES"), ("", "??"), ("", ""), ("Narnia", "US")):
        assert there(region=region, country=country) is None


def test_every_zone_is_one():
    assert len(STATE_ZONES) == 56
    for key in {*STATE_ZONES.values(), *COUNTRY_ZONES.values()}:
        ZoneInfo(key)
