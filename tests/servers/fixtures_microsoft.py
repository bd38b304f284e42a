"""A fresh Microsoft 365 for a test, judged when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.servers.fake_graph import Cloud, cloud
from tests.servers.graph_judge import problems


@pytest.fixture(scope="session")
def test_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def microsoft(test_authority: trustme.CA, tmp_path: Path) -> Iterator[Cloud]:
    """Whatever the test does: nothing is written, no more than three requests run at once for a mailbox, and what the
    fake gives is what Graph's metadata allows."""
    ca_file = tmp_path / "microsoft-ca.pem"
    test_authority.cert_pem.write_to_path(str(ca_file))
    with cloud(test_authority, ca_file) as ours:
        yield ours
        assert ours.graph.writes == []
        assert ours.graph.busiest <= 3
        assert [problem for kind, body in ours.graph.answers for problem in problems(kind, body)] == []
