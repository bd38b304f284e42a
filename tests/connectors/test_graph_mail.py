"""Mail of Microsoft 365 by Graph: the contract, and the traps that Graph is known for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.connectors.contract import ConnectorContract, World
from tests.connectors.graph_judge import problems
from tests.connectors.graph_worlds import USER, GraphWorld, settings
from tests.servers.fake_graph import cloud

AUTHORITY = trustme.CA()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GraphWorld]:
    ca_file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(ca_file))
    with cloud(AUTHORITY) as ours:
        world = GraphWorld(ours, settings(ours, ca_file), ours.graph.mailbox(USER))
        yield world
        for account in world.opened:
            account.close()
        assert ours.graph.writes == []
        assert [problem for kind, body in ours.graph.answers for problem in problems(kind, body)] == []


class TestContract(ConnectorContract):
    """As a person, whose consent can be withdrawn: what an app may do is the admin's to mend."""

    @pytest.fixture
    def world(self, world: GraphWorld) -> World:
        return world.as_person()
