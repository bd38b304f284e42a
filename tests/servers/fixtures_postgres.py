"""The fixture `postgres`: one server for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import Postgres, serve


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with serve() as server:
        yield server
