"""Address headers as mail programs write them, and as someone writes them who wants to be taken for another."""

from __future__ import annotations

from email.utils import formataddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mime_address import MAX_ADDRESSES, addresses, careful_addresses, plain_addresses

ODD = {
    # lists that email.utils.getaddresses answers with nobody at all (python/cpython#122600)
    "a@example.com, b@example.com,": ["a@example.com", "b@example.com"],
    ", a@example.com,, b@example.com": ["a@example.com", "b@example.com"],
    "a@example.com; b@example.com;": ["a@example.com", "b@example.com"],
    "a@example.com <a@example.com>": ["a@example.com"],
    "a@example.com a@example.com": ["a@example.com"],
    "a@example.com\tb@example.com": ["a@example.com", "b@example.com"],
    "A@Example.com, a@example.COM": ["A@Example.com"],
    "joe@example.com (Joe, of sales)": ["joe@example.com"],
    # which of two is meant
    "joe@first.example <joe@second.example>": ["joe@second.example"],
    '"ceo@example.com" <x@evil.example>': ["x@evil.example"],
    "joe@first.example <>": ["joe@first.example"],
    "Joe joe@example.com": ["joe@example.com"],
    # neither of two: CVE-2023-27043 and its family
    "alice@example.org)bob@example.com": [],
    "alice@example.org]bob@example.com": [],
    "a@b@example.com": [],
    "<alice@example.org> <bob@example.com>": ["alice@example.org", "bob@example.com"],
    # groups (RFC 5322 section 3.4)
    "undisclosed-recipients:;": [],
    "Team: a@example.com, Ben <b@example.com>; c@example.org": ["a@example.com", "b@example.com", "c@example.org"],
    # obsolete syntax (RFC 5322 section 4.4 and appendix A.6)
    "<@relay.example,@other.example:joe@example.com>": ["joe@example.com"],
    "joe @ example . com": ["joe@example.com"],
    "Mary <mary @ example.net (home)>": ["mary@example.net"],
    "Pete(A nice \\) chap) <pete(his (own) account)@silly.example(his host)>": ["pete@silly.example"],
    # quoted local parts
    '"joe smith"@example.com': ['"joe smith"@example.com'],
    '"joe"@example.com': ["joe@example.com"],
    '<"joe, <the> smith"@example.com>': ['"joe, <the> smith"@example.com'],
    # what nothing closes
    "<joe@example.com, ann@example.com": ["joe@example.com", "ann@example.com"],
    '"Joe <joe@example.com>, ann@example.com': ["joe@example.com", "ann@example.com"],
    "Joe (of sales <joe@example.com>": ["joe@example.com"],
    # no addresses
    "": [],
    "<>": [],
    "MAILER-DAEMON": [],
    "joe@": [],
    "@example.com": [],
    "joe@.example.com": [],
    "joe@example..com": [],
    "joe@exam\x00ple.com": [],
    "<joe smith@example.com>": [],
    "j" * 300 + "@example.com": ["j" * 300 + "@example.com"],
    "j" * 400 + "@example.com": [],
    "/O=EXAMPLE/OU=SITE/CN=RECIPIENTS/CN=JOE": [],
    # an encoded-word makes no address (RFC 2047 section 5(3))
    "=?utf-8?q?joe=40example.com?=": [],
    "=?utf-8?q?joe?=@example.com": [],
    "<=?utf-8?q?joe=40evil.example?=>": [],
    "=?utf-8?q?x=40evil.example=2C?= <joe@example.com>": ["joe@example.com"],
    "=?utf-8?q?Joe_=3Cx=40evil.example=3E=2C?= <joe@example.com>": ["joe@example.com"],
    # other spellings of an address
    "joe@example.com.": ["joe@example.com"],
    "joe@[192.0.2.1]": ["joe@[192.0.2.1]"],
    "joe@[IPv6:2001:db8::1]": ["joe@[IPv6:2001:db8::1]"],
    "<mailto:joe@example.com>": ["joe@example.com"],
    "bounce+joe=example.com@example.org": ["bounce+joe=example.com@example.org"],
    "jöe@exämple.com": ["jöe@exämple.com"],
    "joe@localhost": ["joe@localhost"],
}


@pytest.mark.parametrize(("value", "expected"), ODD.items())
def test_odd_headers_give_the_addresses_that_were_meant(value: str, expected: list[str]) -> None:
    assert [address for _, address in addresses(value).mailboxes] == expected


NAMES = {
    "Anna Example <anna@example.com>": "Anna Example",
    '"Example, Anna" <anna@example.com>': "Example, Anna",
    '"Anna \\"the\\" Example" <anna@example.com>': 'Anna "the" Example',
    "'Anna' <anna@example.com>": "Anna",
    "Anna O'Example <anna@example.com>": "Anna O'Example",
    "anna@example.com (Anna Example)": "Anna Example",
    "anna@example.com <anna@example.com>": "",
    "Anna anna@example.com": "Anna",
    "Anna\t \tExample <anna@example.com>": "Anna Example",
    "Anna\x00\x1b[31m <anna@example.com>": "Anna[31m",
    "\u202eanna <anna@example.com>": "anna",
    "=?utf-8?B?SsO8cmdlbg==?= <anna@example.com>": "Jürgen",
    '"=?utf-8?B?SsO8cmdlbg==?=" <anna@example.com>': "Jürgen",
    "=?utf-8?Q?Example=2C_Anna?= <anna@example.com>": "Example, Anna",
    "=?utf-8?Q?Example, Anna?= <anna@example.com>": "Example, Anna",
    "=?iso-8859-1?q?J=FCrgen?= =?iso-8859-1?q?_Example?= <anna@example.com>": "Jürgen Example",
    "Team: Anna <anna@example.com>;": "Anna",
    "A" * 300 + " <anna@example.com>": "A" * 255,
}


@pytest.mark.parametrize(("value", "expected"), NAMES.items())
def test_names_are_decoded_after_the_addresses_were_split(value: str, expected: str) -> None:
    assert addresses(value).mailboxes == ((expected, "anna@example.com"),)


def test_what_has_an_at_sign_and_is_no_address_is_told() -> None:
    assert addresses("anna@example.com, a@b@example.com").unreadable
    assert not addresses("anna@example.com, undisclosed recipients").unreadable


def test_more_addresses_than_are_kept_are_told() -> None:
    many = ", ".join(f"a{n}@example.com" for n in range(MAX_ADDRESSES + 1))
    for read in (addresses(many), addresses(many.replace(",", ";"))):
        assert read.cut
        assert len(read.mailboxes) == MAX_ADDRESSES
    assert not addresses(many.partition(", ")[2]).cut


# Pieces that an address header is made of, joined at random: nearly always hostile, quite often nearly plain.
PIECES = st.sampled_from(
    [
        *('"', "'", "<", ">", "(", ")", "[", "]", ",", ", ", ";", ":", "@", ".", "\\", "=", " ", "  ", "\t", "\x00"),
        *("Anna", "anna", "a@example.com", "<b@example.org>", "Ben Example <c@d.example>", '"E, F" <g@h.example>'),
        *("example.com", "=?utf-8?q?a=40b=2C?=", "=?", "?=", "mailto:", "ä", "\ufffd", "\ud800", "j" * 65, "k" * 260),
    ]
)
HEADERS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=40)
LISTS = st.lists(
    st.builds(
        lambda name, local, form: form.format(name, local),
        st.text("aB .&/+-_'@é", max_size=6),
        st.text("aB._+-/%&=", min_size=1, max_size=6),
        st.sampled_from(
            [
                *("{0} <{1}@example.com>", '"{0}" <{1}@example.com>', "{1}@x-y.example", "<{1}@example.org>"),
                *("=?utf-8?Q?{0}?= <{1}@example.com>", "=?utf-8?b?{0}?= =?x?q?_{0}?=<{1}@example.com>"),
                *("=?utf-8?q?{0}?={0}<{1}@example.com>", '"=?utf-8?q?{0}?=" <{1}@example.com>'),
            ]
        ),
    ),
    max_size=4,
).flatmap(lambda boxes: st.sampled_from([", ", ",", ", , ", " ,"]).map(lambda comma: comma.join(boxes)))


@given(HEADERS | LISTS)
def test_the_short_way_gives_what_the_careful_one_gives(value: str) -> None:
    plain = plain_addresses(value)
    assert plain is None or plain == careful_addresses(value)


NEARLY_PLAIN = [
    *('"Anna  Example" <a@x.example>', "Anna  Example <a@x.example>", '" Anna" <a@x.example>', '"Anna " <a@x.example>'),
    *(
        "'Anna' <a@x.example>",
        "\"'Anna'\" <a@x.example>",
        '"Anna=?" <a@x.example>',
        '"" <a@x.example>',
        "Anna <A@x.example>",
    ),
    *("a@x.example>", "<a@x.example", "Anna a@x.example>", '"a@x.example" <a@x.example>', "a@x.example <a@x.example>"),
    *("Anna.<a@x.example>", '"Anna"<a@x.example>', "Anna <a@x.example> ,b@x.example", "Anna,<a@x.example>"),
    *(
        "a@x..example",
        "a.@x.example",
        ".a@x.example",
        "a@x.example.",
        "a@-x.example",
        "a@x",
        "a@x.example,",
        ",a@x.example",
    ),
    *(
        "Anna: <a@x.example>",
        "(Anna) <a@x.example>",
        "Anna (x) <a@x.example>",
        "Anna\t<a@x.example>",
        "Anna\x7f <a@x.example>",
    ),
    *("A" * n + " <a@x.example>" for n in (255, 256)),
    *("a" * n + "@x.example" for n in (64, 65, 320)),
    "a@" + ".".join(["x" * 40] * 6),
    "a@" + ".".join(["x" * 40] * 8),
]


@pytest.mark.parametrize("value", NEARLY_PLAIN)
def test_what_is_nearly_plain_is_read_alike_by_both(value: str) -> None:
    bare, bracketed = "b@y.example", '"Y, Ben" <b@y.example>'
    for other in (bare, bracketed):
        for one in (value, f"{value}, {other}", f"{other}, {value}", f"{other}, {value}, {other}, <a@x.example>"):
            assert addresses(one) == careful_addresses(one)


def test_the_short_way_takes_what_most_mail_has() -> None:
    for value in (
        "anna@example.com",
        "Anna E. <anna@example.com>",
        '"E, A" <a@example.com>, <b@example.com>',
        "=?utf-8?q?J=C3=B6rg?= =?utf-8?b?w4Q=?= <j@example.com>",
    ):
        assert plain_addresses(value) is not None


@given(HEADERS | LISTS)
def test_whatever_is_given_only_whole_and_clean_addresses_come_out(value: str) -> None:
    for name, address in addresses(value).mailboxes:
        local, _, domain = address.rpartition("@")
        assert local
        assert domain.strip(".") == domain != ""
        assert address.isprintable()
        assert "=?" not in address
        assert local.startswith('"') or not set(local) & set(' "(),:;<>@[]\\')
        assert name == " ".join(name.split())
        assert not any("\ud800" <= character <= "\udfff" or character < " " for character in name)


@given(
    st.lists(st.tuples(st.text("Annaéß ,.'()@", max_size=12), st.from_regex(r"[a-z]{1,8}", fullmatch=True)), max_size=5)
)
def test_what_a_mail_program_formats_is_read_back(boxes: list[tuple[str, str]]) -> None:
    wanted = [f"{local}@example.com" for _, local in boxes]
    value = ", ".join(formataddr((name, address)) for (name, _), address in zip(boxes, wanted, strict=True))
    assert [address for _, address in addresses(value).mailboxes] == list(dict.fromkeys(wanted))
