"""Mail that leaves, moves or is renumbered on a real server after it was logged, through the whole chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.chain import Chain, Row, on_sqlite
from tests.syncd.daemons import Office

COUNT = 30


@pytest.fixture
def office(dovecot: Dovecot, tmp_path: Path) -> Office:
    office = Office(tmp_path, dovecot, more={"anna": 'level = "full"'})
    user = office.mailbox("anna")
    dovecot.fill(user, [_mail(number) for number in range(COUNT)])
    return office


@pytest.fixture
def chain(office: Office) -> Chain:
    """After its first pass."""
    chain = on_sqlite(office)
    assert chain.pass_once()["anna/INBOX"] == {"logged": COUNT}
    return chain


def _mail(number: int) -> bytes:
    return (
        f"From: zoe@client.example\r\nTo: anna@example.com\r\nSubject: Offer {number}\r\n"
        f"Message-ID: <{number}@mail.example>\r\nDate: {1 + number % 20} Nov 2026 09:00:00 +0000\r\n\r\nText\r\n"
    ).encode()


def _activities(chain: Chain) -> Sequence[Row]:
    """With what the feed told of them."""
    return chain.rows(
        "SELECT message_id, subject, text, (SELECT count(*) FROM change WHERE activity_id = activity.id)"
        " FROM activity ORDER BY message_id"
    )


def _live(chain: Chain) -> Counter[Row]:
    """Folder and Message-ID of each copy that has not left."""
    return Counter(
        chain.rows(
            "SELECT stream.name, message_id FROM sighting JOIN stream ON stream.id = stream_id"
            " JOIN activity ON activity.id = activity_id WHERE gone_at IS NULL"
        )
    )


def _copies(folder: str, *numbers: int) -> Counter[Row]:
    return Counter((folder, f"{number}@mail.example") for number in numbers)


@pytest.mark.parametrize("validity", [7, 4_000_000_000])
def test_new_uids_for_everything_up_or_down_double_and_lose_nothing(
    chain: Chain, office: Office, dovecot: Dovecot, validity: int
) -> None:
    before = _activities(chain)
    user = office.mailboxes["anna"]
    dovecot.set_uid_validity(user, validity)
    dovecot.append(user, [_mail(COUNT)])
    assert chain.pass_once()["anna/INBOX"] == {"logged": COUNT + 1}
    assert len(_activities(chain)) == COUNT + 1
    assert set(before) < set(_activities(chain))
    assert _live(chain) == _copies("INBOX", *range(COUNT + 1))
    items = chain.rows("SELECT item FROM sighting WHERE gone_at IS NULL")
    assert {str(item).partition(".")[0] for (item,) in items} == {str(validity)}
    assert chain.pass_once() == {}


def test_an_expunged_mail_stays_logged_and_is_no_longer_seen(chain: Chain, office: Office, dovecot: Dovecot) -> None:
    before = _activities(chain)
    dovecot.expunge(office.mailboxes["anna"], "1:5")
    chain.pass_once()
    assert _activities(chain) == before
    assert _live(chain) == _copies("INBOX", *range(5, COUNT))
    assert chain.pass_once() == {}


def test_a_folder_that_was_emptied_is_believed_at_the_second_look(
    chain: Chain, office: Office, dovecot: Dovecot
) -> None:
    dovecot.expunge(office.mailboxes["anna"], "1:*")
    chain.pass_once()
    assert _live(chain) == _copies("INBOX", *range(COUNT))
    chain.pass_once()
    assert _live(chain) == Counter()
    assert len(_activities(chain)) == COUNT


def test_a_mail_that_moves_to_another_folder_is_the_same_activity_seen_there(
    chain: Chain, office: Office, dovecot: Dovecot
) -> None:
    before = _activities(chain)
    dovecot.move(office.mailboxes["anna"], "11:20", "Archive")
    assert chain.pass_once()["anna/Archive"] == {"logged": 10}
    assert _activities(chain) == before
    stayed = [*range(10), *range(20, COUNT)]
    assert _live(chain) == _copies("Archive", *range(10, 20)) + _copies("INBOX", *stayed)
    assert chain.pass_once() == {}


def test_a_mail_that_goes_to_the_bin_and_comes_back_is_the_same_activity(
    chain: Chain, office: Office, dovecot: Dovecot
) -> None:
    before = _activities(chain)
    user = office.mailboxes["anna"]
    dovecot.move(user, "1", "Trash")
    chain.pass_once()
    assert _live(chain) == _copies("INBOX", *range(1, COUNT))
    dovecot.move(user, "1", "INBOX", folder="Trash")
    assert chain.pass_once()["anna/INBOX"] == {"logged": 1}
    assert _live(chain) == _copies("INBOX", *range(COUNT))
    assert _activities(chain) == before


def test_a_renamed_folder_doubles_and_loses_nothing(chain: Chain, office: Office, dovecot: Dovecot) -> None:
    user = office.mailboxes["anna"]
    dovecot.move(user, "1:10", "Archive")
    chain.pass_once()
    before = _activities(chain)
    dovecot.doveadm("mailbox", "rename", "-u", user, "Archive", "Archive of 2026")
    assert chain.pass_once()["anna/Archive of 2026"] == {"logged": 10}
    assert _activities(chain) == before
    assert _live(chain) >= _copies("Archive of 2026", *range(10)) + _copies("INBOX", *range(10, COUNT))


def test_a_mail_that_arrives_while_another_leaves_is_noticed(chain: Chain, office: Office, dovecot: Dovecot) -> None:
    user = office.mailboxes["anna"]
    dovecot.expunge(user, str(COUNT))
    dovecot.append(user, [_mail(COUNT)])
    assert chain.pass_once()["anna/INBOX"] == {"logged": 1}
    assert _live(chain) == _copies("INBOX", *range(COUNT - 1), COUNT)
