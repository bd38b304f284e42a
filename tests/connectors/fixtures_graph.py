"""A fresh Microsoft 365 for a test, judged when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.connectors.graph_judge import problems
from tests.connectors.graph_worlds import USER, GraphWorld, settings
from tests.servers.fake_graph import cloud

AUTHORITY = trustme.CA()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GraphWorld]:
    """Whatever the test does: nothing is written, no more than three requests run at once for the mailbox, and what the
    fake gives is what Graph's metadata allows."""
    ca_file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(ca_file))
    with cloud(AUTHORITY) as ours:
        world = GraphWorld(ours, settings(ours, ca_file), ours.graph.mailbox(USER))
        yield world
        for account in world.opened:
            account.close()
        assert ours.graph.writes == []
        assert ours.graph.busiest <= 3
        assert [problem for kind, body in ours.graph.answers for problem in problems(kind, body)] == []
