"""The fixture `google`: Google on loopback, whose every answer is judged, and to which nothing may be written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.google_http import CONNECTIONS
from tests.servers import fake_google_wire
from tests.servers.fake_google import FakeGoogle

NOON = 1_795_176_000.0
"""2026-11-20, 12:00 UTC."""


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with fake_google_wire.serve(NOON) as fake:
        yield fake
        CONNECTIONS.close()
    assert fake.judged == []
    assert [path for verb, path in fake.requests if verb != "GET" and not _asks(path)] == []


def _asks(path: str) -> bool:
    """Tokens, and batches, whose parts are looked at as they come."""
    return path == "/token" or path.startswith("/batch")
