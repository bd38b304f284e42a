"""Whatever goes wrong at Exchange, in any order: meetings and tasks end up here as the server has them. Each seed is
another story."""

from __future__ import annotations

import pytest

from tests.connectors.ews_stories import CalendarStory, tell
from tests.servers.fake_ews import FakeEws

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
def test_meetings_and_tasks_are_neither_lost_nor_doubled_nor_asked_for_too_soon(
    exchange: FakeEws, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(exchange, CalendarStory, ["calendar", "tasks"], seed, monkeypatch)
