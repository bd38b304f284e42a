"""The fixtures `radicale` and `xandikos`: one server each for the whole run; each test takes a user of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import radicale as radicale_server
from tests.servers import xandikos as xandikos_server
from tests.servers.radicale import Radicale
from tests.servers.xandikos import Xandikos


@pytest.fixture(scope="session")
def radicale() -> Iterator[Radicale]:
    with radicale_server.serve() as server:
        yield server


@pytest.fixture(scope="session")
def radicale_over_tls() -> Iterator[Radicale]:
    with radicale_server.serve(tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def xandikos() -> Iterator[Xandikos]:
    with xandikos_server.serve() as server:
        yield server
