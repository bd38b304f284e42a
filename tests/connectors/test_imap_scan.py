"""The scanner, held against IMAPClient's general parser, and against bytes that are no IMAP at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imapclient.exceptions import ProtocolError as TheirError
from imapclient.response_parser import parse_fetch_response

from connectors.imap_scan import (
    MAX_DEPTH,
    MAX_HEADER,
    MAX_KEPT,
    MAX_LINE,
    MAX_LITERAL,
    MAX_PARSED,
    ProtocolError,
    Reader,
    Response,
    careful_tokens,
    fetched,
    internal_date,
    parse,
    plain_tokens,
    row,
    section_of,
)

SECTION = b"BODY[HEADER.FIELDS (DATE FROM)]"
Item = tuple[bytes, bytes]
"""A name, and its value as it travels."""


def receiving(chunks: Sequence[bytes]) -> Callable[[], bytes]:
    left = iter(chunks)
    return lambda: next(left, b"")


def responses(*chunks: bytes) -> Iterator[Response]:
    reader = Reader(receiving(chunks))
    while True:
        try:
            yield reader.response()
        except ConnectionResetError:
            return


def literal(text: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(text), text)


def quoted(text: bytes) -> bytes:
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


texts = st.binary(max_size=60)
lines = texts.map(lambda text: re.sub(rb"[\0\r\n\x80-\xff]", b"", text))
strings = st.one_of(texts.map(literal), lines.map(quoted), st.just(b"NIL"))
numbers = st.integers(0, 2**32 - 1).map(lambda value: b"%d" % value)
values = st.recursive(
    st.one_of(strings, numbers),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: b"(%b)" % b" ".join(parts)),
    max_leaves=8,
)
tokens = st.lists(
    st.one_of(values, lines.map(quoted), st.sampled_from([b"nil", b"a]", b"()", b'""', b"1 2", b'"x" "y"'])), max_size=6
).map(b" ".join)
flags = st.lists(st.sampled_from([b"\\Seen", b"\\*", b"$Label", b"NIL-like"])).map(
    lambda some: b"(%b)" % b" ".join(some)
)
dates = st.sampled_from(
    [b'"02-Nov-2026 10:00:00 +0000"', b'" 2-Nov-2026 10:00:00 -0730"', b'" 0-Jan-0000 0:0:0"', b"NIL"]
)
items = st.lists(
    st.one_of(
        st.tuples(st.just(b"RFC822.SIZE"), numbers),
        st.tuples(st.just(b"INTERNALDATE"), dates),
        st.tuples(st.just(b"FLAGS"), flags),
        st.tuples(st.just(b"MODSEQ"), numbers.map(lambda value: b"(%b)" % value)),
        st.tuples(st.just(SECTION), strings),
        st.tuples(st.sampled_from([b"X-GM-LABELS", b"BODY[TEXT]<0>", b"BODY[1.2.MIME]"]), values),
    ),
    max_size=6,
    unique_by=lambda item: item[0],
)


def fetch(items: Sequence[Item], number: int = 3) -> bytes:
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(name + b" " + value for name, value in items))


def theirs(response: Response) -> dict[bytes, object]:
    """As imaplib would hand it to IMAPClient's parser."""
    first = response[0].removeprefix(b"* ").replace(b" FETCH ", b" ", 1)
    pieces = [first, *response[1:]]
    text: list[object] = [*zip(pieces[:-1:2], pieces[1::2], strict=True), pieces[-1]]
    (items,) = parse_fetch_response(text, normalise_times=False, uid_is_key=False).values()
    return dict(items)


class TestAgainstImapclient:
    @given(st.integers(1, 2**32 - 1), items, st.randoms(use_true_random=False))
    def test_every_item_is_read_as_imapclient_reads_it_in_any_order(
        self, uid: int, some: list[Item], order: Random
    ) -> None:
        all_items = [(b"UID", b"%d" % uid), *some]
        order.shuffle(all_items)
        (response,) = responses(fetch(all_items))
        found = row(response)
        assert found is not None
        expected = theirs(response)
        assert found.uid == expected[b"UID"] == uid
        assert found.size == expected.get(b"RFC822.SIZE")
        assert found.header == expected.get(SECTION)
        ours, date = internal_date(found.internal_date), expected.get(b"INTERNALDATE")
        assert ours == date or (date is None and found.internal_date is None)
        assert set(fetched(response) or {}) == {_plain(name) for name in expected if name != b"SEQ"}

    @given(st.lists(items, max_size=5), st.data())
    def test_answers_are_the_same_however_they_are_cut_on_the_way(
        self, some: list[list[Item]], data: st.DataObject
    ) -> None:
        sent = (
            b"".join(fetch([(b"UID", b"%d" % uid), *each], uid) for uid, each in enumerate(some, 1)) + b"s1 OK done\r\n"
        )
        whole = list(responses(sent))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
        parts = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
        assert list(responses(*filter(None, parts))) == whole
        assert list(responses(*(bytes([byte]) for byte in sent))) == whole

    @given(items, st.integers(0, 400), st.binary(min_size=1, max_size=6))
    @example([], 1, b"\r\n")
    def test_damaged_answers_are_read_as_something_or_nothing_but_never_raise(
        self, some: list[Item], place: int, damage: bytes
    ) -> None:
        sent = fetch([(b"UID", b"7"), *some])
        damaged = sent[:place] + damage + sent[place + 1 :]
        try:
            for response in responses(damaged):
                found = row(response)
                if found is not None:
                    assert found.uid > 0
        except ProtocolError:
            return

    @given(st.binary(max_size=300))
    def test_bytes_that_are_no_imap_raise_nothing_else(self, rubbish: bytes) -> None:
        try:
            for response in responses(rubbish):
                fetched(response)
                parse(response)
        except ProtocolError:
            return

    @given(st.integers(1, 99), texts, st.sampled_from([SECTION, b"BODY[HEADER.FIELDS (DATE)]"]))
    def test_the_short_way_and_the_careful_way_give_the_same(self, uid: int, header: bytes, section: bytes) -> None:
        plain: list[Item] = [
            (b"UID", b"%d" % uid), (b"INTERNALDATE", b'"02-Nov-2026 10:00:00 +0000"'), (b"RFC822.SIZE", b"12"),
        ]  # fmt: skip
        (short,) = responses(fetch([*plain, (section, literal(header))]))
        (careful,) = responses(fetch([(section, literal(header)), *plain]))
        assert row(short) == row(careful)

    @given(
        tokens, st.integers(0, 400), st.sampled_from([b"", b" ", b'"', b"(", b")", b"\\", b"[", b"{3}", b"\x0b", b"\0"])
    )
    def test_the_short_way_to_tokens_gives_what_the_careful_one_gives(
        self, text: bytes, place: int, damage: bytes
    ) -> None:
        damaged = text[:place] + damage + text[place + 1 :]
        plain = plain_tokens(damaged)
        assert plain is None or plain == careful_tokens((damaged,))

    def test_the_short_way_to_tokens_takes_what_most_servers_send(self) -> None:
        structure = b'("application" "pdf" ("name" "a (1).pdf") NIL NIL "base64" 78 NIL ("inline" NIL) NIL NIL)'
        assert plain_tokens(b"* 1 FETCH (UID 7 BODYSTRUCTURE (" + structure + b' "mixed"))') is not None

    @given(st.integers(1, 99), texts, st.sampled_from([b"TEXT", b"1.2", b"1.MIME"]))
    def test_the_short_way_to_a_section_and_the_careful_way_give_the_same(
        self, uid: int, octets: bytes, name: bytes
    ) -> None:
        (response,) = responses(fetch([(b"UID", b"%d" % uid), (b"BODY[%b]<0>" % name, literal(octets))]))
        assert section_of(response) == ((uid, name), octets)
        assert fetched(response) == {b"UID": b"%d" % uid, b"BODY[%b]" % name: octets}


def _plain(name: bytes) -> bytes:
    return re.sub(rb"(BODY\[[^ \]]*)[^\]]*\].*", rb"\1]", name)


class TestBounds:
    @pytest.mark.parametrize(("item", "most"), [(b"BODY[TEXT]", MAX_LITERAL), (SECTION, MAX_HEADER)])
    def test_a_literal_is_refused_before_it_is_read(self, item: bytes, most: int) -> None:
        with pytest.raises(ProtocolError, match="literal") as raised:
            list(responses(b"* 1 FETCH (UID 7 %b {%d}\r\n" % (item, most + 1)))
        assert raised.value.uid == 7

    def test_a_line_is_refused_when_it_has_grown_too_long(self) -> None:
        with pytest.raises(ProtocolError, match="line"):
            list(responses(b"* OK ", *[b"x" * 65536] * (MAX_LINE // 65536 + 1)))

    def test_a_search_may_name_a_million_messages(self) -> None:
        uids = b" ".join(b"%d" % uid for uid in range(1_000_000, 2_000_000))
        (response,) = responses(*_pieces(b"* SEARCH " + uids + b"\r\n"))
        assert len(response[0]) == len(uids) + 9

    @pytest.mark.parametrize("size", [MAX_KEPT - 1, MAX_KEPT, MAX_KEPT + 1, 3_000_000])
    def test_only_the_beginning_of_a_large_literal_is_kept(self, size: int) -> None:
        sent = b"* 1 FETCH (UID 1 BODY[TEXT] " + literal(b"abcdefg" * (size // 7)) + b")\r\n* 2 EXISTS\r\n"
        response, next_one = responses(*_pieces(sent))
        assert response[1] == (b"abcdefg" * (size // 7))[:MAX_KEPT]
        assert (response[2], next_one) == (b")", (b"* 2 EXISTS",))

    def test_a_structure_that_would_cost_too_much_counts_as_not_given(self) -> None:
        part = b'("image" "png" ("name" "a.png") NIL NIL "base64" 10)'
        sent = b"* 1 FETCH (UID 1 BODYSTRUCTURE (" + part * 40_000 + b"))\r\n* 2 EXISTS\r\n"
        response, next_one = responses(*_pieces(sent))
        assert fetched(response) is None
        assert next_one == (b"* 2 EXISTS",)

    def test_lists_within_lists_have_an_end(self) -> None:
        deep = b"(" * (MAX_DEPTH + 1) + b")" * (MAX_DEPTH + 1)
        with pytest.raises(ProtocolError):
            parse((b"* 1 FETCH " + deep,))
        assert fetched((b"* 1 FETCH (UID 1 BODYSTRUCTURE " + deep + b")",)) is None

    @pytest.mark.parametrize("byte", [b"(", b"[", b'"', b"\\", b"a", b" ", b"{", b"[a"])
    def test_no_byte_repeated_without_end_takes_more_than_one_look(self, byte: bytes) -> None:
        """Nothing here measures time; a look at each byte for each byte before it would not end within the timeout."""
        with pytest.raises(ProtocolError):
            parse((b"* 1 FETCH (" + byte * (MAX_PARSED - 20),))

    def test_a_status_text_that_ends_like_a_literal_is_none(self) -> None:
        assert len(list(responses(b"* OK full {5}\r\ns1 OK {3}\r\n+ go on {4}\r\n"))) == 3


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + 65536] for start in range(0, len(data), 65536)]


class TestInternalDate:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
            (b" 1-jan-2026 00:00:00 +0530", datetime(2025, 12, 31, 18, 30, tzinfo=UTC)),
            (b"1-Jan-2026 00:00:00 +0000", datetime(2026, 1, 1, tzinfo=UTC)),
            (b"31-Feb-2026 00:00:00 +0000", None),
            (b" 0-Jan-0000 00:00:00 +0000", None),
            (b"01-Foo-2026 00:00:00 +0000", None),
            (b"01-Jan-0102 00:00:00 +0000", None),
            (b"31-Dec-9999 23:59:59 -0900", None),
            (b"", None),
            (None, None),
        ],
    )
    def test_what_is_no_date_is_none(self, text: bytes | None, moment: datetime | None) -> None:
        assert internal_date(text) == moment


def test_a_response_that_imapclient_refuses_is_given_up_here_too() -> None:
    response = (b"* 1 FETCH (UID 1 FLAGS (a b)",)
    with pytest.raises(TheirError):
        theirs(response)
    assert row(response) is None
