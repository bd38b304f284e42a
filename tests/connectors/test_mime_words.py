"""Encoded-words and charsets, as RFC 2047 has them and as mail has them."""

from __future__ import annotations

import binascii
from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mime_words import (
    base64_bytes,
    careful_words,
    clean,
    decode,
    decode_unlabelled,
    decode_words,
    quoted_printable_bytes,
)

WORDS = {
    "plain": "plain",
    "=?utf-8?q?=C3=A4?=": "ä",
    "=?UTF-8*de?Q?=C3=A4?=": "ä",
    "=?iso-8859-1?q?a_b=E4?= c": "a bä c",
    "x =?utf-8?q?a?= =?utf-8?q?b?= y": "x ab y",
    "=?utf-8?q?a?=\t\t=?utf-8?b?Yg==?=": "ab",
    "=?utf-8?q?a?= =?iso-8859-1?q?=E4?=": "aä",
    "=?utf-8?q?a?= and =?utf-8?q?b?=": "a and b",
    "Re:=?utf-8?q?a?=b": "Re:ab",
    "=?utf-8?b?w6Q=?=": "ä",
    "=?utf-8?b?w6Q?=": "ä",
    "=?utf-8?b?w6RYWA?=": "äXX",
    "=?utf-8?q?=F0=9F?= =?utf-8?q?=98=80?=": "\U0001f600",
    "=?utf-8?b?8J8=?= =?utf-8?b?mIA=?=": "\U0001f600",
    "=?utf-8?q?a b?=": "a b",
    "=?utf-8?q?what??=": "what?",
    "=?x-unknown?q?=C3=A4?=": "ä",
    "=?x-unknown?q?=E4?=": "ä",
    "=?gb2312?b?xOO6w4IwgTA=?=": b"\xc4\xe3\xba\xc3\x82\x30\x81\x30".decode("gb18030"),
    "=?iso-8859-8-i?b?+ezl7Q==?=": "שלום",
    "=?cp-850?q?=84?=": "ä",
    "=?windows-1252?q?=80?=": "€",
    "=?iso-8859-1?q?=80?=": "€",
    "=?ks_c_5601-1987?b?xde9usau?=": "테스트",
    "=?iso-2022-jp?b?GyRCJUYlOSVIGyhC?=": "テスト",
    "=?utf-8?q?unclosed": "=?utf-8?q?unclosed",
    "=?utf-8?x?a?=": "=?utf-8?x?a?=",
    "=??q?a?=": "=??q?a?=",
    "=?utf-8?q??=": "",
    "=?": "=?",
    "1 =? 2 ?= 3": "1 =? 2 ?= 3",
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_encoded_words_are_decoded_wherever_they_stand(text: str, expected: str) -> None:
    assert decode_words(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=120))
def test_what_a_mail_program_encodes_is_decoded(text: str) -> None:
    assert decode_words(Header(text, "utf-8", maxlinelen=40).encode(linesep="\r\n").replace("\r\n", "")) == text


HOSTILE_CHARSETS = [
    "x-unknown",
    "undefined",
    "../../etc/passwd",
    "idna",
    "zlib_codec",
    "rot13",
    "unicode_escape",
    "x" * 5000,
    "\x00",
]


@pytest.mark.parametrize("charset", HOSTILE_CHARSETS)
def test_a_charset_is_looked_up_in_our_list_only(charset: str) -> None:
    assert decode(b"caf\xc3\xa9", charset) == "café"
    assert decode(b"caf\xe9", charset) == "café"


PIECES = [
    "=?",
    "?=",
    "?",
    "=",
    "utf-8",
    "x*en",
    "?q?",
    "?B?",
    "=?utf-8?q?",
    "=?UTF-8*de?b?",
    "a=C3=A4",
    "w6Q",
    " ",
    "_",
    "é",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_one_word_is_decoded_as_it_is_among_others(text: str) -> None:
    for one in (text, f"=?utf-8?q?{text}?=", f"=?latin1?B?{text}?="):
        assert decode_words(one) == careful_words(one)


@given(
    st.binary(max_size=60),
    st.sampled_from(["utf-7", "utf-16", "gb2312", "hz-gb-2312", "iso-2022-jp", "big5", "utf-8", "cp1255"]),
)
def test_no_bytes_are_refused_by_any_charset(data: bytes, charset: str) -> None:
    assert isinstance(decode(data, charset), str)


def test_a_character_cut_short_at_the_end_leaves_the_rest_utf8() -> None:
    assert decode_unlabelled("grüße ä".encode()[:-1], "") == "grüße "


@given(st.binary(max_size=60), st.integers(0, 80))
def test_base64_cut_anywhere_gives_what_lies_before_the_cut(data: bytes, cut: int) -> None:
    encoded = binascii.b2a_base64(data)[:cut]
    decoded = base64_bytes(encoded)
    assert data.startswith(decoded)
    assert len(decoded) >= len(encoded.rstrip(b"=\n")) * 3 // 4 - 2


@given(st.binary(max_size=60))
def test_base64_with_foreign_characters_does_not_fail(data: bytes) -> None:
    assert isinstance(base64_bytes(data), bytes)


def test_quoted_printable_cut_within_an_escape_drops_the_escape() -> None:
    assert quoted_printable_bytes(b"caf=C3=A9", header=False) == "café".encode()
    assert quoted_printable_bytes(b"cafe=C", header=False) == b"cafe"
    assert quoted_printable_bytes(b"cafe=", header=False) == b"cafe"


@given(st.text(max_size=60))
def test_a_clean_line_has_no_control_and_is_clean_already(text: str) -> None:
    once = clean(text, 40)
    assert clean(once, 40) == once == " ".join(once.split())
    assert len(once) <= 40
    once.encode()
    assert not any(character < " " or character == "\x7f" for character in once)
