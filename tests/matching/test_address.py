"""Two spellings of one address have one key, and no text makes the key raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.address import FREE_MAIL, domain_key, domain_of, key, within

AWKWARD = st.text(st.sampled_from('aZß.+@"\\<>, \t\r\n\0[]xn-ü。‌\u200b\ufeff\ud800İ\u03c3\u03c2❤0'), max_size=30)
HOSTILE = st.one_of(st.text(max_size=60), AWKWARD, st.builds("{}@{}".format, AWKWARD, AWKWARD))
PLAIN = st.builds(
    "{}@{}.example".format,
    st.text("abcxyzäéøñ0123456789._-", min_size=1, max_size=20),
    st.text("abcxyzäéøñ", min_size=1, max_size=20),
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane.Doe@Example.COM", "jane.doe@example.com"),
        ("jane+news@example.com", "jane@example.com"),
        ("jane+a+b@example.com", "jane@example.com"),
        (" jane@example.com\t", "jane@example.com"),
        ("jane@example.com.", "jane@example.com"),
        ('"jane"@example.com', "jane@example.com"),
        ("ja\u200bne@example.com\ufeff", "jane@example.com"),
        ("j.a.n.e+x@gmail.com", "jane@gmail.com"),
        ("Jane@googlemail.com", "jane@gmail.com"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@BÜCHER.example", "jane@XN--BCHER-KVA.example"),
        ("jane@bu\u0308cher.example", "jane@bücher.example"),
        ("jane@bücher\u3002example", "jane@bücher.example"),
        ("jane@i❤.example", "jane@xn--i-7iq.example"),
        ("JOSÉ@example.com", "jose\u0301@example.com"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jane.doe@example.com", "janedoe@example.com"),
        ("jane@example.com", "jane@mail.example.com"),
        ("+a@example.com", "+b@example.com"),
        ("...@gmail.com", "....@gmail.com"),
        ("jane@straße.example", "jane@strasse.example"),
    ],
)
def test_two_addresses_keep_two_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "jane",
        "jane@",
        "@example.com",
        "a@b@example.com",
        "jane@exam ple.com",
        "jane@example..com",
        "undisclosed-recipients:;",
        "mailto:jane@example.com",
        "=?utf-8?q?jane=40example.com?=",
        '"jane@example.com" <joe@example.com>',
        "jane\0@example.com",
        "jane@example.com\ud800",
        "x" * 2000 + "@example.com",
    ],
)
def test_what_is_no_address_has_no_key(text: str) -> None:
    assert key(text) == ""


@given(HOSTILE)
def test_a_key_never_raises_and_is_its_own_key(text: str) -> None:
    assert key(key(text)) == key(text)


@given(HOSTILE)
def test_a_key_can_be_stored(text: str) -> None:
    assert key(text).isprintable()
    key(text).encode()


@given(PLAIN)
def test_upper_case_makes_no_other_address(address: str) -> None:
    assert key(address.upper()) == key(address.title()) == key(address)


@given(PLAIN, st.text("abc+.-0", max_size=10))
def test_a_tag_makes_no_other_address(address: str, tag: str) -> None:
    local, _, domain = address.partition("@")
    assert key(f"{local}+{tag}@{domain}") == key(address)


@given(HOSTILE)
def test_the_domain_of_a_key_is_a_domain_key(text: str) -> None:
    domain = domain_of(key(text))
    assert domain.startswith(("www.", "[")) or domain_key(domain) == domain


@given(HOSTILE)
def test_a_domain_key_never_raises_and_is_its_own_key(text: str) -> None:
    assert domain_key(domain_key(text)) == domain_key(text)


@pytest.mark.parametrize(
    "written",
    [
        "example.com",
        "Example.COM.",
        "@example.com",
        "*@example.com",
        "*.example.com",
        "www.example.com",
        "https://www.example.com/about?x=1",
        "http://example.com:8080",
    ],
)
def test_a_domain_may_be_written_as_people_write_it(written: str) -> None:
    assert domain_key(written) == "example.com"


@pytest.mark.parametrize("written", ["", "jane@example.com", "not a domain", "..", "http://"])
def test_what_is_no_domain_has_no_key(written: str) -> None:
    assert domain_key(written) == ""


def test_both_domains_of_gmail_are_one() -> None:
    assert domain_key("@googlemail.com") == domain_of(key("jane@googlemail.com")) == "gmail.com"


@pytest.mark.parametrize("domain", ["example.com", "mail.example.com", "a.b.example.com"])
def test_a_sub_domain_is_within_its_domain(domain: str) -> None:
    assert within(domain, {"example.com"})


@pytest.mark.parametrize("domain", ["com", "anexample.com", "example.com.evil.test", ""])
def test_a_look_alike_is_not_within_a_domain(domain: str) -> None:
    assert not within(domain, {"example.com"})


def test_free_mail_domains_are_written_as_their_keys() -> None:
    assert {domain_key(domain) for domain in FREE_MAIL} == FREE_MAIL
