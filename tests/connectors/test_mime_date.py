"""Date headers of every age, and the instant each means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.mime_date import careful_date, date, plain_date

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

SAME = [
    "Mon, 23 Nov 2026 12:00:00 +0000",
    "Mon, 23 Nov 2026 12:00:00 -0000",
    "Mon, 23 Nov 2026 12:00:00",
    "Mon, 23 Nov 2026 13:00:00 +0100 (CET)",
    "23 Nov 2026 06:30:00 -0530",
    "Mon, 23 Nov 2026 12:00 GMT",
    "Mon, 23 Nov 26 07:00:00 EST",
    "Monday, 23-Nov-26 12:00:00 GMT",
    "Mon Nov 23 12:00:00 2026",
    "Sun, 23 Nov 2026 12:00:00 +0000",
    "2026-11-23T12:00:00Z",
    "2026-11-23 13:00:00+01:00",
]
NONE = [
    "",
    "soon",
    "<HR>",
    "Mon, 31 Feb 2026 12:00:00 +0000",
    "Mon, 23 Nov 2026 25:00:00 +0000",
    "Mon, 23 Nov 2026 12:00:00 +9999",
    "Mon, 23 Nov 0102 12:00:00 +0000",
    "Mon, 23 Nov 99999 12:00:00 +0000",
    "Mon, 30 Jun 3609 15:33:50 +0600",
    "Thu, 01 Jan 1970 00:30:00 +0100",
    "Wed, 15 Dec 2010 59:10 -0500",
    "Mon, 23 Nov 2026 " + "1" * 5000,
    "(" * 10_000,
]


@pytest.mark.parametrize("value", SAME)
def test_one_instant_is_read_in_all_its_spellings(value: str) -> None:
    assert date(value) == NOON


@pytest.mark.parametrize("value", NONE)
def test_what_is_no_sane_date_is_none(value: str) -> None:
    assert date(value) is None


MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2210, 1, 1))
ZONES = st.integers(-26 * 60 + 121, 26 * 60 - 121).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, ZONES)
def test_the_short_way_gives_what_the_careful_one_gives(moment: datetime, zone: timezone) -> None:
    value = format_datetime(moment.replace(tzinfo=zone))
    plain = plain_date(value)
    assert plain is None or plain == careful_date(value)


@given(
    st.from_regex(
        r"([A-Z][a-z]{2}, )?[0-9]{1,2} (Jan|Feb|Nov) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}", fullmatch=True
    )
)
def test_the_short_way_takes_no_date_that_the_careful_one_refuses(value: str) -> None:
    plain = plain_date(value)
    assert plain is None or plain == careful_date(value)


@given(MOMENTS, ZONES, st.integers(0, 30), st.characters(codec="utf-8") | st.sampled_from("0123456789:+-., Z"))
@example(datetime(2026, 11, 25, 9), timezone(timedelta(hours=8)), 29, ",")
@example(datetime(2026, 11, 25, 9), timezone(timedelta(hours=7)), 26, ".")
def test_the_short_way_takes_no_damaged_date_for_another(
    moment: datetime, zone: timezone, place: int, letter: str
) -> None:
    """`+08,0` and `.0700` are no zones, though Python's `fromisoformat` takes both."""
    value = format_datetime(moment.replace(tzinfo=zone))
    damaged = value[:place] + letter + value[place + 1 :]
    plain = plain_date(damaged)
    assert plain is None or plain == careful_date(damaged)


def test_the_short_way_takes_what_most_mail_has() -> None:
    assert plain_date(SAME[0]) == plain_date(SAME[3]) == NOON


@given(st.text(max_size=60))
def test_nothing_makes_a_date_fail(value: str) -> None:
    moment = date(value)
    assert moment is None or 1970 <= moment.year < 2200
