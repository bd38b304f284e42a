"""What is read of a calendar is what Exchange's own view of it shows, asked for by exchangelib itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from exchangelib import UTC as EWS_UTC
from exchangelib import EWSDateTime

from syncd.model import Event
from tests.connectors.contract import Reader
from tests.connectors.ews_series import FOR_EVER, MONDAYS, NEW_YORK, PATTERNS, VIENNA
from tests.connectors.ews_worlds import (
    NOON,
    USER,
    EwsCalendarWorld,
    exception,
    library,
    meeting,
    opened,
    series,
    settings,
)
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Occurrence, Raw

Shown = list[tuple[datetime, datetime, str]]


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsCalendarWorld]:
    exchange.scheme = "basic"
    made = EwsCalendarWorld(
        exchange, settings(exchange, "basic"), exchange.mailbox(USER), since=NOON - timedelta(days=90)
    )
    with opened(made):
        yield made


def shown(world: EwsCalendarWorld) -> Shown:
    """By Exchange, in its view."""
    begins, ends = (
        EWSDateTime.from_datetime(at).astimezone(EWS_UTC) for at in (world.since, NOON + timedelta(days=60))
    )
    with library(world.exchange.url, world.exchange.ca_file, USER) as account:
        found: Any = list(account.calendar.view(start=begins, end=ends).only("start", "end", "subject"))
    return sorted((_plain(each.start), _plain(each.end), each.subject) for each in found if each.end > begins)


def _plain(at: datetime) -> datetime:
    return datetime.fromisoformat(at.isoformat())


def read(world: EwsCalendarWorld) -> Shown:
    items = [item for batch in Reader(world).whole_pass() for item in batch.items]
    parts = [part for item in items for part in getattr(item, "parts", ()) if isinstance(part, Event)]
    ends = NOON + timedelta(days=world.settings.ahead_days)  # an occurrence that was put off is known beyond it, too
    return sorted((part.starts_at, part.ends_at, part.subject) for part in parts if part.starts_at < ends)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", [VIENNA, NEW_YORK])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_shows_the_same_meetings(world: EwsCalendarWorld, pattern: str, zone: Raw) -> None:
    series(
        world.mailbox, utc("2026-08-31T08:00"), pattern, FOR_EVER.replace("09-07", "08-31"),
        calendar_StartTimeZone=zone,
    )  # fmt: skip
    assert read(world) == shown(world)
    assert read(world)


def test_a_calendar_with_changed_and_deleted_occurrences_shows_the_same_meetings(world: EwsCalendarWorld) -> None:
    mailbox = world.mailbox
    meeting(mailbox, "demo@example.com", utc("2026-11-23T09:00"))
    meeting(mailbox, "long-ago@example.com", utc("2026-03-23T09:00"))
    master = series(
        mailbox, utc("2026-09-07T07:00"), MONDAYS, FOR_EVER, calendar_StartTimeZone=VIENNA, item_Subject="Weekly",
        calendar_DeletedOccurrences=[Occurrence(utc("2026-10-26T08:00"))],
    )  # fmt: skip
    exception(mailbox, master, utc("2026-11-02T08:00"), utc("2026-11-03T15:00"), item_Subject="Moved")
    exception(mailbox, master, utc("2026-12-07T08:00"), utc("2027-03-01T08:00"), item_Subject="Put off")
    assert read(world) == shown(world)
    assert {subject for _, _, subject in shown(world)} == {"Demo", "Weekly", "Moved"}
