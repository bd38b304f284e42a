"""Bodies, whole and cut, in any structure and encoding, and the text that was new in them."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.text import TEXT_LIMIT, new_text
from connectors.text_parts import careful_part, opening_text, plain_part, walked

PLAIN = "text/plain; charset=utf-8"


def multipart(*parts: str, kind: str = "mixed") -> tuple[bytes, str]:
    """A body of these parts, each with its headers, and its Content-Type."""
    body = "".join(f"--sep\r\n{part}\r\n" for part in parts) + "--sep--\r\n"
    return body.encode(), f'multipart/{kind}; boundary="sep"'


def part(content_type: str, text: str, *more: str) -> str:
    return "\r\n".join([f"Content-Type: {content_type}", *more, "", text])


def new(*parts: str, kind: str = "mixed") -> str | None:
    return new_text(*multipart(*parts, kind=kind), "7bit")


# ------------------------------------------------------------------------------------------- which part


def test_a_body_without_parts_is_its_text() -> None:
    assert new_text(b"hello\r\n", PLAIN, "7bit") == "hello"
    assert new_text(b"hello\r\n", "", "") == "hello"
    assert new_text(b"hello\r\n", "text", "") == "hello"


def test_plain_text_is_preferred_to_html() -> None:
    html, plain = part("text/html", "<p>html</p>"), part("text/plain", "plain")
    assert new(plain, html, kind="alternative") == "plain"
    assert new(html, plain, kind="alternative") == "plain"
    assert new(html, kind="alternative") == "html"


def test_a_blank_plain_text_gives_way_to_html() -> None:
    assert new(part("text/plain", " \r\n"), part("text/html", "<p>html</p>"), kind="alternative") == "html"


def test_a_text_behind_the_html_of_a_mixed_mail_is_a_footer() -> None:
    assert new(part("text/html", "<p>html</p>"), part("text/plain", "a list's footer")) == "html"
    inner = (
        "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n" + part("text/html", "html") + "\r\n--in--"
    )
    assert new(inner, part("text/plain", "a list's footer")) == "html"


def test_text_is_found_at_any_honest_depth() -> None:
    body, kind = multipart(part("text/plain", "deep"), kind="alternative")
    for level in range(20):
        body = f"--b{level}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + f"--b{level}--\r\n".encode()
        kind = f"multipart/mixed; boundary=b{level}"
    assert new_text(body, kind, "") == "deep"


def test_attached_texts_and_forwarded_mails_are_not_the_text() -> None:
    attached = part("text/plain", "attached", "Content-Disposition: attachment")
    named = part("text/plain", "named", 'Content-Disposition: inline; filename="notes.txt"')
    forwarded = part("message/rfc822", "Subject: x\r\n\r\nforwarded")
    assert new(attached, named, forwarded, part("text/plain", "mine")) == "mine"
    assert new(attached, named, forwarded) == ""
    assert new("\r\nSubject: x\r\n\r\nforwarded", kind="digest") == ""


def test_a_mail_without_text_has_an_empty_one() -> None:
    assert new_text(b"%PDF-1.7", "application/pdf", "base64") == ""
    assert new(part("image/png", "x")) == ""
    assert new() == ""


def test_a_part_without_headers_is_plain_text() -> None:
    assert new("\r\nhello") == "hello"
    assert new("Content-Type:\r\n\r\nhello") == "hello"
    assert new("junk\r\n\r\nhello") == "hello"


def test_a_delimiter_is_a_whole_line() -> None:
    assert (
        new(part("text/plain", "a\r\n--separate\r\n--sep x\r\n b --sep\r\nc")) == "a\n--separate\n--sep x\n b --sep\nc"
    )


def test_an_outer_delimiter_ends_what_was_left_open_within() -> None:
    inner = "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n" + part("text/html", "<p>html</p>")
    assert new(inner, part("text/plain", "later")) == "html"


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed; boundary=separator",
        'multipart/mixed; boundary="separator"',
        "MULTIPART/Mixed; charset=x; BOUNDARY = separator",
        "multipart/mixed; boundary*=us-ascii'en'separator",
        'multipart/mixed; boundary*0="sepa"; boundary*1="rator"',
        "multipart/mixed",
        "multipart/mixed; boundary=wrong",
    ],
)
def test_the_boundary_is_read_in_every_spelling_and_else_from_the_body(content_type: str) -> None:
    body = b"preamble\r\n--separator\r\nContent-Type: text/plain\r\n\r\nhello\r\n--separator--\r\nepilogue\r\n"
    assert new_text(body, content_type, "") == "hello"
    assert new_text(body.replace(b"\r\n", b"\n"), content_type, "") == "hello"


def test_a_multipart_that_has_no_parts_is_text() -> None:
    assert new_text(b"Hello,\r\n-- \r\nAnna\r\n", "multipart/mixed; boundary=none", "") == "Hello,"


# ------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("quoted-printable", b"gr=C3=BCn, soft=\r\n line"),
        ("Quoted-Printable ", b"gr=C3=BCn, soft=\r\n line"),
        ("base64", b"Z3LD\r\nvG4sIHNvZnQgbGluZQ==\r\n"),
        ("BASE64", b"Z3LDvG4sIHNvZnQgbGluZQ"),
        ("8bit", "grün, soft line".encode()),
        ("x-unknown", "grün, soft line".encode()),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, data: bytes) -> None:
    assert new_text(data, PLAIN, encoding) == "grün, soft line"


def test_what_follows_the_end_of_base64_is_not_decoded() -> None:
    assert new_text(b"aGVsbG8=\r\n-- \r\nA list's footer\r\n", PLAIN, "base64") == "hello"


def test_a_text_is_clean_and_has_one_kind_of_line_end() -> None:
    assert new_text(b"a\x00b\x1b[1m\r\nc\rd\x0be\tf\xe2\x80\xa8g", PLAIN, "8bit") == "ab[1m\nc\nd\ne\tf\ng"
    assert new_text(b"+2AA-x", "text/plain; charset=utf-7", "") == "x"


def test_a_long_text_is_cut_at_the_limit() -> None:
    assert len(new_text(b"a" * 1_000_000, PLAIN, "") or "") == TEXT_LIMIT


# ------------------------------------------------------------------------------------------- cut bodies


def test_a_body_that_ends_before_its_text_asks_for_more() -> None:
    picture = part("image/png", "x" * 1000)
    body, content_type = multipart(picture, part("text/plain", "hello"))
    assert new_text(body[:500], content_type, "") is None
    assert new_text(body[: body.index(b"hello") - 10], content_type, "") is None
    assert new_text(body, content_type, "") == "hello"


TEXTS = st.lists(st.text("abä€😀 .,", min_size=1, max_size=30).map(str.strip).filter(bool), min_size=1, max_size=4)


@given(TEXTS, st.sampled_from(["quoted-printable", "base64", "8bit"]), st.booleans(), st.integers(0, 1000))
def test_a_body_cut_anywhere_gives_a_beginning_of_its_text(
    lines: list[str], encoding: str, html: bool, cut: int
) -> None:
    text = "\n".join(lines)
    mail = EmailMessage(policy=SMTP)
    mail.set_content(text, cte=encoding)
    mail.add_alternative("<p>html</p>", subtype="html")
    if html:
        mail.add_attachment(b"x" * 50, maintype="image", subtype="png")
    body = mail.as_bytes().partition(b"\r\n\r\n")[2]
    assert new_text(body, mail["content-type"], "") == text
    beginning = new_text(body[:cut], mail["content-type"], "")
    assert beginning is None or text.startswith(beginning.rstrip("\ufffd")) or cut < body.index(b"html")


SIGNED = b"Three.\r\n-- \r\nAnna Example\r\n"
ANSWER = b"For you.\r\n\r\n" + b"_" * 32 + b"\r\nFrom: Ben\r\nSent: 23 November 2026 10:00\r\nTo: Anna\r\n\r\nold"
FOOTED = b"Three.\r\n" + b"_" * 40 + b"\r\nOffers mailing list\r\nhttps://lists.example.com/offers\r\n"


@pytest.mark.parametrize(("body", "text"), [(SIGNED, "Three."), (ANSWER, "For you.")])
def test_a_cut_text_that_ends_within_needs_no_more(body: bytes, text: str) -> None:
    assert new_text(body, PLAIN, "", cut=True) == text


@pytest.mark.parametrize("body", [b"Three.\r\n", b"Three.\r\n\r\n--", b"> old\r\nThree.\r\n> old\r\n", FOOTED])
def test_a_cut_text_that_may_go_on_asks_for_more(body: bytes) -> None:
    """Quoted mail may be answered below; `--` may be the beginning of a line; a footer has nothing behind it."""
    assert new_text(body, PLAIN, "", cut=True) is None
    assert new_text(body, PLAIN, "")


def test_cut_html_asks_for_more() -> None:
    assert new_text(b"<p>Three.</p>", "text/html", "", cut=True) is None
    body, content_type = multipart(part("text/html", "<p>Three.</p>"), kind="alternative")
    assert new_text(body, content_type, "", cut=True) == "Three."


@pytest.mark.parametrize(
    "kind", ["multipart/alternative", "multipart/mixed", "multipart/", "multipart/x-y", "text/plain"]
)
@pytest.mark.parametrize("blank", ["", " ", "  "])
@pytest.mark.parametrize(
    "boundary", ['"b"', "b", '""', '" b "', '"b";charset=x', '"a\\"b"', '"a\\\\b"', '"*"', '"b', '"é;"']
)
def test_what_most_mail_says_of_its_parts_is_read_alike_in_both_ways(kind: str, blank: str, boundary: str) -> None:
    for content_type in (f"{kind};{blank}boundary={boundary}", f"{kind.upper()};{blank}boundary={boundary}"):
        plain = plain_part(content_type, " 7BIT ")
        assert plain is None or plain == careful_part(content_type, " 7BIT ", "")
    assert plain_part('multipart/mixed; boundary="b"', "") is not None


PIECES = [b"--b", b"--b", b"--b--", b"--b \t", b"--bb", b"--b-", b"", b"", b"text", b" ", b"--", b"--b" + b" " * 260]
PIECES += [b"Content-Type: text/plain", b"Content-Type: text/html", b"Content-Disposition: attachment"]
PIECES += [b'Content-Type: multipart/mixed; boundary="c"', b"Content-Type: message/rfc822", b"X: " + b"x" * 250]
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])


@given(
    st.lists(st.tuples(st.sampled_from(PIECES), ENDS).map(b"".join), max_size=9).map(b"".join),
    st.sampled_from([b"b", b"b", b"b ", b"b\nc", b"-", b""]),
    st.sampled_from(["multipart/mixed", "multipart/alternative", "multipart/digest"]),
)
@example(b"--b\r\n\r\n--b--\r\n--b\r\n--\r\n\r\ntext--b-\r\n", b"b", "multipart/mixed")
def test_a_body_that_begins_with_its_text_is_read_alike_in_both_ways(body: bytes, boundary: bytes, media: str) -> None:
    for whole in (body, b"--b\r\nContent-Type: text/plain\r\n\r\n" + body):
        opening = opening_text(whole, boundary, media)
        assert opening is None or opening == walked(whole, boundary, media)


def test_most_bodies_begin_with_their_text() -> None:
    assert opening_text(b"--b\r\n\r\nhello\r\n--b--\r\n", b"b", "multipart/mixed") is None  # it has no headers
    for cut in (18, 0):
        body = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hello"
        found = opening_text(body[: len(body) - cut], b"b", "multipart/alternative")
        assert found is not None
        assert found.plain is not None
        assert found.plain.data == b"hello\r"


LINES = ["", "Grüße", "a: b", "--", "-- ", "> old", "_" * 40, "https://example.com/", "On 1 May 2026 Ben wrote:"]
LINES.append("From: Ben <ben@example.com>\nSent: 23 November 2026 10:00\nTo: Anna\n")


@given(
    st.lists(st.sampled_from(LINES), max_size=12).map("\n".join),
    st.sampled_from(["quoted-printable", "base64", "8bit"]),
    st.booleans(),
    st.integers(0, 600),
)
def test_what_a_cut_body_gives_is_what_the_whole_one_gives(text: str, encoding: str, html: bool, size: int) -> None:
    mail = EmailMessage(policy=SMTP)
    mail.set_content(text, cte=encoding)
    if html:
        mail.add_alternative("<p>html</p>", subtype="html")
    body = mail.as_bytes().partition(b"\r\n\r\n")[2]
    content_type, encoding = str(mail["content-type"]), str(mail["content-transfer-encoding"] or "")
    beginning = new_text(body[:size], content_type, encoding, cut=True)
    assert beginning is None or beginning == new_text(body, content_type, encoding)


@given(
    st.binary(max_size=300),
    st.sampled_from([PLAIN, "text/html", "multipart/mixed; boundary=a"]),
    st.sampled_from(["", "base64", "quoted-printable"]),
)
def test_no_body_makes_it_fail(body: bytes, content_type: str, encoding: str) -> None:
    text = new_text(body, content_type, encoding)
    assert text is None or text.encode().count(b"\x00") == 0
