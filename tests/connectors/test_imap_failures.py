"""The IMAP connector and servers that break off, throttle or refuse: each test is a bug that real servers have had."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from connectors import KINDS
from connectors.imap import ImapAccount, Settings
from connectors.imap_stream import CONNECTIONS
from syncd.errors import Permanent, ReauthNeeded, Retryable
from syncd.model import Item, ItemId, Message, Unreadable
from tests.connectors.contexts import context
from tests.connectors.imap_scripted import (
    SECRET,
    Clock,
    fill,
    first,
    follow,
    ids,
    items,
    opened,
    refuse,
    settings_for,
)
from tests.servers import scripted_imap
from tests.servers.scripted_imap import HangUp, Request, Script, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_imap.serve() as server:
        yield server


@pytest.fixture
def settings(server: ScriptedServer) -> Settings:
    return settings_for(server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(settings: Settings, clock: Clock) -> Iterator[ImapAccount]:
    with opened(settings, clock) as account:
        yield account


def _dying_of(row: bytes) -> Script:
    """A server that hangs up, without a word, in place of an answer with this in it."""

    def crash(request: Request, usual: Callable[[], bytes]) -> bytes:
        answer = usual()
        if row in answer:
            raise HangUp
        return answer

    return crash


class TestBrokenAnswers:
    def test_a_connection_cut_within_a_message_stores_no_half_of_it_and_the_pass_goes_on_with_another(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 1)

        def cut(request: Request, usual: Callable[[], bytes]) -> bytes:
            if server.sign_ins < 3:
                raise HangUp(usual()[:120])
            return usual()

        server.script["UID FETCH"] = cut
        assert ids(follow(account, None)) == ["1@example.org"]
        assert server.sign_ins == 3

    def test_a_message_upon_which_the_connection_always_breaks_is_found_and_passed_over(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 700)
        server.script["UID FETCH"] = _dying_of(b"(UID 300 ")
        seen = {item.id: item for item in items(follow(account, None))}
        assert len(seen) == 700
        assert [item.id for item in seen.values() if isinstance(item, Unreadable)] == ["1.300"]
        # 500, 62, 7, and three times the one; all others are asked for in large chunks.
        assert server.sign_ins == 1 + 6
        assert server.verbs().count("UID FETCH") < 40

    def test_what_arrives_upon_a_cut_connection_is_not_lost(self, server: ScriptedServer, account: ImapAccount) -> None:
        cursor = first(account)
        fill(server.inbox, 20)
        server.script["UID FETCH"] = _dying_of(b"(UID 7 ")
        seen = {item.id: item for item in items(follow(account, cursor))}
        assert len(seen) == 20
        assert [item.id for item in seen.values() if isinstance(item, Unreadable)] == ["1.7"]

    def test_a_text_upon_which_the_connection_always_breaks_is_passed_over_too(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 20)
        server.script["UID FETCH"] = _dying_of(b"(UID 3 BODY[TEXT]")
        known = [item.id for item in items(follow(account, None))]
        read = list(account.streams()[0].read(known, text=True))
        assert [item.id for item in read if isinstance(item, Unreadable)] == ["1.3"]
        assert len(read) == 20

    def test_a_text_that_breaks_the_connection_between_two_batches_disturbs_neither(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 2100)
        server.script["UID FETCH"] = _dying_of(b"(UID 1050 BODY[TEXT]")
        stream = account.streams()[0]
        seen: list[ItemId] = []
        texts: list[Item] = []
        for batch in stream.changes(None):
            seen += [item.id for item in batch.items]
            texts += stream.read([item.id for item in batch.items], text=True)
        assert len(seen) == len(set(seen)) == len(texts) == 2100
        assert [item.id for item in texts if isinstance(item, Unreadable)] == ["1.1050"]

    def test_a_server_that_dies_of_everything_is_left_alone_after_a_few_connections(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 700)
        server.script["UID FETCH"] = _dying_of(b"FETCH")
        with pytest.raises(Retryable):
            follow(account, None)
        assert server.sign_ins == CONNECTIONS

    def test_a_server_that_says_goodbye_is_left_alone_at_once(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 1)

        def leave(request: Request, usual: Callable[[], bytes]) -> bytes:
            raise HangUp(b"* BYE shutting down\r\n")

        server.script["UID FETCH"] = leave
        with pytest.raises(Retryable, match="shutting down"):
            follow(account, None)
        assert server.sign_ins == 1

    def test_of_a_message_with_too_large_a_header_the_beginning_is_read_and_no_other_is_asked_for_singly(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 300)
        server.inbox.add(b"Subject: large\r\n" + b"X-Long: " + b"x" * 2_000_000 + b"\r\n\r\nHello.\r\n")
        fill(server.inbox, 300)

        def partial(request: Request, usual: Callable[[], bytes]) -> bytes:
            """The beginning of what was asked for, as RFC 3501 section 6.4.5 has it."""
            given = usual()
            if b"]<0." not in request.rest or b"[HEADER" not in request.rest:
                return given
            return re.sub(
                rb"\] \{\d+\}\r\n(.{1000}).*?\)\r\n(?=s\d)", rb"]<0> {1000}\r\n\1)\r\n", given, flags=re.DOTALL
            )

        server.script["UID FETCH"] = partial
        found = items(follow(account, None))
        assert len(found) == 601
        assert [item.subject for item in found if isinstance(item, Message) and item.id == "1.301"] == ["large"]
        assert server.sign_ins == 2
        assert server.verbs().count("UID FETCH") < 10

    def test_of_a_server_that_gives_no_beginnings_such_a_message_is_passed_over(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 10)
        server.inbox.add(b"X-Long: " + b"x" * 2_000_000 + b"\r\n\r\nHello.\r\n")
        found = items(follow(account, None))
        assert [item.id for item in found if isinstance(item, Unreadable)] == ["1.11"]
        assert len(found) == 11

    @pytest.mark.parametrize(
        "answer", [b"* 1 FETCH (UID 1 BODY[TEXT] {3000000000}\r\n", b"* " + b"x" * 20_000_000, b"\0\xff" * 100]
    )
    def test_an_answer_beyond_all_bounds_is_not_taken_in(
        self, server: ScriptedServer, account: ImapAccount, answer: bytes
    ) -> None:
        fill(server.inbox, 1)

        def flood(request: Request, usual: Callable[[], bytes]) -> bytes:
            raise HangUp(answer)

        server.script["UID FETCH"] = flood
        assert [type(item) for item in items(follow(account, None))] == [Unreadable]

    def test_a_server_that_says_nothing_more_is_not_waited_for_for_ever(
        self, server: ScriptedServer, settings: Settings
    ) -> None:
        server.script["LIST"] = lambda request, usual: b""
        account = KINDS["imap"].open(
            replace(settings, timeout=1), context(SECRET, since=datetime(2026, 1, 1, tzinfo=UTC))
        )
        with pytest.raises(Retryable, match="does not answer"):
            account.streams()
        account.close()


class TestThrottles:
    def test_the_time_that_exchange_asks_for_is_given_to_it(self, server: ScriptedServer, account: ImapAccount) -> None:
        fill(server.inbox, 1)

        def throttle(request: Request, usual: Callable[[], bytes]) -> bytes:
            text = b"Request is throttled. Suggested Backoff Time: 299000 milliseconds"
            raise HangUp(request.tag + b" BAD " + text + b"\r\n* BYE Connection closed. 14\r\n")

        server.script["UID FETCH"] = throttle
        with pytest.raises(Retryable) as raised:
            follow(account, None)
        assert raised.value.retry_after == timedelta(seconds=299)

    @pytest.mark.parametrize(
        "text",
        [
            b"[UNAVAILABLE] Temporary authentication failure.",
            b"[LIMIT] Too many connections",
            b"Too many simultaneous connections. (Failure)",
            b"[INUSE] mailbox is locked",
            b"Lookup failed",
            b"LOGIN temporarily unavailable, invalid password or not",
            b"oops",
        ],
    )
    def test_a_sign_in_refused_for_other_reasons_says_nothing_against_the_password(
        self, server: ScriptedServer, account: ImapAccount, text: bytes
    ) -> None:
        server.script["AUTHENTICATE"] = refuse(text)
        with pytest.raises(Retryable):
            account.streams()

    @pytest.mark.parametrize(
        "text",
        [
            b"[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
            b"[AUTHENTICATIONFAILED] try again later",
            b"Invalid login or password",
            b"LOGIN failed.",
            b"AUTHENTICATE failed.",
            b"[ALERT] Application-specific password required: https://example.com/ (Failure)",
        ],
    )
    def test_a_refused_password_asks_the_owner(self, server: ScriptedServer, account: ImapAccount, text: bytes) -> None:
        server.script["AUTHENTICATE"] = refuse(text)
        with pytest.raises(ReauthNeeded):
            account.streams()

    def test_imap_that_is_switched_off_is_the_admins_to_mend(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.script["AUTHENTICATE"] = refuse(b"IMAP access is disabled for your domain.")
        with pytest.raises(Permanent):
            account.streams()

    def test_a_greeting_that_says_goodbye_is_tried_again_later(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.greeting = b"* BYE Too many connections from your address\r\n"
        with pytest.raises(Retryable, match="Too many connections"):
            account.streams()


class TestSignIn:
    def test_starttls_that_is_not_offered_is_refused_before_any_password(
        self, server: ScriptedServer, settings: Settings
    ) -> None:
        account = ImapAccount(replace(settings, tls="starttls"), secret=lambda: SECRET, since=lambda: datetime.now(UTC))
        with pytest.raises(Permanent, match="STARTTLS"):
            account.streams()
        assert set(server.verbs()) <= {"CAPABILITY"}

    def test_what_is_slipped_in_before_tls_begins_is_not_taken_for_the_servers(
        self, server: ScriptedServer, settings: Settings, tmp_path: Path
    ) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(server.tls)
        server.capabilities += " STARTTLS"
        server.script["STARTTLS"] = lambda request, usual: request.ok() + b"* BYE go away\r\n"
        account = ImapAccount(
            replace(settings, tls="starttls", ca_file=tmp_path / "ca.pem"),
            secret=lambda: SECRET,
            since=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )
        assert account.streams()
        account.close()

    def test_a_server_that_signs_us_in_by_itself_is_refused(self, server: ScriptedServer, account: ImapAccount) -> None:
        server.greeting = b"* PREAUTH welcome\r\n"
        with pytest.raises(Permanent, match="PREAUTH"):
            account.streams()
        assert "AUTHENTICATE" not in server.verbs()

    def test_a_server_that_takes_no_password_here_is_not_given_one(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.capabilities = "IMAP4rev1 LOGINDISABLED STARTTLS"
        with pytest.raises(Permanent):
            account.streams()
        assert not any(SECRET.encode() in request.rest for request in server.requests)

    def test_where_only_login_is_offered_it_is_used_with_quotes(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.capabilities = "IMAP4rev1"
        account.streams()
        assert [request.rest for request in server.requests if request.verb == "LOGIN"] == [
            b'"anna@example.com" "s3cret"'
        ]

    @pytest.mark.parametrize("secret", ["pässword", "a\r\nx LOGOUT"])
    def test_a_password_that_login_cannot_carry_is_not_sent(
        self, server: ScriptedServer, settings: Settings, secret: str
    ) -> None:
        server.capabilities = "IMAP4rev1"
        account = ImapAccount(settings, secret=lambda: secret, since=lambda: datetime.now(UTC))
        with pytest.raises(ReauthNeeded, match="LOGIN"):
            account.streams()
        assert set(server.verbs()) == {"CAPABILITY"}

    def test_the_refusal_of_a_token_is_answered_with_an_empty_line(
        self, server: ScriptedServer, settings: Settings
    ) -> None:
        def challenge(request: Request, usual: Callable[[], bytes]) -> bytes:
            server.script[""] = lambda empty, usual: request.no(b"[AUTHENTICATIONFAILED] the token has expired")
            return b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"

        server.script["AUTHENTICATE"] = challenge
        account = ImapAccount(replace(settings, auth="xoauth2"), secret=lambda: SECRET, since=lambda: datetime.now(UTC))
        with pytest.raises(ReauthNeeded, match="expired"):
            account.streams()
        assert server.requests[-1] == Request(b"", "", b"")

    def test_a_server_that_prints_the_refused_password_does_not_get_it_into_the_message(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.script["AUTHENTICATE"] = refuse(b"[AUTHENTICATIONFAILED] bad: s3cret")
        with pytest.raises(ReauthNeeded) as raised:
            account.streams()
        assert SECRET not in str(raised.value)

    def test_we_say_our_name_where_it_is_asked(self, server: ScriptedServer, account: ImapAccount) -> None:
        server.capabilities += " ID"
        account.streams()
        assert "ID" in server.verbs()
