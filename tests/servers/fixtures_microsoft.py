"""A fresh Microsoft 365 for a test, judged when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.servers.fake_graph import Cloud, cloud, clouds
from tests.servers.graph_manners import breaches


@pytest.fixture(scope="session")
def test_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def microsoft(test_authority: trustme.CA, tmp_path: Path) -> Iterator[Cloud]:
    ca_file = tmp_path / "microsoft-ca.pem"
    test_authority.cert_pem.write_to_path(str(ca_file))
    with cloud(test_authority, ca_file) as ours:
        yield ours
    assert breaches(ours) == []


@pytest.fixture(scope="module")
def microsofts(test_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Cloud]]:
    ca_file = tmp_path_factory.mktemp("microsoft") / "ca.pem"
    test_authority.cert_pem.write_to_path(str(ca_file))
    with clouds(test_authority, ca_file) as another:
        yield another


@pytest.fixture
def another_microsoft(microsofts: Callable[[], Cloud]) -> Iterator[Cloud]:
    """For the seeds: nobody's mailbox is there, but the ports and the sign-in are those of the seed before."""
    ours = microsofts()
    yield ours
    assert breaches(ours) == []
