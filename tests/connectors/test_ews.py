"""The contract of all connectors over the fake Exchange: its mail, calendars and tasks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.calendar_contract import CalendarContract
from tests.connectors.contract import ConnectorContract
from tests.connectors.ews_worlds import (
    USER,
    EwsCalendarWorld,
    EwsTaskWorld,
    EwsWorld,
    opened,
    settings,
)
from tests.servers.fake_ews import FakeEws


class TestMail(ConnectorContract):
    @pytest.fixture
    def world(self, exchange: FakeEws) -> Iterator[EwsWorld]:
        with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
            yield world


class TestCalendar(CalendarContract):
    @pytest.fixture
    def world(self, exchange: FakeEws) -> Iterator[EwsWorld]:
        with opened(EwsCalendarWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
            yield world


class TestTasks(CalendarContract):
    @pytest.fixture
    def world(self, exchange: FakeEws) -> Iterator[EwsWorld]:
        with opened(EwsTaskWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
            yield world
