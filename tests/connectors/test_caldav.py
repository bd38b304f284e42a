"""The CalDAV connector on real servers: the contract, and what goes beyond it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.caldav import Settings
from tests.connectors.caldav_worlds import CalDavWorld
from tests.connectors.calendar_contract import CalendarContract
from tests.servers.radicale import Radicale
from tests.servers.xandikos import Xandikos


class TestRadicale(CalendarContract):
    @pytest.fixture
    def world(self, radicale: Radicale) -> Iterator[CalDavWorld]:
        user = radicale.new_user()
        path = radicale.owner(user).make_calendar("work", title="Work")
        made = CalDavWorld(radicale, Settings(url=radicale.url, user=user), radicale.passwords[user], path)
        yield made
        made.close()


class TestXandikos(CalendarContract):
    @pytest.fixture
    def world(self, xandikos: Xandikos) -> Iterator[CalDavWorld]:
        user = xandikos.new_user()
        path = xandikos.owner(user).make_calendar("work", title="Work")
        made = CalDavWorld(xandikos, Settings(url=xandikos.url, user=user), xandikos.passwords[user], path)
        yield made
        made.close()
