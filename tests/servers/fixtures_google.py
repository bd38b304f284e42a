"""The fixture `google`: Google on loopback, whose every answer is judged, and to which nothing may be written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.google_http import CONNECTIONS
from tests.servers import fake_google_wire
from tests.servers.fake_google import FakeGoogle
from tests.servers.fake_google_wire import Door

NOON = 1_795_176_000.0
"""2026-11-20, 12:00 UTC."""


@pytest.fixture(scope="session")
def google_door() -> Iterator[Door]:
    with fake_google_wire.listening() as door:
        yield door


@pytest.fixture
def google(google_door: Door) -> Iterator[FakeGoogle]:
    fake = google_door.open(NOON)
    yield fake
    CONNECTIONS.close()
    assert fake.judged == []
    assert fake.written() == []
