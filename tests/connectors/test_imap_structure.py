"""BODYSTRUCTURE: the parts that it tells of, and what servers make of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.imap_scan import Value, parse
from connectors.imap_structure import MAX_NAME, MAX_PARTS, Part, is_plain, parts
from connectors.invitations import is_calendar

TEXT = b'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 11 1 NIL NIL NIL NIL)'
HTML = b'("text" "html" NIL NIL NIL "quoted-printable" 11 1 NIL NIL NIL NIL)'
PDF = (
    b'("application" "pdf" ("name" "old.pdf") NIL NIL "base64" 78 NIL ("attachment" ("filename" "offer.pdf")) NIL NIL)'
)
LOGO = b'("image" "png" ("name" "logo.png") "<logo@x>" NIL "base64" 9 NIL ("inline" NIL) NIL NIL)'
MAIL = b'("message" "rfc822" NIL NIL NIL "7bit" 99 (%b) %b 4 NIL ("attachment" ("filename" "fwd.eml")) NIL NIL)' % (
    b" ".join([b"NIL"] * 10),
    TEXT,
)


def read(structure: bytes) -> tuple[Part, ...]:
    (value,) = parse((structure,))
    return parts(value)


def test_parts_are_numbered_as_fetch_numbers_them() -> None:
    found = read(b'((%b%b "alternative" ("boundary" "x") NIL NIL NIL)%b "mixed" NIL NIL NIL NIL)' % (TEXT, HTML, PDF))
    assert [(part.section, part.content_type) for part in found] == [
        ("1.1", "text/plain"),
        ("1.2", "text/html"),
        ("2", "application/pdf"),
    ]
    assert [part.section for part in read(TEXT)] == ["1"]


def test_only_what_was_sent_along_is_an_attachment() -> None:
    found = read(b'(%b%b%b%b "mixed" NIL NIL NIL NIL)' % (TEXT, LOGO, PDF, MAIL))
    assert [(part.attachment().name, part.attachment().size) for part in found if part.is_attachment] == [
        ("offer.pdf", 57),
        ("fwd.eml", 99),
    ]
    assert [part.section for part in found if part.is_text] == ["1"]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b'("filename" "=?utf-8?q?Angebot_f=C3=BCr?=.pdf")', "Angebot für.pdf"),
        (b'("filename*" "utf-8\'de\'Angebot%20f%C3%BCr.pdf")', "Angebot für.pdf"),
        (b'("filename*1" "b.pdf" "filename*0" "a")', "ab.pdf"),
        (b'("filename*0*" "iso-8859-1\'\'%E4" "filename*1*" "%F6.pdf")', "äö.pdf"),
        (b'("filename*" "x-unknown\'\'%FF.pdf")', "ÿ.pdf"),
        (b'("filename" "a\tb.pdf")', "a b.pdf"),
        (b'("filename" "%b")' % (b"x" * 5000), "x" * MAX_NAME),
        (b"(NIL NIL)", "old.pdf"),
        (b'("filename")', "old.pdf"),
        (b"NIL", "old.pdf"),
    ],
)
def test_a_name_is_read_in_every_way_that_is_in_use(parameters: bytes, name: str) -> None:
    (part,) = read(
        b'("application" "pdf" ("name" "old.pdf") NIL NIL "base64" 78 NIL ("attachment" %b) NIL NIL)' % parameters
    )
    assert part.name == name


@pytest.mark.parametrize(
    "structure",
    [
        b"NIL", b'""', b"()", b"(())", b'("text")', b'("text" "plain" NIL NIL NIL)', b"(NIL NIL NIL NIL NIL NIL NIL)",
        b'("mixed" "x" NIL)', b'((("text" "plain" NIL NIL NIL "7bit" x NIL "y")))',
    ],
)  # fmt: skip
def test_a_structure_that_makes_no_sense_has_few_parts_and_no_attachment(structure: bytes) -> None:
    assert not any(part.is_attachment for part in read(structure))


def test_the_number_of_parts_has_an_end() -> None:
    assert len(read(b'(%b "mixed")' % (PDF * (MAX_PARTS + 9)))) == MAX_PARTS


leaves = st.none() | st.binary(max_size=12) | st.sampled_from([b"text", b"plain", b"attachment", b"filename", b"7"])
trees: st.SearchStrategy[Value] = st.recursive(leaves, lambda inner: st.lists(inner, max_size=9), max_leaves=40)


@given(trees)
def test_no_structure_raises(structure: Value) -> None:
    for part in parts(structure):
        part.attachment()
        assert len(part.name) <= MAX_NAME


_WORDS = st.sampled_from(
    b'"text" "calendar" "application" "ICS" "octet-stream" "message" "RFC822" "plain" "Attachment" "inline" "name"'
    b' "filename*0*" "invite.ics" "a.pdf" "charset" NIL 1'.split()
)
_STRUCTURES = st.recursive(
    _WORDS,
    lambda inner: st.lists(inner, min_size=1, max_size=11).map(lambda items: b"(%b)" % b" ".join(items)),
    max_leaves=40,
)


@given(_STRUCTURES)
def test_a_structure_that_looks_plain_has_no_attachment_and_no_calendar(structure: bytes) -> None:
    if is_plain(structure) and structure.startswith(b"("):
        assert not any(part.is_attachment or is_calendar(part.content_type, part.name) for part in read(structure))


def test_the_structure_of_most_mails_looks_plain() -> None:
    assert is_plain(b'(%b%b "alternative" ("boundary" "x") NIL NIL NIL)' % (TEXT, HTML))
    assert not any(map(is_plain, (PDF, LOGO, MAIL)))
