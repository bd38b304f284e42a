"""Commands written ahead, and the answers of a server that takes them in an order of its own."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from connectors.imap_session import fetch_command, search_command
from connectors.imap_settings import Settings
from connectors.imap_wire import PATIENCE, Command, Wire, imap_arg
from syncd.errors import Permanent, Retryable

SETTINGS = Settings(host="imap.example.com", user="anna", timeout=5)


@dataclass
class Line:
    wire: Wire
    server: socket.socket

    def says(self, *lines: bytes) -> None:
        self.server.sendall(b"".join(line + b"\r\n" for line in lines))


@pytest.fixture
def line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    with ours, theirs:
        yield Line(Wire(ours, SETTINGS, ours.close), theirs)


def test_a_search_and_a_fetch_that_end_in_the_wrong_order_keep_their_answers(line: Line) -> None:
    fetch, search = line.wire.send([fetch_command([1], b"(UID)"), search_command(b"ALL")])
    line.says(b"* SEARCH 1 2", b"* 1 FETCH (UID 1)", b"s2 OK", b"* 2 FETCH (UID 1 FLAGS ())", b"s1 OK")
    assert fetch.complete() == [(b"* 1 FETCH (UID 1)",), (b"* 2 FETCH (UID 1 FLAGS ())",)]
    assert search.complete() == [(b"* SEARCH 1 2",)]


def test_two_fetches_whose_answers_mingle_are_told_apart_by_uid(line: Line) -> None:
    first, second = line.wire.send([fetch_command([1, 2], b"(UID)"), fetch_command([7], b"(UID)")])
    line.says(b"* 5 FETCH (UID 7)", b"* 1 FETCH (UID 1)", b"s2 OK", b"* 2 FETCH (UID 2)", b"s1 OK")
    assert second.complete() == [(b"* 5 FETCH (UID 7)",)]
    assert first.complete() == [(b"* 1 FETCH (UID 1)",), (b"* 2 FETCH (UID 2)",)]


def test_an_answer_that_is_asked_for_out_of_turn_takes_in_those_before_it(line: Line) -> None:
    first, second = line.wire.send([fetch_command([1], b"(UID)"), search_command(b"ALL")])
    line.says(b"* 1 FETCH (UID 1)", b"s1 OK", b"* SEARCH 1", b"s2 OK")
    assert second.complete() == [(b"* SEARCH 1",)]
    line.server.close()
    assert first.complete() == [(b"* 1 FETCH (UID 1)",)]


def test_the_rest_of_a_line_that_came_with_the_sign_in_is_passed_over(line: Line) -> None:
    (answer,) = line.wire.send([Command(b"NOOP", "greeting")])
    line.says(b"of your mailbox is full", b"+ idling", b"* OK still here", b"s1 OK done")
    assert answer.complete() == [(b"* OK still here",)]


def test_a_refusal_names_the_host_and_what_was_wanted(line: Line) -> None:
    (answer,) = line.wire.send([search_command(b"ALL")])
    line.says(b"s1 NO [SERVERBUG] Internal \x1b[31merror")
    with pytest.raises(Retryable, match=r"imap.example.com, listing messages: \[SERVERBUG\] Internal  \[31merror"):
        answer.complete()


def test_a_command_that_is_not_understood_is_no_matter_of_waiting(line: Line) -> None:
    (answer,) = line.wire.send([search_command(b"ALL")])
    line.says(b"s1 BAD what?")
    with pytest.raises(Permanent):
        answer.complete()


def test_goodbye_ends_the_connection_with_the_servers_reason(line: Line) -> None:
    (answer,) = line.wire.send([search_command(b"ALL")])
    line.says(b"* BYE Session expired")
    with pytest.raises(Retryable, match="Session expired"):
        answer.complete()
    assert line.wire.closed
    with pytest.raises(Retryable):
        line.wire.run(search_command(b"ALL"))


def test_a_server_that_gives_a_byte_now_and_then_is_as_good_as_silent() -> None:
    ours, theirs = socket.socketpair()
    ticks = itertools.count(0, SETTINGS.timeout - 1)

    def later() -> float:
        """Each look at the clock takes nearly a timeout, within which the server gives one byte more."""
        theirs.sendall(b"x")
        return next(ticks)

    with ours, theirs:
        ours.settimeout(SETTINGS.timeout)
        wire = Wire(ours, SETTINGS, ours.close, clock=later)
        wire.send([search_command(b"ALL")])
        with pytest.raises(Retryable, match="does not answer"):
            wire.advance()
        assert wire.closed
        assert next(ticks) <= 3 * PATIENCE * SETTINGS.timeout


@pytest.mark.parametrize("text", [b"a\r\nx LOGOUT", b"a\nb", b"a\rb", b"a\0b"])
def test_nothing_that_would_end_the_line_goes_into_a_command(text: bytes) -> None:
    with pytest.raises(ValueError, match="cannot go into"):
        imap_arg(text)


def test_quotes_and_backslashes_stay_within_the_string() -> None:
    assert imap_arg(b'a"b\\c') == b'"a\\"b\\\\c"'
