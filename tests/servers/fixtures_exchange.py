"""A fresh Exchange server for a test, judged when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.servers.ews_judge import problems
from tests.servers.fake_ews import FakeEws, Host, accounts, hosting


@pytest.fixture(scope="session")
def exchange_host(test_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosting(test_authority, tmp_path_factory.mktemp("exchange")) as host:
        yield host


@pytest.fixture
def exchange(exchange_host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEws]:
    """Whatever the test does: nothing but reading is asked for, and what the fake gives is what the schema allows."""
    users = tmp_path / "ntlm-users"
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    fake = exchange_host.anew()
    fake.on_passwords = lambda passwords: users.write_text(accounts(passwords))
    yield fake
    assert fake.writes == []
    assert {asked.method for asked in fake.asked} <= {"POST"}
    assert [problem for answer in fake.answers for problem in problems(answer)] == []
