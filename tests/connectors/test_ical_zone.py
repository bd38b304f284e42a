"""Which zone a time is of, and what instant that makes it, whatever the zone of the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.ical import zone_of
from connectors.ical_read import Component, read
from connectors.ical_vtimezone import own_zone
from connectors.ical_zone import named
from tests.odd_calendars import calendar, component, event, events, observance, utc, vevent

EACH_DAY = ",".join(map(str, range(1, 367)))
_UNCERTAIN = "its time zone is not known: the calendar's own is taken, which is uncertain"

BERLIN_RULES = [
    *observance("DAYLIGHT", "19810329T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
    *observance("STANDARD", "19961027T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
]
NEW_YORK_RULES = [
    *observance("STANDARD", "16010101T020000", "-0400", "-0500", "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11"),
    *observance("DAYLIGHT", "16010101T020000", "-0500", "-0400", "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3"),
]


def vtimezone(tzid: str, *lines: str) -> list[str]:
    return component("VTIMEZONE", f"TZID:{tzid}", *lines)


def fixed(offset: str) -> list[str]:
    return observance("STANDARD", "16010101T000000", offset, offset)


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def host_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


# ---------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("/Europe/Stockholm", "Europe/Stockholm"),
        ("posix/Europe/Vaduz", "Europe/Vaduz"),
        ("/freeassociation.sourceforge.net/Europe/Vienna", "Europe/Vienna"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Vienna", "Europe/Vienna"),
        ("/mozilla.org/20070129_1/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("/softwarestudio.org/Olson_20011030_5/America/Chicago", "America/Chicago"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("UTC", "UTC"),
        ("GMT", "UTC"),
        ("Z", "UTC"),
        ("EST5EDT", "EST5EDT"),
        ("Customized Time Zone", ""),
        ("tzone://Microsoft/Custom", ""),
        ("/company.example/Customized", ""),
        ("local;VALUE=DATE-TIME", ""),
        ("../../etc/passwd", ""),
        ("/etc/localtime", ""),
        ("", ""),
        ("x" * 5000, ""),
    ],
)
def test_a_zone_is_known_by_its_many_names(tzid: str, name: str) -> None:
    assert named(tzid) == name


def test_every_zone_of_the_machine_is_known_in_any_case() -> None:
    own = {name for name in available_timezones() if named(name) != "UTC"}
    assert {"Europe/Vienna", "CET", "America/Argentina/Ushuaia"} <= own
    assert {name: named(name) for name in own} == {name: name for name in own}
    assert {name: named(name.upper()) for name in own} == {name: name for name in own}


@pytest.mark.parametrize("tzid", ["posixrules", "Europe", "zone1970.tab", "../Vienna", "\0", "Europe/\ud800"])
def test_a_file_beside_the_zones_is_none(tzid: str) -> None:
    assert named(tzid) == ""


def test_a_named_zone_counts_before_the_rules_beside_it() -> None:
    data = calendar(vtimezone("Europe/Berlin", *fixed("-1100")), vevent("DTSTART;TZID=Europe/Berlin:20261125T090000"))
    assert events(data)[0].starts_at == utc(2026, 11, 25, 8)


def test_a_zone_of_ones_own_is_what_its_rules_say() -> None:
    master = vevent("DTSTART;TZID=Customized Time Zone:20261028T090000", "RRULE:FREQ=WEEKLY;COUNT=2")
    found = events(calendar(vtimezone("Customized Time Zone", *NEW_YORK_RULES), master))
    assert [one.starts_at for one in found] == [utc(2026, 10, 28, 13), utc(2026, 11, 4, 14)]
    assert (found[0].zone, found[0].problem) == ("", "")


def test_a_zone_of_ones_own_may_name_the_place_it_is_of() -> None:
    zone = vtimezone("Home", "X-LIC-LOCATION:Europe/Vienna", *fixed("+0300"))
    (found,) = events(calendar(zone, vevent("DTSTART;TZID=Home:20261125T090000")))
    assert (found.starts_at, found.zone) == (utc(2026, 11, 25, 8), "Europe/Vienna")


def test_a_zone_that_nothing_explains_is_the_calendars_and_uncertain() -> None:
    found = event("DTSTART;TZID=Customized Time Zone:20261125T090000")
    assert (found.starts_at, found.zone, found.problem) == (utc(2026, 11, 25, 8), "Europe/Berlin", _UNCERTAIN)


@pytest.mark.parametrize(
    "start",
    [
        'DTSTART;TZID="local;VALUE=DATE-TIME":20261125T090000',
        "DTSTART;TZID=(UTC+01:00) Amsterdam, Berlin:20261125T090000",
        'DTSTART;TZID="(UTC+01:00) Amsterdam, Berlin":20261125T090000',
    ],
)
def test_odd_zone_names_leave_the_date_readable(start: str) -> None:
    found = event(start)
    assert (found.starts_at, found.problem) == (utc(2026, 11, 25, 8), _UNCERTAIN)


def test_one_calendars_zone_is_not_taken_for_anothers_of_the_same_name() -> None:
    """icalendar would give both the first one's offset."""

    def start(offset: str) -> datetime:
        lines = "DTSTART;TZID=Customized Time Zone:20261125T090000"
        return events(calendar(vtimezone("Customized Time Zone", *fixed(offset)), vevent(lines)))[0].starts_at

    assert [start(offset) for offset in ("+0100", "-0500", "+0100", "+0545")] == [
        utc(2026, 11, 25, 8),
        utc(2026, 11, 25, 14),
        utc(2026, 11, 25, 8),
        utc(2026, 11, 25, 3, 15),
    ]
    with ThreadPoolExecutor(8) as pool:
        offsets = [f"+{hour:02}00" for hour in range(13)] * 20
        assert [found.hour for found in pool.map(start, offsets)] == [(9 - int(one[1:3])) % 24 for one in offsets]


def test_the_zone_of_a_calendar_is_read_from_what_a_server_says() -> None:
    assert zone_of(calendar(vtimezone("Europe/Berlin", *BERLIN_RULES))) == "Europe/Berlin"
    assert zone_of(calendar(vtimezone("W. Europe Standard Time", *BERLIN_RULES))) == "Europe/Berlin"
    assert zone_of(calendar(vtimezone("Home", "X-LIC-LOCATION:Asia/Tokyo", *fixed("+0900")))) == "Asia/Tokyo"
    assert zone_of(calendar(vtimezone("Customized Time Zone", *fixed("+0900")))) == ""
    assert zone_of(b"Europe/Berlin\n") == "Europe/Berlin"
    assert zone_of(b"") == zone_of(b"\xff\x00") == zone_of(b"BEGIN:VCALENDAR") == ""


# ---------------------------------------------------------------------------------------------- rules of their own


def _zone(*lines: str) -> Component:
    return read(calendar(vtimezone("own", *lines))).timezones[0]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.datetimes(datetime(2008, 1, 1), datetime(2037, 12, 31)), st.integers(0, 1), st.booleans())
def test_rules_give_what_the_zone_they_were_copied_from_gives(wall: datetime, fold: int, is_new_york: bool) -> None:
    own = own_zone(_zone(*(NEW_YORK_RULES if is_new_york else BERLIN_RULES)))
    named_zone = ZoneInfo("America/New_York" if is_new_york else "Europe/Berlin")
    moment = wall.replace(tzinfo=named_zone, fold=fold)
    assert moment.replace(tzinfo=own).utcoffset() == moment.utcoffset()
    instant = wall.replace(tzinfo=UTC)
    mine, theirs = instant.astimezone(own), instant.astimezone(named_zone)
    assert (mine.replace(tzinfo=None), mine.fold) == (theirs.replace(tzinfo=None), theirs.fold)


@pytest.mark.parametrize("hours", range(-3, 4))
def test_the_hours_around_a_change_are_as_in_the_zone_copied_from(hours: int) -> None:
    own, berlin = own_zone(_zone(*BERLIN_RULES)), ZoneInfo("Europe/Berlin")
    for change in (utc(2026, 3, 29, 1), utc(2026, 10, 25, 1)):
        at = change + timedelta(hours=hours, minutes=30)
        assert at.astimezone(own).isoformat() == at.astimezone(berlin).isoformat()
        for fold in (0, 1):
            wall = at.replace(tzinfo=own, fold=fold)
            assert wall.utcoffset() == at.replace(tzinfo=berlin, fold=fold).utcoffset()


def test_rules_that_ended_hold_until_the_next_and_the_last_for_ever() -> None:
    lines = [
        *observance("STANDARD", "19900101T000000", "+0300", "+0200"),
        *observance("DAYLIGHT", "20000401T000000", "+0200", "+0300", "RRULE:FREQ=YEARLY;UNTIL=20030331T220000Z"),
        *observance("STANDARD", "20001001T000000", "+0300", "+0200", "RRULE:FREQ=YEARLY;COUNT=4"),
        *observance("STANDARD", "20100101T000000", "+0200", "+0400", "RDATE:20100101T000000,20150101T000000"),
    ]
    own = own_zone(_zone(*lines))

    def hours(*day: int) -> float:
        year, month, number = day
        offset = datetime(year, month, number, tzinfo=own).utcoffset()
        assert offset is not None
        return offset.total_seconds() / 3600

    assert hours(1980, 1, 1) == 3  # what the first of all ended
    assert hours(1995, 7, 1) == 2
    assert [hours(year, 7, 1) for year in (2000, 2003, 2004, 2009)] == [3, 3, 2, 2]
    assert [hours(year, 12, 1) for year in (2000, 2003, 2004, 2009)] == [2, 2, 2, 2]
    assert [hours(year, 7, 1) for year in (2010, 2026, 2190, 2500)] == [4, 4, 4, 4]


def test_an_offset_of_synology_is_read_as_minutes_and_seconds() -> None:
    own = own_zone(_zone(*fixed("+5730")))
    assert own.utcoffset(datetime(2026, 1, 1)) == timedelta(minutes=57, seconds=30)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        fixed("+25"),
        observance("STANDARD", "soon", "+0100", "+0100"),
        observance("STANDARD", "20260101T000000", "", "+0100"),
        observance("STANDARD", "20260101T000000", "+0100", "+0200", "RRULE:FREQ=SECONDLY"),
        observance("STANDARD", "16010101T000000", "+0100", "+0200", f"RRULE:FREQ=YEARLY;BYYEARDAY={EACH_DAY}"),
        [line for _ in range(600) for line in fixed("+0100")],
    ],
)
def test_rules_that_make_no_zone_leave_the_calendars(lines: list[str]) -> None:
    (found,) = events(calendar(vtimezone("own", *lines), vevent("DTSTART;TZID=own:20261125T090000")))
    assert (found.starts_at, found.problem) == (utc(2026, 11, 25, 8), _UNCERTAIN)


# ---------------------------------------------------------------------------------------------- kinds of time


def test_a_floating_time_is_of_the_calendars_zone() -> None:
    found = event("DTSTART:20261125T090000", zone="Asia/Tokyo")
    assert (found.starts_at, found.zone, found.problem) == (utc(2026, 11, 25, 0), "Asia/Tokyo", "")


def test_a_floating_series_is_called_by_its_time_on_the_wall() -> None:
    found = events(calendar(vevent("DTSTART:20261024T090000", "RRULE:FREQ=DAILY;COUNT=2")))
    assert [one.original_start for one in found] == ["20261024T090000", "20261025T090000"]
    assert [one.starts_at.hour for one in found] == [7, 8]


def test_a_floating_time_of_a_calendar_without_a_zone_is_taken_for_utc_and_uncertain() -> None:
    found = event("DTSTART:20261125T090000", zone="")
    assert found.starts_at == utc(2026, 11, 25, 9)
    assert "uncertain" in found.problem


def test_a_file_may_say_the_calendars_zone_where_the_server_does_not() -> None:
    data = calendar(["X-WR-TIMEZONE:Asia/Tokyo"], vevent("DTSTART:20261125T090000"))
    assert events(data, zone="")[0].starts_at == utc(2026, 11, 25, 0)
    assert events(data, zone="Europe/Berlin")[0].starts_at == utc(2026, 11, 25, 8)


@pytest.mark.usefixtures("host_zone")
def test_whole_days_are_dates_and_end_by_the_calendars_midnight() -> None:
    for zone, midnight in (("Asia/Tokyo", utc(2026, 11, 26, 15)), ("America/New_York", utc(2026, 11, 27, 5))):
        found = event("DTSTART;VALUE=DATE:20261125", "DTEND;VALUE=DATE:20261127", zone=zone)
        assert found.all_day
        assert (found.starts_at, found.ends_at, found.settles_at) == (utc(2026, 11, 25), utc(2026, 11, 27), midnight)
        assert found.zone == zone


@pytest.mark.usefixtures("host_zone")
def test_a_series_of_whole_days_keeps_its_dates() -> None:
    found = events(calendar(vevent("DTSTART;VALUE=DATE:20261023", "RRULE:FREQ=DAILY;COUNT=4")))
    assert [one.original_start for one in found] == ["20261023", "20261024", "20261025", "20261026"]
    assert {(one.starts_at.hour, one.ends_at - one.starts_at) for one in found} == {(0, timedelta(days=1))}
    assert [one.settles_at.hour for one in found] == [22, 22, 23, 23]


@pytest.mark.usefixtures("host_zone")
def test_the_zone_of_the_machine_changes_nothing() -> None:
    data = calendar(
        vtimezone("own", *NEW_YORK_RULES),
        vevent("DTSTART;TZID=own:20261028T090000", "RRULE:FREQ=WEEKLY;COUNT=2"),
        vevent("DTSTART:20261028T090000", "RRULE:FREQ=WEEKLY;COUNT=2", uid="floating"),
        vevent("DTSTART;TZID=Europe/Berlin:20261020T090000", "RRULE:FREQ=WEEKLY;UNTIL=20261027", uid="berlin"),
    )
    assert [one.starts_at for one in sorted(events(data), key=lambda one: (one.uid, one.starts_at))] == [
        utc(2026, 10, 20, 7),
        utc(2026, 10, 27, 8),
        utc(2026, 10, 28, 8),
        utc(2026, 11, 4, 8),
        utc(2026, 10, 28, 13),
        utc(2026, 11, 4, 14),
    ]


# ---------------------------------------------------------------------------------------------- changes of the clock


@pytest.mark.usefixtures("host_zone")
def test_what_begins_in_the_hour_that_is_skipped_begins_an_hour_later_and_lasts_as_long() -> None:
    for end in ("DTEND;TZID=Europe/Berlin:20260329T030000", "DURATION:PT30M"):
        data = calendar(vevent("DTSTART;TZID=Europe/Berlin:20260329T023000", end))
        (found,) = events(data, begins=utc(2026, 3, 1))
        assert (found.starts_at, found.ends_at) == (utc(2026, 3, 29, 1, 30), utc(2026, 3, 29, 2))


@pytest.mark.usefixtures("host_zone")
def test_an_occurrence_in_the_hour_that_is_skipped_or_repeated_is_there_once() -> None:
    data = calendar(vevent("DTSTART;TZID=Europe/Berlin:20260101T023000", "DURATION:PT30M", "RRULE:FREQ=DAILY"))
    spring = events(data, begins=utc(2026, 3, 28), ends=utc(2026, 3, 31))
    autumn = events(data, begins=utc(2026, 10, 24), ends=utc(2026, 10, 27))
    assert [f"{one.starts_at:%d %H:%M}" for one in spring] == ["28 01:30", "29 01:30", "30 00:30"]
    assert [f"{one.starts_at:%d %H:%M}" for one in autumn] == ["24 00:30", "25 00:30", "26 01:30"]
    assert {one.ends_at - one.starts_at for one in (*spring, *autumn)} == {timedelta(minutes=30)}


def test_an_hourly_series_has_one_occurrence_for_the_hour_that_is_skipped_and_the_next() -> None:
    data = calendar(vevent("DTSTART;TZID=Europe/Berlin:20260329T000000", "RRULE:FREQ=HOURLY;COUNT=5"))
    found = events(data, begins=utc(2026, 3, 1))
    assert [f"{one.starts_at:%d %H}" for one in found] == ["28 23", "29 00", "29 01", "29 02"]
    assert len({one.id for one in found}) == len(found)


def test_a_night_shift_ends_at_six_by_the_clock_on_every_day() -> None:
    data = calendar(
        vevent(
            "DTSTART;TZID=Europe/Berlin:20261023T220000",
            "DTEND;TZID=Europe/Berlin:20261024T060000",
            "RRULE:FREQ=DAILY;COUNT=3",
        )
    )
    assert [one.ends_at.hour for one in events(data)] == [4, 5, 5]


def test_a_flight_ends_by_the_clock_of_where_it_lands() -> None:
    found = event("DTSTART;TZID=Europe/Berlin:20261125T090000", "DTEND;TZID=America/New_York:20261125T120000")
    assert found.ends_at == utc(2026, 11, 25, 17)
    assert found.zone == "Europe/Berlin"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca"]),
)
def test_nothing_ends_before_it_begins(start: datetime, length: timedelta, zone: str) -> None:
    wall = "%Y%m%dT%H%M%S"
    lines = (
        f"DTSTART;TZID={zone}:{start:{wall}}",
        f"DTEND;TZID={zone}:{start + length:{wall}}",
        "RRULE:FREQ=DAILY;COUNT=3",
    )
    for one in events(calendar(vevent(*lines)), begins=utc(2025, 12, 1), ends=utc(2027, 3, 1)):
        assert one.starts_at <= one.ends_at <= one.settles_at
        assert one.starts_at < one.ends_at or length < timedelta(seconds=1)
