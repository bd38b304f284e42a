"""A multistatus as values, whatever a server puts in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.caldav_xml import DAV, NotDav, multistatus, propfind, sync_collection

ETAG = f"{DAV}getetag"


def answer(inner: str, head: str = '<?xml version="1.0" encoding="utf-8"?>') -> bytes:
    return f'{head}<d:multistatus xmlns:d="DAV:">{inner}</d:multistatus>'.encode()


def response(inner: str, href: str = "/a") -> str:
    return f"<d:response><d:href>{href}</d:href>{inner}</d:response>"


FOUND = "<d:propstat><d:prop><d:getetag>1</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"


def test_a_row_has_the_properties_that_were_found() -> None:
    missing = FOUND.replace("200 OK", "404 Not Found").replace("getetag", "displayname")
    (row,) = multistatus(answer(response(FOUND + missing))).rows
    assert (row.href, row.status, row.text(ETAG), [*row.properties]) == ("/a", 0, "1", [ETAG])


def test_a_property_without_a_status_is_taken_for_found() -> None:
    (row,) = multistatus(answer(response("<d:propstat><d:prop><d:getetag>1</d:getetag></d:prop></d:propstat>"))).rows
    assert row.text(ETAG) == "1"


def test_one_status_may_stand_for_several_paths() -> None:
    inner = response("<d:href>/b</d:href><d:status>HTTP/1.1 404 Not Found</d:status>")
    assert [(row.href, row.status) for row in multistatus(answer(inner)).rows] == [("/a", 404), ("/b", 404)]


@pytest.mark.parametrize("token", ["0", "http://example.com/ns/sync/1", " 5 "])
def test_any_text_is_a_token(token: str) -> None:
    assert multistatus(answer(f"<d:sync-token>{token}</d:sync-token>")).token == token.strip()
    assert f"<d:sync-token>{token}</d:sync-token>".encode() in sync_collection(token)


def test_what_is_asked_is_escaped() -> None:
    assert b"<d:sync-token>&lt;&amp;</d:sync-token>" in sync_collection("<&")
    assert b"<d:prop><d:getetag/></d:prop>" in propfind([ETAG])


@pytest.mark.parametrize("odd", ["\x00", "\x07", "\x1f", "&#0;", "&#7;", "&#x1F;", "&#11;", "\ufffe"])
def test_what_xml_forbids_is_passed_over(odd: str) -> None:
    (row,) = multistatus(answer(response(FOUND.replace(">1<", f">1{odd}<")))).rows
    assert row.text(ETAG) == "1"


def test_what_xml_allows_is_kept() -> None:
    (row,) = multistatus(answer(response(FOUND.replace(">1<", ">a&#9;b&#x26;&#13;c<")))).rows
    assert row.text(ETAG) == "a\tb&\rc"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_documents_come_in_several_encodings(encoding: str) -> None:
    named = {"latin-1": "iso-8859-1", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    document = answer(response(FOUND.replace(">1<", ">ü<")), f'<?xml version="1.0" encoding="{named}"?>').decode()
    (row,) = multistatus(document.encode(encoding)).rows
    assert row.text(ETAG) == "ü"


BOMB = '<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<d:multistatus xmlns:d='DAV:'>",
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b"<html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"<multistatus/>",
        answer(response("&b;"), BOMB),
        answer("", '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        answer("<d:a/>" * 2_000_001),
        b'<?xml version="1.0" encoding="cp037"?>' + answer("", BOMB).decode().encode("cp037"),
    ],
    ids=["nothing", "json", "cut", "html", "xhtml", "no namespace", "entities", "file", "too many", "disguised"],
)
def test_what_is_no_multistatus_is_never_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(NotDav):
        multistatus(body)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for each in (body, answer("") + body, answer(response(FOUND)).replace(b"1", body)):
        try:
            multistatus(each)
        except NotDav:
            continue
