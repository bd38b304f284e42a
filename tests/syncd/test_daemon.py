"""The real daemon in its own process, against a real Dovecot and a real SQLite store."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.syncd.daemons import Office, started
from tests.waiting import eventually


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    return office


def test_mail_that_arrives_while_it_runs_becomes_an_activity_and_a_strangers_does_not(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
        assert office.subjects() == ["Offer 1"]
        office.deliver("anna", 2)
        office.deliver("anna", 3, sender="nobody@elsewhere.example")
        eventually(lambda: len(office.subjects()) == 2)
        eventually(
            lambda: office.rows("SELECT rule FROM sighting WHERE verdict = 'skipped'") == [("no_known_contact",)]
        )
        assert daemon.stop() == 0


def test_the_log_holds_nothing_of_the_mail_and_no_secret(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        daemon.stop()
        said = daemon.log.read_text()
    for private in ("Offer", "Hello", "zoe@client.example", office.mailboxes["anna"], office.dovecot.password):
        assert private not in said


def test_systemd_is_told_of_readiness_of_life_and_of_the_end(office: Office) -> None:
    with started(office, watchdog_seconds=1) as daemon:
        eventually(lambda: daemon.heard().count("WATCHDOG=1") >= 2)
        assert daemon.heard()[0] == "READY=1"
        daemon.stop()
        assert daemon.heard()[-1] == "STOPPING=1"


def test_sigterm_in_the_middle_of_a_first_pass_ends_at_a_batch_and_the_next_start_goes_on(office: Office) -> None:
    user = office.mailboxes["anna"]
    text = "From: zoe@client.example\r\nTo: {user}\r\nMessage-ID: <{n}@mail.example>\r\nSubject: {n}\r\n\r\nHello\r\n"
    office.dovecot.append(user, [text.format(user=user, n=number).encode() for number in range(300)])
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="backfilling")
        assert daemon.stop() == 0
    with started(office) as daemon:
        eventually(lambda: len(office.subjects()) == 300)
        daemon.wait_for("mailbox_state_changed", now="ok")
        assert daemon.stop() == 0
    assert office.rows("SELECT count(*) FROM sighting") == [(300,)]


def test_a_meeting_that_is_over_becomes_held_and_the_feed_tells_of_it(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        daemon.stop()
    columns = "id, public_id, identity, kind, occurred_at, settles_at, status, level, source, created_at, updated_at"
    times = "'2026-01-05 09:00:00', '2026-01-05 10:00:00'"
    office.crm_writes(
        f"INSERT INTO activity ({columns}) VALUES (99, 'over', x'99', 'meeting', {times}, 'planned', 1, 'calendar',"
        " '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
    )
    with started(office) as daemon:
        eventually(lambda: office.rows("SELECT status FROM v1_activity WHERE id = 'over'") == [("held",)])
        assert daemon.stop() == 0
    assert office.rows("SELECT kind FROM v1_change WHERE activity_id = 'over'") == [("updated",)]


def test_a_source_of_contacts_that_fails_holds_up_only_the_very_first_passes(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        daemon.stop()
    office.contacts.unlink()
    office.deliver("anna", 2)
    with started(office) as daemon:
        assert daemon.wait_for("directory_failed")["cure"]
        eventually(lambda: office.subjects() == ["Offer 1", "Offer 2"])


def test_without_anybody_known_the_first_passes_wait_for_a_source_that_fails(office: Office) -> None:
    office.deliver("anna", 1)
    office.contacts.unlink()
    with started(office) as daemon:
        assert "syncd check" in str(daemon.wait_for("contacts_awaited")["cure"])
        assert office.rows("SELECT count(*) FROM sighting") == [(0,)]
        office.contacts.write_text("id,name,email\nzoe,Zoe,zoe@client.example\n")
        daemon.send(signal.SIGHUP)
        eventually(lambda: office.subjects() == ["Offer 1"])


def test_a_second_sigterm_does_not_wait_for_a_server_that_never_answers(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        office.port = silent.getsockname()[1]
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", now="backfilling")
            daemon.send(signal.SIGTERM)
            eventually(lambda: "STOPPING=1" in daemon.heard())
            daemon.send(signal.SIGTERM)
            assert daemon.exit_code() == 0
            assert daemon.events("stopped_in_the_middle")


def test_a_second_daemon_on_the_same_store_is_refused_with_75(office: Office) -> None:
    with started(office) as first:
        first.wait_for("started")
        with started(office) as second:
            assert second.exit_code() == 75
            assert "another syncd" in second.log.read_text()
        assert not first.ended()


def test_a_configuration_that_cannot_be_used_ends_with_78_and_the_reason(office: Office) -> None:
    office.more["anna"] = 'colour = "blue"'
    with started(office) as daemon:
        assert daemon.exit_code() == 78
        assert "colour" in daemon.log.read_text()


def test_a_broken_file_at_a_reload_changes_nothing_and_says_why(office: Office) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        office.config.write_text("[store\n")
        daemon.send(signal.SIGHUP)
        refused = daemon.wait_for("reload_refused")
        assert "line 1" in str(refused["problems"])
        office.deliver("anna", 1)
        eventually(lambda: office.subjects() == ["Offer 1"])
        told = [line.partition("\n")[0] for line in daemon.heard() if not line.startswith("STATUS")]
        assert told == ["READY=1", "RELOADING=1", "READY=1"]


def test_a_reload_adds_and_removes_mailboxes_and_leaves_the_others_alone(office: Office) -> None:
    office.mailbox("bob")
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
        daemon.wait_for("mailbox_state_changed", mailbox="bob", now="ok")
        office.mailbox("carla")
        office.deliver("carla", 1)
        del office.mailboxes["bob"]
        office.write()
        daemon.send(signal.SIGHUP)
        daemon.wait_for("mailbox_state_changed", mailbox="carla", now="ok")
        assert office.subjects() == ["Offer 1"]
        assert daemon.wait_for("mailboxes_read", kept=1, new=1, gone=1)
        assert len(daemon.events("mailbox_state_changed", mailbox="anna")) == 2
        registered = office.rows("SELECT name FROM mailbox WHERE registered ORDER BY name")
        assert registered == [("anna",), ("carla",)]


def test_a_mailbox_that_is_switched_off_is_paused_and_read_no_more(office: Office) -> None:
    office.mailbox("bob")
    office.more["bob"] = "enabled = false"
    office.deliver("bob", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
        eventually(lambda: office.state("bob") == "paused")
        assert office.subjects() == []
        office.more.clear()
        office.write()
        daemon.send(signal.SIGHUP)
        eventually(lambda: office.subjects() == ["Offer 1"])


def test_a_refused_password_is_one_notice_and_stops_no_other_mailbox(office: Office) -> None:
    office.mailbox("bob", password="not the one")
    office.deliver("anna", 1)
    with started(office) as daemon:
        notice = daemon.wait_for("mailbox_state_changed", mailbox="bob", now="reauth_needed")
        assert (notice["level"], bool(notice["cure"])) == ("warning", True)
        eventually(lambda: office.subjects() == ["Offer 1"])
        eventually(lambda: len(daemon.events("pass_finished", mailbox="anna", stream="INBOX")) >= 3)
        assert len(daemon.events("mailbox_state_changed", now="reauth_needed")) == 1
        assert office.state("bob") == "reauth_needed"


def test_a_new_password_in_its_file_and_a_reload_bring_a_mailbox_back(office: Office) -> None:
    office.secret("anna", "not the one")
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="reauth_needed")
        office.secret("anna", office.dovecot.password)
        daemon.send(signal.SIGHUP)
        daemon.wait_for("mailbox_state_changed", now="ok")
        assert office.subjects() == ["Offer 1"]
        assert office.rows("SELECT state, error FROM mailbox") == [("ok", "")]


def test_health_and_metrics_are_answered_where_the_configuration_says(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    office.daemon = f'listen = "127.0.0.1:{port}"'
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        client = HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("GET", "/health")
        assert client.getresponse().status == 200
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        client.close()
    assert 'syncd_mailboxes{state="ok"} 1.0' in text
    assert 'syncd_items_total{kind="mail",' in text
    assert "example" not in text


def test_an_address_that_the_crm_wrote_into_the_tables_counts_for_the_next_mail(office: Office) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        office.crm_writes("INSERT INTO contact (id, name) VALUES ('carl', 'Carl')")
        office.crm_writes("INSERT INTO contact_address (contact_id, address) VALUES ('carl', 'Carl@Partner.Example')")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("directory_refreshed", times=2)
        office.deliver("anna", 1, sender="carl@partner.example")
        eventually(lambda: office.subjects() == ["Offer 1"])


def test_a_port_that_another_program_has_ends_with_78_and_names_the_setting(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        office.daemon = f'listen = "127.0.0.1:{listener.getsockname()[1]}"'
        with started(office) as daemon:
            assert daemon.exit_code() == 78
            assert "daemon.listen" in daemon.log.read_text()


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way_of_the_next(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("started")
        eventually(lambda: office.subjects() == ["Offer 1"])
        daemon.send(signal.SIGKILL)
        daemon.exit_code()
    office.deliver("anna", 2)
    with started(office) as daemon:
        eventually(lambda: office.subjects() == ["Offer 1", "Offer 2"])


@pytest.fixture
def database(office: Office, postgres: Postgres) -> Iterator[str]:
    """The office's store is in PostgreSQL."""
    name = postgres.new_database()
    office.secret("database", postgres.password)
    office.secret("key", "0f" * 32)
    office.store = (
        f'url = "postgresql://syncd@127.0.0.1:{postgres.port}/{name}"\n'
        'password = "file:database.secret"\nkey = "file:key.secret"'
    )
    yield name
    postgres.drop(name)


def test_a_second_daemon_on_the_same_database_is_refused_with_75(office: Office, database: str) -> None:
    with started(office) as first:
        first.wait_for("mailbox_state_changed", now="ok")
        with started(office) as second:
            assert second.exit_code() == 75
            assert f"another syncd holds the database {database}" in second.log.read_text()
        assert first.stop() == 0


def test_a_daemon_whose_lock_on_the_database_was_lost_ends_to_be_started_again(
    office: Office, database: str, postgres: Postgres
) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        postgres.kill_sessions(database)
        assert daemon.exit_code() == 1
        assert "the lock on the database" in daemon.log.read_text()
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("pass_finished", stream="INBOX", logged=1)
        assert daemon.stop() == 0
