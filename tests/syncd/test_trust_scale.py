"""What it costs to have nothing missing, in statements and bytes: of a contact that becomes known late as much as its
own mail, however much other mail was skipped; of an audit a few bytes for each message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.audit import audit_mailbox
from syncd.config import load
from syncd.opening import opened, vault
from tests.commits import executed
from tests.servers.dovecot import Dovecot
from tests.servers.recording_proxy import record
from tests.syncd.chain import on_sqlite
from tests.syncd.daemons import Office

LATE = 20
"""Messages of each of the two who become known."""


@dataclass(frozen=True, slots=True)
class Cost:
    statements: int
    received: int
    """Bytes from the mail server."""
    found: int
    """Messages logged, or held."""


def _mail(number: int, sender: str) -> bytes:
    return (
        f"From: {sender}\r\nTo: anna@example.com\r\nMessage-ID: <{number:06}@mail.example>\r\n"
        f"Subject: Mail {number:06}\r\nDate: {1 + number % 20:02} Nov 2026 09:00:00 +0000\r\n\r\nText\r\n"
    ).encode()


def _passes(folder: Path, dovecot: Dovecot, strangers: int) -> list[Cost]:
    """After all was skipped: a pass that finds nothing, one after one has become known, one after two more have, and
    an audit."""
    folder.mkdir()
    office = Office(folder, dovecot, tls="none")
    user = office.mailbox("anna")
    office.more["anna"] = 'include = ["INBOX"]'
    mails = [_mail(number, f"p{number % 100}@elsewhere{number}.example") for number in range(strangers)]
    late = [_mail(strangers + number, f"late{number % 3}@new{number % 3}.example") for number in range(3 * LATE)]
    dovecot.fill(user, mails + late)
    chain = on_sqlite(office)
    assert chain.pass_once()["anna/INBOX"] == {"no_known_contact": strangers + 3 * LATE}
    return [*(_pass(office, dovecot, contacts) for contacts in ((), (0,), (1, 2))), _audit(office, dovecot)]


def _pass(office: Office, dovecot: Dovecot, contacts: tuple[int, ...]) -> Cost:
    for contact in contacts:
        office.crm_writes(f"INSERT INTO contact (id, name) VALUES ('late{contact}', 'Late')")
        address = f"late{contact}@new{contact}.example"
        office.crm_writes(f"INSERT INTO contact_address (contact_id, address) VALUES ('late{contact}', '{address}')")
    with record(dovecot.port) as proxy:
        office.port = proxy.port
        with executed() as statements:
            told = on_sqlite(office).pass_once()
    return Cost(len(statements), proxy.received, sum(rules["logged"] for rules in told.values()))


def _audit(office: Office, dovecot: Dovecot) -> Cost:
    with record(dovecot.port) as proxy:
        office.port = proxy.port
        config = load(office.write())
        with opened(config) as store, executed() as statements:
            (one,) = config.mailboxes
            found = audit_mailbox(one, store, vault(config, store), datetime.now(UTC))
    assert found.ok
    return Cost(len(statements), proxy.received, sum(stream.held for stream in found.streams))


@pytest.fixture(scope="module")
def costs(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Cost], list[Cost]]:
    folder = tmp_path_factory.mktemp("late")
    return _passes(folder / "small", dovecot, 200), _passes(folder / "large", dovecot, 2_000)


def test_a_tenfold_of_skipped_mail_makes_a_contact_that_becomes_known_no_dearer(
    costs: tuple[list[Cost], list[Cost]],
) -> None:
    small, large = (passes[:3] for passes in costs)
    assert [cost.found for cost in small] == [0, LATE, 2 * LATE]
    assert [(cost.statements, cost.found) for cost in large] == [(cost.statements, cost.found) for cost in small]
    for few, many in zip(small, large, strict=True):
        assert abs(many.received - few.received) < 0.05 * few.received  # longer numbers in the answers


def test_twice_the_mail_of_late_contacts_costs_twice_the_bytes_and_no_more_statements(
    costs: tuple[list[Cost], list[Cost]],
) -> None:
    for nothing, one, two, _ in costs:
        assert two.received - nothing.received == pytest.approx(2 * (one.received - nothing.received), rel=0.15)
        assert two.statements - nothing.statements < 1.5 * (one.statements - nothing.statements)


def test_an_audit_reads_ids_only_and_asks_the_store_as_often_however_much_there_is(
    costs: tuple[list[Cost], list[Cost]],
) -> None:
    (*_, small), (*_, large) = costs
    assert (small.found, large.found) == (200 + 3 * LATE, 2_000 + 3 * LATE)
    assert small.statements == large.statements
    assert (large.received - small.received) / (large.found - small.found) < 8
