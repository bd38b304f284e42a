"""How many messages of a folder make one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from connectors.imap import ImapAccount
from syncd.errors import Retryable
from syncd.model import Batch
from tests.connectors.imap_scripted import Clock, fill, follow, ids, opened, settings_for
from tests.servers import scripted_imap
from tests.servers.scripted_imap import HangUp, Request, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_imap.serve() as server:
        yield server


@pytest.fixture
def account(server: ScriptedServer) -> Iterator[ImapAccount]:
    with opened(settings_for(server), Clock()) as account:
        yield account


@pytest.mark.parametrize(("recipients", "sizes"), [(1, [1000, 500]), (30, [500, 500, 500])])
def test_mail_to_many_people_comes_in_smaller_batches(
    server: ScriptedServer, account: ImapAccount, recipients: int, sizes: list[int]
) -> None:
    crowd = ", ".join(f"guest{number}@example.net" for number in range(recipients))
    for number in range(1500):
        server.inbox.add(f"From: bert@example.org\r\nTo: {crowd}\r\nSubject: {number}\r\n\r\nHello.\r\n".encode())
    assert [len(batch.items) for batch in follow(account, None) if batch.items] == sizes


def test_a_server_that_lets_nobody_read_for_long_is_read_to_its_end_over_several_passes(
    server: ScriptedServer, account: ImapAccount
) -> None:
    fill(server.inbox, 1600)
    given = Counter[int]()

    def enough(request: Request, usual: Callable[[], bytes]) -> bytes:
        answer = usual()
        given[server.sign_ins] += answer.count(b" FETCH (UID ")
        if given[server.sign_ins] > 700:
            raise HangUp(b"* BYE enough for now\r\n")
        return answer

    server.script["UID FETCH"] = enough
    batches: list[Batch] = []

    def one_pass() -> None:
        for batch in account.streams()[0].changes(batches[-1].cursor if batches else None):
            batches.append(batch)

    for _ in range(2):
        with pytest.raises(Retryable, match="enough"):
            one_pass()
    one_pass()
    seen = ids(batches)
    assert len(seen) == len(set(seen)) == 1600
