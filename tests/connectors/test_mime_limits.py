"""Header blocks that were made to cost: a bound on CPU time and on memory for each, whatever it says.

Measured with other parsers, some of these take a gigabyte, some raise RecursionError, some do not come back.
"""

from __future__ import annotations

import tracemalloc

import pytest

from connectors.mime import BLOCK_LIMIT, message_from_headers
from syncd.model import ItemId, Message
from tests import cpu

CPU_SECONDS = 0.25
MEMORY = 64 * 1024 * 1024
LARGE = BLOCK_LIMIT + 1000


def read(raw: bytes) -> Message:
    return message_from_headers(raw, id=ItemId("1.1"), received_at=None, size=None, folders=())


def filled(line: bytes, size: int = LARGE) -> bytes:
    return line * (size // len(line))


WHOLE = {
    "10 MB in one line": b"To: " + b"x" * 10_000_000 + b"\r\n\r\n",
    "10 MB of folds": b"To:" + b"\r\n x" * 2_500_000 + b"\r\n\r\n",
    "100,000 addresses": b"To: " + b"".join(b"a%d@example.com, " % n for n in range(100_000)) + b"\r\n\r\n",
    "10,000 encoded words": b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 10_000 + b"\r\n\r\n",
    "10,000 parameters": b"Content-Type: text/plain" + b"; a=b" * 10_000 + b"\r\n\r\n",
    "10,000 ids": b"References: " + b"<a@example.com> " * 10_000 + b"\r\n\r\n",
    "many headers": filled(b"a:\r\n"),
    "many To headers": filled(b"To: a@example.com\r\n"),
    "many broken To headers": filled(b'To: ( ( "a <b\r\n'),
    "many Cc headers with comments": filled(b"Cc: " + b"(a) " * 8000 + b"\r\n"),
    "many Date headers": filled(b"Date: (((((\r\n"),
    "no header at all": filled(b"x"),
    "no names": filled(b":\r\n"),
}

UNITS = [
    *("=", "=?", "=?a?q?", "=?utf-8?q?=41?=", "=?utf-8?b?", "=?x?q?a@b,?= "),
    *("[", "(", "()", "((", "a(", "\\(", '"', '"\\', '\\"', "<", ">", '<"', '<"a<', '<"\\"', '"<', '"('),
    *("@", "@.", "a@b.c,", "a@b.c ", "a@b.c;", "a@b.c\t", ",", ";", ":", "::a", ".", " .", " @", "a.", '"a".'),
    *(" ", "\t", "a ", '"a" ', "<a@b>", "<a@b>,", "'", "é", "\x00", "\r", "\n ", "1 Jan ", "-----"),
]


def check(raw: bytes) -> None:
    read(raw)  # caches and lazy tables are not the message's
    with cpu.at_most(CPU_SECONDS):
        read(raw)
    tracemalloc.start()
    read(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_a_large_or_endless_block_costs_little_time_and_memory(raw: bytes) -> None:
    check(raw)


@pytest.mark.parametrize("name", ["To", "Subject", "Date", "Message-ID", "References", "Content-Type"])
@pytest.mark.parametrize("opening", ["", '"'])
def test_no_character_repeated_65000_times_costs_much_in_any_header(name: str, opening: str) -> None:
    for unit in UNITS:
        raw = f"{name}: {opening}{unit * (65_000 // len(unit))}\r\n\r\n".encode("latin-1")
        with cpu.at_most(CPU_SECONDS, unit):
            read(raw)


def test_what_was_cut_is_told() -> None:
    assert "header block cut" in read(WHOLE["many headers"]).problem
    assert "To cut" in read(WHOLE["10 MB in one line"]).problem
    assert "more than 500 participants" in read(WHOLE["100,000 addresses"]).problem
