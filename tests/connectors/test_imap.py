"""The IMAP connector against a real Dovecot: the contract, and what only a real server shows."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from connectors import KINDS
from connectors.base import Account, Stream
from connectors.imap import Settings
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import Message
from tests.connectors.contexts import context
from tests.connectors.contract import ConnectorContract, Reader, World
from tests.servers import dovecot as servers
from tests.servers.dovecot import Dovecot
from tests.servers.recording_proxy import record


@dataclass
class ImapWorld(World):
    server: Dovecot
    settings: Settings
    several_batches: int = 2100
    folder: str = "INBOX"
    validity: int = 1000
    password: str = ""
    opened: list[Account] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def user(self) -> str:
        return self.settings.user

    def account(self) -> Account:
        kind = KINDS["imap"]
        password = self.password or self.server.password
        account = kind.open(self.settings, context(password))
        self.opened.append(account)
        return account

    def stream(self, account: Account) -> Stream:
        return next(stream for stream in account.streams() if stream.name == self.folder)

    def add(self, count: int) -> list[str]:
        keys = [f"{next(self._numbers):06}.{self.user}" for _ in range(count)]
        raw = [_mail(key) for key in keys]
        if count < 20:
            self.server.append(self.user, raw, folder=self.folder)
        else:
            self.server.fill(self.user, raw, folder=self.folder)
        return keys

    def remove(self, key: str) -> None:
        with self.server.session(self.user) as client:
            client.select(self.folder)
            _, found = client.uid("SEARCH", "HEADER", "Message-ID", key)
        self.server.expunge(self.user, found[0].decode(), folder=self.folder)

    def renumber(self) -> None:
        self.validity += 1
        self.server.set_uid_validity(self.user, self.validity, folder=self.folder)

    def revoke(self) -> None:
        self.password = "changed"

    def vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.settings = replace(self.settings, port=listener.getsockname()[1])


def _mail(key: str, *, subject: str = "Offer", body: str = "Hello.\r\n", headers: str = "") -> bytes:
    head = f"From: Bert <bert@example.org>\r\nTo: anna@example.com\r\nSubject: {subject}\r\nMessage-ID: <{key}>\r\n"
    return f"{head}Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n{headers}\r\n{body}".encode()


def _settings(server: Dovecot) -> Settings:
    return Settings(host="localhost", port=server.tls_port, ca_file=server.ca_file, user=server.new_user())


@pytest.fixture
def world(dovecot: Dovecot) -> Iterator[ImapWorld]:
    world = ImapWorld(dovecot, _settings(dovecot))
    yield world
    for account in world.opened:
        account.close()


def _streams(world: ImapWorld) -> dict[str, str]:
    return {stream.name: stream.excluded for stream in world.account().streams()}


class TestContract(ConnectorContract):
    @pytest.fixture
    def world(self, world: ImapWorld) -> World:
        return world


class TestReadingChangesNothing:
    def test_only_read_only_commands_go_out_and_the_flags_stay(self, world: ImapWorld) -> None:
        world.add(3)
        before = world.server.flags(world.user)
        with record(world.server.port) as recording:
            world.settings = replace(world.settings, port=recording.port, tls="none")
            reader = Reader(world)
            reader.whole_pass()
            world.add(1)
            reader.whole_pass()
            stream = reader.stream()
            list(stream.read(list(reader.seen), text=True))
            list(stream.inventory())
            world.opened[-1].close()
            sent = bytes(recording.sent)
        allowed = {"AUTHENTICATE", "CAPABILITY", "ID", "LIST", "STATUS", "EXAMINE", "UNSELECT", "LOGOUT"}
        assert set(recording.commands) <= allowed | {"UID SEARCH", "UID FETCH"}
        assert b"BODY[" not in sent
        assert b"BODY.PEEK[TEXT]" in sent
        assert world.server.flags(world.user)[:3] == before

    def test_a_poll_that_finds_nothing_is_one_round_trip_of_a_few_hundred_bytes(self, world: ImapWorld) -> None:
        world.add(3)
        with record(world.server.port) as recording:
            world.settings = replace(world.settings, port=recording.port, tls="none")
            reader = Reader(world)
            account = world.account()
            list(reader.batches(world.stream(account)))
            world.stream(account)
            recording.sent.clear()
            recording.received = 0
            assert list(reader.batches(world.stream(account))) == []
            assert recording.connections == 1
            assert set(recording.commands) == {"STATUS"}
            assert len(recording.sent) + recording.received < 700
            account.close()


class TestFolders:
    def test_junk_drafts_and_bin_are_shown_and_not_read(self, world: ImapWorld) -> None:
        streams = _streams(world)
        assert streams == {
            "INBOX": "", "Sent": "", "Archive": "", "Drafts": "drafts", "Trash": "bin", "Junk": "junk",
        }  # fmt: skip

    def test_a_folder_of_any_name_can_be_read(self, world: ImapWorld) -> None:
        world.server.doveadm("mailbox", "create", "-u", world.user, 'Jürgen & Söhne "GmbH" \\ 東京')
        world.server.doveadm("mailbox", "create", "-u", world.user, "Kunden/Ä [alt")
        assert {'Jürgen & Söhne "GmbH" \\ 東京', "Kunden/Ä [alt"} <= set(_streams(world))
        world.folder = 'Jürgen & Söhne "GmbH" \\ 東京'
        assert len(Reader(world).whole_pass()) == 1

    def test_only_the_folders_asked_for_are_read(self, world: ImapWorld) -> None:
        world.server.doveadm("mailbox", "create", "-u", world.user, "Sales/2026")
        world.settings = replace(world.settings, include=("inbox", "Sales"), exclude=("Archive",))
        read = {name for name, excluded in _streams(world).items() if not excluded}
        assert read == {"INBOX", "Sales", "Sales/2026"} & set(_streams(world))

    def test_a_folder_that_was_moved_to_another_gives_its_mail_there(self, world: ImapWorld) -> None:
        keys = world.add(2)
        world.server.move(world.user, "1", "Archive")
        world.folder = "Archive"
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys[:1]

    def test_mail_before_the_window_is_left_alone_unless_it_is_moved_here_later(self, world: ImapWorld) -> None:
        old = datetime(2020, 1, 1, tzinfo=UTC)
        world.server.append(world.user, [_mail("old@example.org")], received_at=old)
        account = KINDS["imap"].open(
            world.settings, context(world.server.password, since=datetime.now(UTC) - timedelta(days=30))
        )
        world.opened.append(account)
        reader = Reader(world)
        list(reader.batches(world.stream(account)))
        assert reader.keys == []
        world.server.append(world.user, [_mail("moved@example.org")], received_at=old)
        list(reader.batches(world.stream(account)))
        assert reader.keys == ["moved@example.org"]


class TestTexts:
    def test_the_text_comes_with_its_attachments_by_name_type_and_size(self, world: ImapWorld) -> None:
        html = "Content-Type: text/html\r\n\r\n<p>Good day.</p>\r\n"
        pdf = (
            "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment; filename*=utf-8''Angebot%20f%C3%BCr%20Anna.pdf\r\n\r\nAAAA\r\n"
        )
        body = f"--B\r\n{html}--B\r\n{pdf}--B--\r\n"
        message = _read(
            world, _mail("1@example.org", headers="Content-Type: multipart/mixed; boundary=B\r\n", body=body)
        )
        assert (message.text or "").strip() == "Good day."
        (attachment,) = message.attachments
        assert (attachment.name, attachment.content_type) == ("Angebot für Anna.pdf", "application/pdf")

    def test_a_text_behind_a_large_part_is_found(self, world: ImapWorld) -> None:
        image = f"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{'A' * 76}\r\n"
        picture = image + f"{'A' * 76}\r\n" * 4000
        body = f"--B\r\n{picture}--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHällo.\r\n--B--\r\n"
        message = _read(
            world, _mail("1@example.org", headers="Content-Type: multipart/mixed; boundary=B\r\n", body=body)
        )
        assert message.text == "Hällo."

    def test_texts_that_end_early_come_in_one_round_trip(self, world: ImapWorld) -> None:
        signed = "Fine.\r\n-- \r\nBert\r\n" + "> old\r\n" * 2000
        html = f"--B\r\nContent-Type: text/html\r\n\r\n{'<p>Fine.</p>' * 1000}\r\n"
        alternative = f"--B\r\n\r\nFine.\r\n{html}--B--\r\n"
        kind = "Content-Type: multipart/alternative; boundary=B\r\n"
        raw = [_mail("1@example.org", body="Fine.\r\n"), _mail("2@example.org", body=signed)]
        texts, trips = _texts(world, [*raw, _mail("3@example.org", body=alternative, headers=kind)])
        assert texts == ["Fine."] * 3
        assert trips == 1

    def test_the_whole_of_long_texts_comes_in_one_round_trip_more(self, world: ImapWorld) -> None:
        text = "\r\n".join(f"Line {number} of a long mail." for number in range(1000))
        quoting = "\r\n".join(["> old"] * 1000 + ["My answer is below."])
        html = f"--B\r\nContent-Type: text/html\r\n\r\n<style>{'p {margin: 0}' * 500}</style><p>Fine.</p>\r\n--B--\r\n"
        kind = "Content-Type: multipart/{}; boundary=B\r\n".format
        raw = [
            _mail("1@example.org"),
            _mail("2@example.org", body=text),
            _mail("3@example.org", body=quoting),
            _mail("4@example.org", body=html, headers=kind("alternative")),
            _mail("5@example.org", body=f"--B\r\n\r\n{text}\r\n--B--\r\n", headers=kind("mixed")),
        ]
        texts, trips = _texts(world, raw)
        whole = text.replace("\r\n", "\n")
        assert texts == ["Hello.", whole, "My answer is below.", "Fine.", whole]
        assert trips == 2

    def test_a_long_html_before_the_footer_of_a_list_is_the_text(self, world: ImapWorld) -> None:
        html = f"Content-Type: text/html\r\n\r\n<style>{'p {margin: 0}' * 500}</style><p>Fine.</p>\r\n"
        body = f"--B\r\nContent-Type: text/plain\r\n\r\n\r\n--B\r\n{html}--B\r\n\r\nA list's footer\r\n--B--\r\n"
        kind = "Content-Type: multipart/mixed; boundary=B\r\n"
        assert _read(world, _mail("1@example.org", body=body, headers=kind)).text == "Fine."

    def test_of_a_message_that_is_too_large_only_the_header_is_read(self, world: ImapWorld) -> None:
        world.settings = replace(world.settings, max_message_mb=0)
        message = _read(world, _mail("1@example.org"))
        assert (message.subject, message.text) == ("Offer", "")
        assert "too large" in message.problem


def _read(world: ImapWorld, raw: bytes) -> Message:
    world.server.append(world.user, [raw])
    reader = Reader(world)
    reader.whole_pass()
    (message,) = reader.stream().read(list(reader.seen), text=True)
    assert isinstance(message, Message)
    return message


def _texts(world: ImapWorld, raw: list[bytes]) -> tuple[list[str | None], int]:
    """The texts of these mails, read together, and the number of round trips that this took."""
    world.server.append(world.user, raw)
    with record(world.server.port) as recording:
        world.settings = replace(world.settings, port=recording.port, tls="none")
        reader = Reader(world)
        account = world.account()
        stream = world.stream(account)
        list(reader.batches(stream))
        recording.turns = 0
        read = list(stream.read(list(reader.seen), text=True))
        trips = recording.turns
        account.close()
    messages = [item for item in read if isinstance(item, Message)]
    return [message.text for message in sorted(messages, key=lambda message: message.message_id or "")], trips


class TestTheConnection:
    def test_a_connection_that_died_while_idle_is_made_again_without_a_word(self, world: ImapWorld) -> None:
        with record(world.server.port) as recording:
            world.settings = replace(world.settings, port=recording.port, tls="none")
            account = world.account()
            names = [stream.name for stream in account.streams()]
            recording.cut()
            assert [stream.name for stream in account.streams()] == names
            assert recording.connections == 2
            account.close()

    def test_a_connection_that_idled_too_long_is_not_trusted(self, world: ImapWorld) -> None:
        with record(world.server.port) as recording:
            world.settings = replace(world.settings, port=recording.port, tls="none", keep_alive=0)
            account = world.account()
            account.streams()
            account.streams()
            assert recording.connections == 2
            account.close()

    def test_starttls_and_a_token_sign_in_too(self, world: ImapWorld) -> None:
        world.settings = replace(world.settings, port=world.server.port, tls="starttls", auth="xoauth2")
        world.password = world.server.token(world.user)
        assert "INBOX" in _streams(world)

    def test_a_token_that_is_refused_is_asked_for_once_more(self, world: ImapWorld) -> None:
        tokens = iter(["stale", world.server.token(world.user)])
        settings = replace(world.settings, auth="xoauth2")
        account = KINDS["imap"].open(settings, context(lambda: next(tokens)))
        assert account.streams()
        account.close()

    def test_a_token_that_stays_refused_asks_the_owner(self, world: ImapWorld) -> None:
        world.settings = replace(world.settings, auth="xoauth2")
        world.password = "no token"
        with pytest.raises(ReauthNeeded):
            world.account().streams()

    def test_the_password_is_in_no_message_of_an_error(self, world: ImapWorld) -> None:
        world.password = "s3cret-of-anna"
        with pytest.raises(ReauthNeeded) as raised:
            world.account().streams()
        assert "s3cret" not in f"{raised.value} {raised.value.cure} {raised.value.__cause__!r}"

    @pytest.mark.parametrize("password", ["pässwörd", 'a"b\\c', "line\r\nx LOGOUT", "nul\0"])
    def test_a_password_of_any_characters_is_only_a_password(self, world: ImapWorld, password: str) -> None:
        world.password = password
        with record(world.server.port) as recording:
            world.settings = replace(world.settings, port=recording.port, tls="none")
            with pytest.raises(ReauthNeeded):
                world.account().streams()
            assert "LOGOUT" not in recording.commands


class TestCertificates:
    def test_a_certificate_of_nobody_we_trust_is_refused_with_the_key_to_set(self, world: ImapWorld) -> None:
        error = _refused(replace(world.settings, ca_file=None))
        assert isinstance(error, Permanent)
        assert "ca_file" in error.cure

    def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path) -> None:
        error = _refused_with_certificate(tmp_path, trustme.CA(), "mail.example.net")
        assert "another name" in str(error)
        assert "host" in error.cure

    def test_an_expired_certificate_is_refused(self, tmp_path: Path) -> None:
        error = _refused_with_certificate(tmp_path, trustme.CA(), "localhost", expires=datetime(2020, 1, 1, tzinfo=UTC))
        assert "not valid" in str(error)

    def test_tls_to_a_plain_port_says_to_use_starttls(self, world: ImapWorld) -> None:
        error = _refused(replace(world.settings, port=world.server.port))
        assert isinstance(error, Permanent)
        assert "starttls" in error.cure

    def test_a_ca_file_that_is_none_is_named(self, world: ImapWorld, tmp_path: Path) -> None:
        error = _refused(replace(world.settings, ca_file=tmp_path / "missing.pem"))
        assert "missing.pem" in str(error)

    def test_a_host_that_does_not_exist_is_named_with_the_key_to_change(self, world: ImapWorld) -> None:
        error = _refused(replace(world.settings, host="imap.invalid"))
        assert isinstance(error, Retryable)
        assert 'host = "imap.invalid"' in error.cure

    @pytest.mark.parametrize("host", ["imap.example.com", "192.0.2.1", "localhost.example.com"])
    def test_without_tls_only_this_machine_is_spoken_to(self, host: str) -> None:
        with pytest.raises(ValueError, match="in clear"):
            Settings(host=host, user="anna", tls="none")


def _refused(settings: Settings) -> SyncError:
    account = KINDS["imap"].open(settings, context("secret"))
    with pytest.raises(SyncError) as raised:
        account.streams()
    return raised.value


def _refused_with_certificate(
    directory: Path, authority: trustme.CA, name: str, *, expires: datetime | None = None
) -> SyncError:
    certificate = authority.issue_cert(name, not_after=expires)
    with servers.serve(certificate=certificate, authority=authority) as server:
        return _refused(
            Settings(host="localhost", port=server.tls_port, ca_file=server.ca_file, user="anna@example.com")
        )
