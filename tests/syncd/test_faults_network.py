"""What becomes of the running daemon when the network or the mail server fails: it goes on by itself, and only the
mailbox that the fault is of waits."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from tests.servers import dovecot as servers
from tests.servers import scripted_imap
from tests.servers.dovecot import Dovecot
from tests.servers.faulty_line import line_to
from tests.servers.radicale import Radicale
from tests.servers.scripted_imap import HangUp, Request
from tests.syncd.agendas import CalendarOffice, put
from tests.syncd.daemons import Office, started
from tests.waiting import eventually


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    """The faults are in anna's way; ben's mailbox is well."""
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    office.mailbox("ben")
    return office


def test_connections_reset_in_the_middle_of_a_literal_lose_and_double_nothing(office: Office) -> None:
    user = office.mailboxes["anna"]
    office.more["anna"] = 'level = "full"'
    office.tls = "none"
    text = "From: zoe@client.example\r\nMessage-ID: <{n}@mail.example>\r\nSubject: {n}\r\n\r\nText of {n}\r\n"
    office.dovecot.fill(user, [text.format(n=number).encode() for number in range(60)])
    with line_to(office.dovecot.port) as line:
        line.resets_to_come = 2
        office.elsewhere["anna"] = ("localhost", line.port)
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
            assert daemon.stop() == 0
    assert line.resets == 2
    wanted = sorted((str(number), f"Text of {number}") for number in range(60))
    assert sorted(office.rows("SELECT subject, text FROM activity")) == wanted
    assert office.rows("SELECT count(*) FROM sighting") == [(60,)]


def test_a_line_that_goes_dead_without_a_word_is_given_up_and_holds_up_no_other_mailbox(office: Office) -> None:
    office.more["anna"] = "timeout = 1"
    with line_to(office.dovecot.port) as line:
        office.elsewhere["anna"] = ("localhost", line.port)
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
            line.die()
            office.deliver("anna", 1)
            office.deliver("ben", 2)
            eventually(lambda: office.subjects() == ["Offer 2"])
            told = daemon.wait_for("mailbox_state_changed", mailbox="anna", now="retrying")
            assert "does not answer" in str(told["error"])
            line.revive()
            eventually(lambda: office.subjects() == ["Offer 2", "Offer 1"])
            daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok", times=2)
            assert daemon.stop() == 0


def test_a_calendar_whose_line_goes_dead_is_read_on_when_it_lives_again(tmp_path: Path, radicale: Radicale) -> None:
    user = radicale.new_user()
    owner = radicale.owner(user)
    work = owner.make_calendar("work")
    with line_to(radicale.port) as line:
        office = CalendarOffice(tmp_path, url=f"http://localhost:{line.port}/")
        office.mailbox("anna", user, owner.password, more="timeout = 1")
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", now="ok")
            line.die()
            put(owner, work, "call", f":{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            told = daemon.wait_for("mailbox_state_changed", now="retrying")
            assert "does not answer" in str(told["error"])
            assert "`url` of mailbox anna" in str(told["cure"])
            line.revive()
            eventually(lambda: office.subjects() == ["About call"])
            assert daemon.stop() == 0


def test_a_server_that_asks_to_be_left_alone_is_also_after_a_restart_and_the_others_are_read(office: Office) -> None:
    def throttled(request: Request, usual: Callable[[], bytes]) -> bytes:
        text = b"Request is throttled. Suggested Backoff Time: 299000 milliseconds"
        raise HangUp(request.tag + b" BAD " + text + b"\r\n* BYE Connection closed. 14\r\n")

    office.tls = "none"
    with scripted_imap.serve() as server:
        server.inbox.add(b"From: zoe@client.example\r\nSubject: Offer 1\r\n\r\nHello\r\n")
        server.script["EXAMINE"] = throttled
        office.elsewhere["anna"] = ("localhost", server.port)
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", mailbox="anna", now="throttled")
            daemon.wait_for("mailbox_state_changed", mailbox="ben", now="ok")
            assert daemon.stop() == 0
        asked = list(server.requests)
        office.deliver("ben", 2)
        with started(office) as daemon:
            eventually(lambda: office.subjects() == ["Offer 2"])
            daemon.wait_for("pass_finished", mailbox="ben", times=3)
            assert daemon.stop() == 0
        assert server.requests == asked
    assert office.state("anna") == "throttled"


@pytest.mark.parametrize(
    "flood",
    [b"* 2 FETCH (UID 2 BODY[HEADER] {3000000000}\r\n" + b"x" * 100_000, b"* 2 FETCH (UID 2 " + b"x" * 20_000_000],
    ids=["a literal of three gigabytes", "a line without an end"],
)
def test_a_server_that_floods_is_cut_off_the_mail_is_named_and_the_others_come(office: Office, flood: bytes) -> None:
    """Beside it the server tells of mail that was not asked for."""

    def flooding(request: Request, usual: Callable[[], bytes]) -> bytes:
        uids = request.rest.split(b" ")[0]
        if any(_first(each) <= 2 <= _last(each) for each in uids.split(b",")):
            raise HangUp(flood)
        return b'* 3 FETCH (UID 999 INTERNALDATE "01-Nov-2026 00:00:00 +0000" RFC822.SIZE 9)\r\n' + usual()

    office.tls = "none"
    with scripted_imap.serve() as server:
        for number in (1, 2, 3):
            server.inbox.add(f"From: zoe@client.example\r\nSubject: Offer {number}\r\n\r\nHello\r\n".encode())
        server.script["UID FETCH"] = flooding
        office.elsewhere["anna"] = ("localhost", server.port)
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", mailbox="ben", now="ok")
            eventually(lambda: {"Offer 1", "Offer 3"} <= {*office.subjects()})
            eventually(lambda: office.rows("SELECT item FROM sighting WHERE verdict = 'quarantined'") == [("1.2",)])
            office.deliver("ben", 4)
            eventually(lambda: "Offer 4" in office.subjects())
            assert daemon.peak_megabytes() < 300
            assert daemon.stop() == 0
    assert office.rows("SELECT count(*) FROM sighting") == [(4,)]


def _first(uids: bytes) -> int:
    return int(uids.partition(b":")[0])


def _last(uids: bytes) -> float:
    end = uids.rpartition(b":")[2]
    return float("inf") if end == b"*" else int(end)


def test_a_name_that_cannot_be_resolved_stops_its_own_mailbox_only_until_it_can(office: Office) -> None:
    office.elsewhere["anna"] = ("imap.invalid", office.dovecot.port)
    office.deliver("anna", 1)
    office.deliver("ben", 2)
    with started(office) as daemon:
        told = daemon.wait_for("mailbox_state_changed", mailbox="anna", now="retrying")
        assert 'host = "imap.invalid"' in str(told["cure"])
        eventually(lambda: office.subjects() == ["Offer 2"])
        office.elsewhere.clear()
        office.write()
        daemon.send(signal.SIGHUP)
        eventually(lambda: office.subjects() == ["Offer 2", "Offer 1"])
        assert daemon.stop() == 0


def test_a_certificate_that_expires_while_it_runs_stops_the_mailbox_until_it_is_renewed(tmp_path: Path) -> None:
    authority = trustme.CA()
    with servers.serve(authority=authority) as server, line_to(server.port) as line:
        office = Office(tmp_path, server, port=line.port)
        office.mailbox("anna")
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", now="ok")
            _shows(server, authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)))
            line.reset()  # the server would serve who is signed in on
            told = daemon.wait_for("mailbox_state_changed", now="misconfigured")
            assert "not valid today" in str(told["error"])
            assert "renewed" in str(told["cure"])
            office.deliver("anna", 1)
            _shows(server, authority.issue_cert("localhost"))
            daemon.send(signal.SIGHUP)
            eventually(lambda: office.subjects() == ["Offer 1"])
            assert daemon.stop() == 0


def _shows(server: Dovecot, certificate: trustme.LeafCert) -> None:
    server.stop()
    server.certify(certificate)
    server.start()
