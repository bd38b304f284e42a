"""The fixture `dovecot`: one server for the whole run; each test takes a user of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.dovecot import Dovecot, serve


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with serve() as server:
        yield server
