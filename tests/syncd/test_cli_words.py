"""What a person types at a prompt is understood or refused, and what came from outside cannot steer the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from syncd.cli.exits import code_of, words
from syncd.cli.plain import plain
from syncd.cli.times import duration, instant, zone
from syncd.errors import ConfigError, Permanent, Retryable, StoreInUse

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25 14:00", datetime(2026, 11, 25, 13, tzinfo=UTC)),
        ("2026-07-01 14:00", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-11-25T14:00:00+05:00", datetime(2026, 11, 25, 9, tzinfo=UTC)),
        ("2026-11-25 14:00Z", datetime(2026, 11, 25, 14, tzinfo=UTC)),
        ("2026-11-25 9:05", datetime(2026, 11, 25, 8, 5, tzinfo=UTC)),
        ("9:05", datetime(2026, 11, 25, 8, 5, tzinfo=UTC)),
        ("yesterday 9:05", datetime(2026, 11, 24, 8, 5, tzinfo=UTC)),
        ("tomorrow 9:05", datetime(2026, 11, 26, 8, 5, tzinfo=UTC)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("30 m ago", NOW - timedelta(minutes=30)),
        ("now", NOW),
        ("", NOW),
    ],
)
def test_a_time_is_meant_in_the_zone_that_was_said(text: str, expected: datetime) -> None:
    assert instant(text, BERLIN, NOW) == expected


@pytest.mark.parametrize("text", ["25.11.2026 14:00", "14", "25:00", "tomorrow-ish", "2026-13-01 10:00", "9:65"])
def test_what_is_no_time_is_answered_with_the_ways_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="2026-11-25 14:00"):
        instant(text, BERLIN, NOW)


def test_a_date_alone_is_asked_for_its_time_of_day() -> None:
    with pytest.raises(typer.BadParameter, match="write '2026-11-25 14:00'"):
        instant("2026-11-25", BERLIN, NOW)


def test_a_time_that_the_clock_jumped_over_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="the clock went forward"):
        instant("2026-03-29 02:30", BERLIN, NOW)


def test_a_zone_is_one_of_the_worlds() -> None:
    assert zone("Europe/Berlin") == BERLIN
    with pytest.raises(typer.BadParameter, match="Europe/Berlin or UTC"):
        zone("Middle/Earth")


@pytest.mark.parametrize(("text", "minutes"), [("45m", 45), ("45", 45), ("1h", 60), ("1h30m", 90), ("1h 30m", 90)])
def test_a_duration_is_hours_and_minutes(text: str, minutes: int) -> None:
    assert duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "long", "1d", "-5m", "1.5h"])
def test_what_is_no_duration_is_answered_with_the_ways_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="45m, 1h or 1h30m"):
        duration(text)


@given(st.text())
def test_nothing_can_steer_a_terminal(text: str) -> None:
    shown = plain(f"\x1b]0;title\x07\x9b31m{text}\u202e")

    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\n"}


def test_plain_words_stay_as_they_are() -> None:
    assert plain("Grüße aus München, 東京, 5 €") == "Grüße aus München, 東京, 5 €"


def test_each_failure_has_its_exit_code_and_says_what_to_type() -> None:
    assert code_of(ConfigError(["a", "b"])) == 78
    assert code_of(StoreInUse("held")) == 75
    assert code_of(Retryable("later")) == 1
    assert words(ConfigError(["a", "b"])) == "a\nb"
    assert "try: stop it first (systemctl stop syncd)" in words(StoreInUse("another syncd holds it"))
    assert words(Permanent("anna: no such host", cure="check host")) == "anna: no such host\n  try: check host"
    assert "\x1b" not in words(Permanent("server said \x1b[2J", cure="\x1b[2J"))
