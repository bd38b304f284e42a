"""Whatever goes wrong at Exchange, in any order: mail ends up here as the server has it. Each seed is another story."""

from __future__ import annotations

import pytest

from tests.connectors.ews_stories import MailStory, tell
from tests.servers.fake_ews import FakeEws

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
def test_mail_is_neither_lost_nor_doubled_nor_asked_for_too_soon(
    exchange: FakeEws, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(exchange, MailStory, ["Inbox", "Sent Items"], seed, monkeypatch)
