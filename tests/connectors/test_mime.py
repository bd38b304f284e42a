"""Header blocks as servers give them, and the Message that each becomes."""

from __future__ import annotations

import email
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mime import (
    HEADER_FIELDS,
    TELLING,
    careful_fields,
    is_stand_in,
    message_from_fields,
    message_from_headers,
    plain_fields,
)
from syncd.model import ItemId, Message, Role

RECEIVED = datetime(2026, 11, 23, 10, tzinfo=UTC)
PLAIN = b"""\
Date: Mon, 23 Nov 2026 10:05:07 +0100\r
From: Anna Example <anna@example.com>\r
To: "Example, Ben" <ben@example.org>,\r
\tcarol@example.net\r
Cc: Dave <dave@example.org>\r
Subject: The offer for\r
 300 units\r
Message-ID: <one@mail.example.com>\r
In-Reply-To: <zero@mail.example.org>\r
References: <root@mail.example.org>\r
 <zero@mail.example.org>\r
List-Id: Offers <offers.example.com>\r
Content-Type: text/plain; charset=utf-8\r
\r
"""


def read(raw: bytes) -> Message:
    return message_from_headers(raw, id=ItemId("7.1"), received_at=RECEIVED, size=2048, folders=("INBOX",))


def header(name: str, value: str | bytes) -> Message:
    """A mail from Anna with one more header."""
    raw = value if isinstance(value, bytes) else value.encode()
    return read(b"From: anna@example.com\r\n" + name.encode() + b": " + raw + b"\r\n\r\n")


def people(message: Message, *roles: Role) -> list[str]:
    return [one.address for one in message.participants if one.role in roles]


def test_a_plain_mail_is_read_whole() -> None:
    message = read(PLAIN)
    assert message.id == "7.1"
    assert message.received_at == RECEIVED
    assert message.sent_at == datetime(2026, 11, 23, 9, 5, 7, tzinfo=UTC)
    assert message.message_id == "one@mail.example.com"
    assert message.in_reply_to == "zero@mail.example.org"
    assert message.references == ("root@mail.example.org", "zero@mail.example.org")
    assert message.subject == "The offer for 300 units"
    assert [(one.role.value, one.address, one.name) for one in message.participants] == [
        ("from", "anna@example.com", "Anna Example"),
        ("to", "ben@example.org", "Example, Ben"),
        ("to", "carol@example.net", ""),
        ("cc", "dave@example.org", "Dave"),
    ]
    assert message.headers == {
        "list-id": "Offers <offers.example.com>",
        "content-type": "text/plain; charset=utf-8",
    }
    assert (message.folders, message.size, message.problem, message.text) == (("INBOX",), 2048, "", None)


def test_every_header_that_is_read_is_asked_for() -> None:
    asked = {name.lower() for name in HEADER_FIELDS}
    assert len(asked) == len(HEADER_FIELDS)
    assert asked >= TELLING
    assert asked >= {"date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "references"}


def test_header_names_are_matched_in_any_case_and_with_blanks_before_the_colon() -> None:
    assert read(b"FROM : anna@example.com\r\nsubject:hello\r\n\r\n").subject == "hello"


def test_junk_between_headers_does_not_end_them() -> None:
    raw = b"From anna Mon Nov 23 10:00:00 2026\r\nFrom: anna@example.com\r\nno header at all\r\nSubject: hello\r\n\r\n"
    assert read(raw).subject == "hello"
    assert people(read(raw), Role.FROM) == ["anna@example.com"]


def test_nothing_behind_the_blank_line_is_a_header() -> None:
    for end in (b"\r\n", b"\n"):
        raw = b"From: anna@example.com" + end + end + b"Subject: of the body" + end
        assert read(raw).subject == ""
    assert read(b"\r\nSubject: of the body\r\n").subject == ""


def test_no_headers_at_all_are_a_message_with_a_problem() -> None:
    for raw in (b"", b"\r\n", b"\x00", b"(nothing)"):
        assert read(raw).problem == "no From"


# ------------------------------------------------------------------------------------------- who wrote it


def test_of_several_from_headers_the_first_counts_and_it_is_told() -> None:
    message = read(b"From: Anna <anna@example.com>\r\nFrom: boss@example.org\r\n\r\n")
    assert people(message, *Role) == ["anna@example.com"]
    assert message.problem == "several From headers"


def test_of_several_authors_in_one_header_the_first_counts_and_it_is_told() -> None:
    message = read(b"From: anna@example.com, ben@example.com\r\nSender: ben@example.com\r\n\r\n")
    assert people(message, Role.FROM) == ["anna@example.com"]
    assert people(message, Role.SENDER) == ["ben@example.com"]
    assert message.problem == "several From addresses"


@pytest.mark.parametrize("broken", [b"", b"From:\r\n", b"From: undisclosed\r\n"])
def test_without_from_the_sender_is_the_author_and_else_the_return_path(broken: bytes) -> None:
    both = broken + b"Sender: Ben <ben@example.com>\r\nReturn-Path: <bounce@example.com>\r\n\r\n"
    assert people(read(both), Role.FROM) == ["ben@example.com"]
    assert people(read(broken + b"Return-Path: <bounce@example.com>\r\n\r\n"), Role.FROM) == ["bounce@example.com"]
    assert people(read(broken + b"Return-Path: <>\r\n\r\n"), Role.FROM) == []


def test_sender_and_reply_to_are_named_only_where_they_are_someone_else() -> None:
    same = b"From: Anna <anna@example.com>\r\nSender: ANNA@example.com\r\nReply-To: anna@example.com\r\n\r\n"
    other = b"From: anna@example.com\r\nSender: ben@example.com\r\nReply-To: anna@example.com, c@example.com\r\n\r\n"
    assert people(read(same), Role.SENDER, Role.REPLY_TO) == []
    assert people(read(other), Role.SENDER) == ["ben@example.com"]
    assert people(read(other), Role.REPLY_TO) == ["c@example.com"]


# ------------------------------------------------------------------------------------------- who got it


def test_all_to_and_cc_headers_count_and_each_address_once_for_each_role() -> None:
    message = read(b"From: a@x.example\r\nTo: b@x.example\r\nCc: c@x.example\r\nTo: B@x.example, d@x.example\r\n\r\n")
    assert people(message, Role.TO) == ["b@x.example", "d@x.example"]
    assert people(message, Role.CC) == ["c@x.example"]
    assert message.problem == ""


def test_a_quote_that_nothing_closes_ends_with_its_header() -> None:
    message = read(b'From: a@x.example\r\nTo: "b <b@x.example>\r\nTo: "c" <c@x.example>\r\n\r\n')
    assert people(message, Role.TO) == ["b@x.example", "c@x.example"]


def test_more_recipients_than_are_kept_are_told() -> None:
    to = ", ".join(f"r{n}@example.com" for n in range(400))
    cc = ", ".join(f"s{n}@example.com" for n in range(400))
    message = read(f"From: a@example.com\r\nTo: {to}\r\nCc: {cc}\r\n\r\n".encode())
    assert len(message.participants) == 500
    assert message.problem == "more than 500 participants"


def test_an_address_that_cannot_be_read_is_told_without_its_text() -> None:
    message = header("To", "ben@example.org, secret@@example.org")
    assert people(message, Role.TO) == ["ben@example.org"]
    assert message.problem == "unreadable address in To"


def test_a_header_that_is_too_long_is_cut_between_two_addresses() -> None:
    message = header("To", "<> ," * 16380 + "ben@example.org, carol@example.org, dave@example.org")
    assert people(message, Role.TO) == ["ben@example.org"]
    assert message.problem == "To cut"


# ------------------------------------------------------------------------------------------- ids

IDS = {
    "<a@example.com>": "a@example.com",
    "\r\n <a@example.com>": "a@example.com",
    "<a@exam\r\n ple.com>": "a@example.com",
    "<A@Example.com> (added by postmaster@example.com)": "A@Example.com",
    "a@example.com": "a@example.com",
    "<no-at-sign>": "no-at-sign",
    "no-at-sign": "no-at-sign",
    '<"01KF8JCEOCBS0045PS"@xxx.example>': "01KF8JCEOCBS0045PS@xxx.example",
    '<"a b"@xxx.example>': "ab@xxx.example",
    "<[abc d@x.example]>": "[abcd@x.example]",
    "<a\x00@example.com>": "a@example.com",
    "<ä@example.com>": "ä@example.com",
    "<" + "x" * 2000 + ">": "x" * 998,
    "": None,
    "<>": None,
    " < > ": None,
    "two words": None,
}


@pytest.mark.parametrize(("value", "expected"), IDS.items())
def test_a_message_id_is_read_without_brackets_blanks_and_needless_quotes(value: str, expected: str | None) -> None:
    assert header("Message-ID", value).message_id == expected


@pytest.mark.parametrize("name", ["X-Google-Original-Message-ID", "X-Microsoft-Original-Message-ID"])
def test_the_id_that_the_sender_gave_wins_over_the_one_of_a_relay(name: str) -> None:
    relayed = f"Message-ID: <relay@example.com>\r\n{name}: {{}}\r\n\r\n"
    assert read(relayed.format("<own@example.com>").encode()).message_id == "own@example.com"
    assert read(relayed.format("").encode()).message_id == "relay@example.com"


def test_in_reply_to_is_an_id_and_no_sentence() -> None:
    for value in ("Your message of Monday <a@example.com>", "<a@example.com> <b@example.com>", "a@example.com"):
        assert header("In-Reply-To", value).in_reply_to == "a@example.com"
    assert header("In-Reply-To", "Your message of Monday").in_reply_to is None


def test_of_a_long_thread_its_root_and_the_last_fifty_ids_are_kept() -> None:
    ids = [f"{n}@example.com" for n in range(200)]
    for form in (" <{}>", "<{}>", " {}"):
        assert header("References", "".join(map(form.format, ids))).references in ((ids[0], *ids[-50:]), ())
    assert header("References", " ".join(f"<{one}>" for one in ids)).references == (ids[0], *ids[-50:])
    assert header("References", " ".join(ids)).references == (ids[0], *ids[-50:])


# ------------------------------------------------------------------------------------------- text

SUBJECTS: dict[str | bytes, str] = {
    "=?utf-8?B?w6Rww6RsbMOkIDNyZA==?=": "äpällä 3rd",
    "a  b\t\r\n\tc": "a b c",
    "NUL\x00 and \x1b[31mred\x1b[0m": "NUL and [31mred[0m",
    "=?utf-8?Q?line=0D=0AFrom:_x@example.com?=": "line From: x@example.com",
    "pay \u202egnp.exe": "pay gnp.exe",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467": "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "ä raw utf-8": "ä raw utf-8",
    b"caf\xe9 in latin-1": "café in latin-1",
    b"\x93quoted\x94 by Windows": "“quoted” by Windows",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "x" * 1500: "x" * 1000,
    "": "",
}


@pytest.mark.parametrize(("value", "expected"), SUBJECTS.items())
def test_a_subject_is_one_clean_line(value: str | bytes, expected: str) -> None:
    assert header("Subject", value).subject == expected


def test_raw_letters_are_in_the_charset_that_the_mail_declares() -> None:
    raw = b"Content-Type: text/plain; charset=koi8-r\r\nSubject: \xf0\xd2\xc9\xd7\xc5\xd4\r\n\r\n"
    assert read(raw).subject == "Привет"
    assert read(raw.replace(b"koi8-r", b"../../etc/passwd")).subject == b"\xf0\xd2\xc9\xd7\xc5\xd4".decode("cp1252")


def test_what_tells_of_automation_is_kept_and_the_first_of_two_counts() -> None:
    raw = (
        b"Auto-Submitted: auto-replied\r\nAuto-Submitted: no\r\nReturn-Path: <>\r\nX-Autoreply:\r\nX-Mailer: x\r\n\r\n"
    )
    assert read(raw).headers == {"auto-submitted": "auto-replied", "return-path": "<>", "x-autoreply": ""}


def test_a_header_named_like_an_attribute_has_no_effect() -> None:
    message = read(b"__class__: x\r\n__proto__: y\r\nsubject: real\r\nid: 9\r\nproblem: none\r\n\r\n")
    assert (message.subject, message.id, message.headers) == ("real", "7.1", {})


def test_the_text_that_exchange_puts_in_place_of_a_mail_is_told_from_mail() -> None:
    stand_in = "Retrieval using the IMAP4 protocol failed for the following message: 1234"
    assert is_stand_in(header("Subject", stand_in))
    assert not is_stand_in(header("Subject", f"Re: {stand_in}"))


def test_a_date_that_is_none_is_told() -> None:
    message = header("Date", "soon")
    assert message.sent_at is None
    assert message.problem == "Date unreadable"
    assert header("Date", "").problem == ""


# ------------------------------------------------------------------------------------------- the two ways

NAMES = st.sampled_from([*HEADER_FIELDS, "From", "to", "X-Other"])
VALUES = st.lists(
    st.sampled_from(
        [
            *(
                "anna@example.com",
                "Anna <anna@example.com>",
                '"E, A" <a@example.com>',
                ", ",
                ";",
                " ",
                "  ",
                "<a@b.example>",
            ),
            *(
                "Mon, 23 Nov 2026 10:05:07 +0100",
                "=?utf-8?q?=C3=A4=2C?=",
                "=?",
                '"',
                "(",
                ":",
                "\r\n ",
                "\r\n\t",
                "Re: x",
            ),
        ]
    ),
    max_size=5,
).map("".join)


def by_the_package(raw: bytes) -> Message:
    """What the email package splits."""
    fields = [(name, str(value)) for name, value in email.message_from_bytes(raw).items()]
    return message_from_fields(fields, id=ItemId("7.1"), received_at=RECEIVED, size=2048, folders=("INBOX",))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_a_block_is_split_as_the_email_package_splits_it(fields: list[tuple[str, str]]) -> None:
    # A line of blanks only continues a header for us and the RFC, and ends the block for the email package.
    lines = [f"{name}: {value}".replace("\r\n \r\n", "\r\n").rstrip() for name, value in fields]
    block = "\r\n".join(line for line in lines if "\r\n\r\n" not in line)
    raw = (block + "\r\n\r\n").encode()
    assert read(raw) == by_the_package(raw)


# Pieces of header blocks: most come out wrong in one way or other, some as they should.
LINES = st.sampled_from(["Subject: x", "To: <a@x.example>", "Date: y", "List-Id: z", "LIST-ID: z", "Cc:", "Bcc: "])
PIECES = st.sampled_from(
    ["Sender", ": ", ":", "x", "X-Odd: y", " ", "\t", "\n", "\r", "\r\n", "\r\n ", "\x00", "ä", "\x85"]
)
BLOCKS = st.lists(st.builds("{}\r\n".format, LINES) | LINES | PIECES, max_size=8).map("".join)


@given(BLOCKS | BLOCKS.map("{}\r\n".format))
def test_the_short_way_splits_a_block_as_the_careful_one_does(block: str) -> None:
    plain, fields = plain_fields(block), careful_fields(block)
    assert plain is None or plain == {name.lower(): value.strip() for name, value in fields}
    assert plain is None or len(plain) == len(fields)


def test_the_short_way_takes_a_block_that_is_spelled_as_usual() -> None:
    plain = plain_fields("Message-ID: <a@x.example>\r\nSubject: so\r\n\tlong\r\nlist-id: b\r\n\r\n")
    assert plain == {"message-id": "<a@x.example>", "subject": "so long", "list-id": "b"}


@given(
    st.lists(
        st.sampled_from(["<a@x.example>", '<"a"@x.example>', "<a b>", "<", ">", " ", "c@x.example", "\x00", "ä"])
    ).map("".join)
)
def test_ids_are_the_same_by_the_short_way_and_the_careful_one(value: str) -> None:
    careless = header("References", f"<first> {value}").references
    assert careless == header("References", f"<first> {value} < >").references  # an empty id is never plain


@given(st.binary(max_size=400) | st.lists(st.tuples(NAMES, st.binary(max_size=60)), max_size=6))
def test_whatever_the_bytes_are_a_clean_message_comes_out(given_: bytes | list[tuple[str, bytes]]) -> None:
    raw = given_ if isinstance(given_, bytes) else b"".join(b"%b: %b\r\n" % (n.encode(), v) for n, v in given_)
    message = read(raw)
    texts = [message.subject, message.message_id or "", *message.references, *message.headers.values()]
    texts += [text for one in message.participants for text in (one.address, one.name)]
    assert not any(character < " " or "\ud800" <= character <= "\udfff" for text in texts for character in text)
    assert message == read(raw)
