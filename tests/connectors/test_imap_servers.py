"""The IMAP connector against servers that Dovecot is not: each test is a bug that real servers have had."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.imap import ImapAccount, Settings
from connectors.imap_parking import BREAKS, PARKED, RENUMBERINGS
from syncd.errors import CursorExpired, Permanent, Retryable, SyncError
from syncd.model import ItemId, Message, Removed, Unreadable
from tests.connectors.imap_scripted import (
    SECRET,
    Clock,
    fill,
    first,
    follow,
    ids,
    items,
    mail,
    opened,
    refuse,
    settings_for,
    without,
)
from tests.servers import scripted_imap
from tests.servers.scripted_imap import Box, HangUp, Request, ScriptedServer


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


class TestMarks:
    def test_a_server_without_uidnext_loses_nothing_and_repeats_nothing(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.script["STATUS"] = lambda request, usual: request.ok(b'* STATUS "INBOX" ()\r\n')
        server.script["EXAMINE"] = lambda request, usual: re.sub(rb"\* OK \[UIDNEXT[^\n]*\n", b"", usual())
        cursor = first(account)
        fill(server.inbox, 2)
        batches = follow(account, cursor)
        assert ids(batches) == ["1@example.org", "2@example.org"]
        assert follow(account, batches[-1].cursor) == []
        fill(server.inbox, 1)
        assert ids(follow(account, batches[-1].cursor)) == ["3@example.org"]

    def test_a_uidnext_that_was_rewound_hides_no_mail(self, server: ScriptedServer, account: ImapAccount) -> None:
        server.inbox.next = 500
        fill(server.inbox, 2)
        cursor = first(account)
        server.inbox.next = 7
        fill(server.inbox, 1)
        with pytest.raises(CursorExpired):
            follow(account, cursor)
        batches = follow(account, None)
        fill(server.inbox, 1)
        batches += follow(account, batches[-1].cursor)
        assert {"7@example.org", "8@example.org"} <= set(ids(batches))
        assert follow(account, batches[-1].cursor) == []

    def test_mail_that_appears_among_old_ids_expires_the_cursor_but_not_all_day(
        self, server: ScriptedServer, account: ImapAccount, clock: Clock
    ) -> None:
        server.inbox.next = 500
        fill(server.inbox, 1)
        cursor = first(account)
        server.inbox.messages[7] = mail(7)
        with pytest.raises(CursorExpired):
            follow(account, cursor)
        assert follow(account, cursor)
        clock.now += PARKED
        with pytest.raises(CursorExpired):
            follow(account, cursor)

    def test_the_last_message_that_every_open_range_holds_is_not_new(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 3)
        cursor = first(account)
        server.inbox.next += 1  # one came and was expunged at once
        batches = follow(account, cursor)
        assert items(batches) == []
        assert follow(account, batches[-1].cursor) == []

    @pytest.mark.parametrize("validity", [1, 3])
    def test_a_uidvalidity_that_changes_in_either_direction_expires_the_cursor(
        self, server: ScriptedServer, account: ImapAccount, validity: int
    ) -> None:
        server.inbox.validity = 2
        fill(server.inbox, 1)
        cursor = first(account)
        server.inbox.validity = validity
        with pytest.raises(CursorExpired):
            follow(account, cursor)
        assert follow(account, None)[-1].epoch == str(validity)

    def test_a_missing_uidvalidity_expires_nothing(self, server: ScriptedServer, account: ImapAccount) -> None:
        fill(server.inbox, 1)
        cursor = first(account)
        server.script["EXAMINE"] = lambda request, usual: re.sub(rb"\* OK \[UIDVALIDITY[^\n]*\n", b"", usual())
        server.script["STATUS"] = lambda request, usual: re.sub(rb" UIDVALIDITY \d+", b"", usual())
        assert follow(account, cursor) == []
        fill(server.inbox, 1)
        (message,) = items(follow(account, cursor))
        assert message.id == "1.2"

    def test_a_uidvalidity_that_changes_each_time_is_given_up_after_a_few_and_tried_the_next_day(
        self, server: ScriptedServer, account: ImapAccount, clock: Clock
    ) -> None:
        fill(server.inbox, 1)
        for _ in range(RENUMBERINGS):
            cursor = first(account)
            server.inbox.validity += 1
            with pytest.raises(CursorExpired):
                follow(account, cursor)
        cursor = first(account)
        server.inbox.validity += 1
        with pytest.raises(Retryable, match="new ids"):
            follow(account, cursor)
        clock.now += 100_000
        with pytest.raises(CursorExpired):
            follow(account, cursor)

    def test_mail_that_arrives_while_messages_are_read_comes_with_the_next_pass(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 2)
        cursor = first(account)
        fill(server.inbox, 1)

        def deliver(request: Request, usual: Callable[[], bytes]) -> bytes:
            del server.script["UID FETCH"]
            answer = usual()
            fill(server.inbox, 1)
            return b"* 4 EXISTS\r\n" + answer

        server.script["UID FETCH"] = deliver
        batches = follow(account, cursor)
        batches += follow(account, batches[-1].cursor)
        assert ids(batches) == ["3@example.org", "4@example.org"]

    def test_highestmodseq_is_never_asked_for_so_that_it_may_do_what_it_likes(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.capabilities += " CONDSTORE QRESYNC"
        fill(server.inbox, 1)
        cursor = first(account)
        fill(server.inbox, 1)
        follow(account, cursor)
        assert not any(b"MODSEQ" in request.rest or b"CONDSTORE" in request.rest for request in server.requests)
        assert "ENABLE" not in server.verbs()


class TestWhatLeft:
    def test_an_empty_search_in_a_folder_that_is_not_empty_removes_nothing(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 3)
        cursor = first(account)
        del server.inbox.messages[2]
        server.script["UID SEARCH"] = lambda request, usual: request.ok(b"* SEARCH\r\n")
        batches = follow(account, cursor)
        assert all(batch.listing is None for batch in batches)
        del server.script["UID SEARCH"]
        assert follow(account, batches[-1].cursor)[-1].listing == frozenset({ItemId("1.1"), ItemId("1.3")})

    def test_vanished_and_expunge_that_nobody_asked_for_remove_nothing(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 2)
        server.script["UID FETCH"] = lambda request, usual: b"* VANISHED (EARLIER) 1:99999\r\n* 1 EXPUNGE\r\n" + usual()
        batches = follow(account, None)
        assert not any(isinstance(item, Removed) for item in items(batches))
        assert batches[-1].listing == frozenset({ItemId("1.1"), ItemId("1.2")})

    def test_a_message_that_leaves_before_it_is_read_is_removed(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 3)

        def expunge(request: Request, usual: Callable[[], bytes]) -> bytes:
            server.inbox.messages.pop(2, None)
            return usual()

        server.script["UID FETCH"] = expunge
        assert {type(item) for item in items(follow(account, None)) if item.id == "1.2"} == {Removed}

    @pytest.mark.parametrize("answer", [b"* SEARCH 1 2 \r\n", b"* SEARCH 1\r\n* SEARCH 2\r\n", b"* search 2 1\r\n"])
    def test_a_search_answered_on_two_lines_or_with_a_blank_at_its_end_is_read(
        self, server: ScriptedServer, account: ImapAccount, answer: bytes
    ) -> None:
        fill(server.inbox, 2)
        server.script["UID SEARCH"] = lambda request, usual: request.ok(answer)
        assert len(ids(follow(account, None))) == 2


class TestFolders:
    def test_an_account_never_has_no_folder(self, server: ScriptedServer, account: ImapAccount) -> None:
        server.attributes["INBOX"] = "\\Noselect"
        with pytest.raises(Retryable, match="no folder"):
            account.streams()

    def test_a_folder_that_ends_the_connection_stops_no_other_and_is_left_alone_after_a_few_tries(
        self, server: ScriptedServer, account: ImapAccount, clock: Clock
    ) -> None:
        server.boxes["shared"] = Box()
        fill(server.boxes["shared"], 1)
        fill(server.inbox, 1)

        def drop(request: Request, usual: Callable[[], bytes]) -> bytes:
            if b"shared" in request.rest:
                raise HangUp
            return usual()

        server.script["EXAMINE"] = drop
        for _ in range(BREAKS + 5):
            assert len(ids(follow(account, None))) == 1
            with pytest.raises(Retryable):
                follow(account, None, "shared")
        assert server.sign_ins == BREAKS + 1
        del server.script["EXAMINE"]
        clock.now += PARKED
        assert len(ids(follow(account, None, "shared"))) == 1

    def test_a_network_that_fails_is_not_held_against_the_folder(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 1)

        def drop(request: Request, usual: Callable[[], bytes]) -> bytes:
            raise HangUp

        server.script["EXAMINE"] = drop
        for _ in range(BREAKS + 2):
            with pytest.raises(Retryable):
                follow(account, None)
        del server.script["EXAMINE"]
        assert len(ids(follow(account, None))) == 1

    def test_folders_that_are_asked_for_and_do_not_exist_are_told_with_those_that_do(
        self, server: ScriptedServer, settings: Settings
    ) -> None:
        server.boxes["Sales"] = Box()
        account = ImapAccount(
            replace(settings, include=("Sale",)), secret=lambda: SECRET, since=lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )
        with pytest.raises(Permanent, match="INBOX, Sales"):
            account.streams()
        account.close()

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            (b"[NONEXISTENT] Unknown Mailbox: shared", Retryable),
            (b"Mailbox doesn't exist: shared", Retryable),
            (b"Access denied", Permanent),
            (b"[NOPERM] no", Permanent),
            (b"[SERVERBUG] Internal error", Retryable),
        ],
    )
    def test_a_folder_that_is_refused_is_named_and_the_account_goes_on(
        self, server: ScriptedServer, account: ImapAccount, text: bytes, error: type[SyncError]
    ) -> None:
        server.boxes["shared"] = Box()
        server.script["EXAMINE"] = lambda request, usual: request.no(text) if b"shared" in request.rest else usual()
        with pytest.raises(error, match="folder shared"):
            follow(account, None, "shared")
        assert follow(account, None)

    def test_a_status_that_is_refused_is_no_reason_not_to_look(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        cursor = first(account)
        fill(server.inbox, 1)
        server.script["STATUS"] = refuse(b"STATUS is not for you")
        assert len(ids(follow(account, cursor))) == 1

    def test_the_selected_folder_is_never_asked_for_its_status(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.capabilities = "IMAP4rev1 AUTH=PLAIN"
        cursor = first(account)
        server.requests.clear()
        fill(server.inbox, 1)
        assert len(ids(follow(account, cursor))) == 1
        assert server.verbs()[0] == "EXAMINE"


class TestMessages:
    @pytest.mark.parametrize("date", [b" 0-Jan-0000 00:00:00 +0000", b"rubbish", b"01-Jan-0102 00:00:00 +0000", b""])
    def test_an_arrival_that_is_no_date_is_unknown(
        self, server: ScriptedServer, account: ImapAccount, date: bytes
    ) -> None:
        fill(server.inbox, 1)
        server.inbox.dates[1] = date
        server.script["UID FETCH"] = lambda request, usual: usual().replace(b"02-Nov-2026 10:00:00 +0000", date)
        (message,) = items(follow(account, None))
        assert isinstance(message, Message)
        assert message.received_at is None

    @pytest.mark.parametrize(
        "foreign",
        [
            b"* 1 FETCH (FLAGS (\\Seen))\r\n",
            b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n",
            b"* 9 FETCH (UID 9 RFC822.SIZE 1 BODY[HEADER.FIELDS (FROM)] {2}\r\n\r\n)\r\n",
            b"* 1 FETCH (UID 0 RFC822.SIZE 1 BODY[HEADER.FIELDS (FROM)] {2}\r\n\r\n)\r\n",
            b"* 1 FETCH (UID rubbish (\r\n",
            b"* 4 EXISTS\r\n* 1 RECENT\r\n* OK [ALERT] Your mailbox is almost full {12}\r\n",
        ],
    )
    def test_what_was_not_asked_for_is_passed_over(
        self, server: ScriptedServer, account: ImapAccount, foreign: bytes
    ) -> None:
        fill(server.inbox, 2)
        server.script["UID FETCH"] = lambda request, usual: foreign + usual()
        assert sorted(ids(follow(account, None))) == ["1@example.org", "2@example.org"]

    def test_a_message_that_the_server_gives_nothing_of_is_set_aside_and_the_others_come(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 3)
        server.script["UID FETCH"] = lambda request, usual: without(2, usual())
        by_id = {str(item.id): item for item in items(follow(account, None))}
        assert isinstance(by_id["1.2"], Unreadable)
        assert isinstance(by_id["1.1"], Message)
        assert isinstance(by_id["1.3"], Message)

    def test_a_refusal_because_of_one_message_spares_the_others(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        fill(server.inbox, 3)

        def fail(request: Request, usual: Callable[[], bytes]) -> bytes:
            answer = without(2, usual())
            asked = request.rest.split()[0]
            return answer.replace(b" OK done", b" NO Message 2 is corrupt") if asked in (b"1:3", b"2") else answer

        server.script["UID FETCH"] = fail
        by_id = {str(item.id): item for item in items(follow(account, None))}
        assert by_id["1.2"] == Unreadable(by_id["1.2"].id, "Message 2 is corrupt")
        assert len(by_id) == 3

    def test_the_text_that_exchange_puts_in_place_of_a_mail_is_no_mail(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.inbox.add(
            b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n.\r\n"
        )
        (item,) = items(follow(account, None))
        assert isinstance(item, Unreadable)

    def test_a_text_is_read_even_where_the_structure_is_rubbish(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.inbox.add(b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nHello.\r\n--B--\r\n")

        def rubbish(request: Request, usual: Callable[[], bytes]) -> bytes:
            if b"BODYSTRUCTURE" in request.rest:
                return request.ok(b"* 1 FETCH (UID 1 BODYSTRUCTURE ((((\r\n")
            return usual()

        server.script["UID FETCH"] = rubbish
        follow(account, None)
        (message,) = account.streams()[0].read([items(follow(account, None))[0].id], text=True)
        assert isinstance(message, Message)
        assert message.text == "Hello."

    def test_a_long_text_of_which_no_more_is_given_keeps_its_beginning(
        self, server: ScriptedServer, account: ImapAccount
    ) -> None:
        server.inbox.add(b"Subject: long\r\n\r\n" + b"Line by line.\r\n" * 5000)

        def once(request: Request, usual: Callable[[], bytes]) -> bytes:
            asked = [request for request in server.requests if b"[TEXT]" in request.rest]
            return usual() if len(asked) < 2 else request.no(b"cannot be parsed")

        server.script["UID FETCH"] = once
        (message,) = account.streams()[0].read([items(follow(account, None))[0].id], text=True)
        assert isinstance(message, Message)
        assert (message.text or "").startswith("Line by line.\n" * 200)
