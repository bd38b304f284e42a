"""The client against a server on the loopback address that answers with the very bytes that a test gives it."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from connectors.http import Client, Response, TooLarge
from connectors.places import Place, place
from syncd.errors import Permanent, Retryable
from tests.servers.raw_http import HANG_UP, OK, answer, raw


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(methods=["GET", "REPORT", "POST"])
    yield made
    made.close()


@pytest.fixture
def impatient() -> Iterator[Client]:
    made = Client(methods=["POST"], timeout=0.05)
    yield made
    made.close()


# ------------------------------------------------------------------------------------------------------- what is sent


def test_an_answer_comes_with_its_headers_in_lower_case_and_joined(client: Client) -> None:
    with raw(OK) as server:
        got = client.send("REPORT", server.url, headers={"Depth": "1"}, body=b"<x/>")

    assert got == Response(200, {"content-length": "4", "x-one": "a, b"}, b"well", server.url)
    sent = server.requests[0]
    assert sent.startswith(b"REPORT /path HTTP/1.1\r\n")
    assert sent.endswith(b"<x/>")
    for header in (b"Depth: 1", b"Content-Length: 4", b"User-Agent: syncd/", f"Host: 127.0.0.1:{server.port}".encode()):
        assert header in sent


def test_a_server_on_this_machine_is_not_asked_to_pack_its_answer(client: Client) -> None:
    with raw(OK) as server:
        client.send("GET", server.url)
        assert b"Accept-Encoding: identity\r\n" in server.requests[0]


def test_requests_share_a_connection_and_a_closed_client_opens_a_new_one(client: Client) -> None:
    with raw(OK) as server:
        client.send("GET", server.url)
        client.send("GET", server.url)
        assert server.connections == 1
        client.close()
        client.send("GET", server.url)
        assert server.connections == 2


def test_a_method_that_is_not_allowed_never_leaves(client: Client) -> None:
    with raw(OK) as server:
        for method in ("PUT", "DELETE", "PROPPATCH", "get"):
            with pytest.raises(Permanent):
                client.send(method, server.url)
        assert server.connections == 0


def test_no_cookie_is_kept(client: Client) -> None:
    with raw(answer(b"", Set_Cookie="session=1")) as server:
        client.send("GET", server.url)
        client.send("GET", server.url)
    assert b"ookie" not in server.requests[1]


def test_a_redirect_is_the_callers_to_follow(client: Client) -> None:
    with raw(answer(b"", "301 Moved Permanently", Location="http://127.0.0.1:1/other")) as server:
        got = client.send("GET", server.url)
    assert (got.status, got.headers["location"]) == (301, "http://127.0.0.1:1/other")
    assert len(server.requests) == 1


def test_no_proxy_of_the_environment_is_asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw(OK) as server, raw(OK) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        client.send("GET", server.url)
    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://calendar.example.com/",
        "http://192.168.1.2/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "https://anna:secret@example.com/",
        "https:///path",
        "https://example.com/\N{SNOWMAN}",
    ],
)
def test_an_address_that_must_not_be_asked_is_not(client: Client, url: str) -> None:
    with pytest.raises(Permanent) as raised:
        client.send("GET", url)
    assert raised.value.cure
    assert "secret" not in str(raised.value)


def test_a_header_that_would_begin_a_new_one_is_not_sent(client: Client) -> None:
    with raw(OK) as server, pytest.raises(Permanent):
        client.send("GET", server.url, headers={"Authorization": "Bearer x\r\nX-Other: y"})
    assert server.requests == []


# ----------------------------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(b"meeting"), id="at once"),
        pytest.param(gzip.compress(b"meet") + gzip.compress(b"ing"), id="in two members"),
    ],
)
def test_a_packed_answer_is_unpacked(client: Client, packed: bytes) -> None:
    with raw(answer(packed, Content_Encoding="gzip")) as server:
        assert client.send("GET", server.url).body == b"meeting"


def test_an_empty_answer_may_say_that_it_is_packed(client: Client) -> None:
    with raw(answer(b"", Content_Encoding="gzip")) as server:
        assert client.send("GET", server.url).body == b""


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_of_just_the_limit_is_taken_and_of_one_byte_more_is_not(client: Client, packed: bool) -> None:
    for size in (1000, 1001):
        body = gzip.compress(b"a" * size) if packed else b"a" * size
        headers = {"Content_Encoding": "gzip"} if packed else {}
        with raw(answer(body, **headers)) as server:
            if size == 1000:
                assert client.send("GET", server.url, max_bytes=1000).body == b"a" * 1000
            else:
                with pytest.raises(TooLarge):
                    client.send("GET", server.url, max_bytes=1000)


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(client: Client) -> None:
    with raw(answer(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")) as server, pytest.raises(TooLarge):
        client.send("GET", server.url, max_bytes=1_000_000)


def test_a_packed_answer_that_is_cut_is_not_taken_for_a_whole_one(client: Client) -> None:
    with raw(answer(gzip.compress(b"meeting")[:-10], Content_Encoding="gzip")) as server, pytest.raises(Retryable):
        client.send("POST", server.url)
    with raw(answer(b"no gzip at all", Content_Encoding="gzip")) as server, pytest.raises(Retryable):
        client.send("POST", server.url)


def test_an_encoding_that_was_not_asked_for_is_refused(client: Client) -> None:
    with raw(answer(b"?", Content_Encoding="br")) as server, pytest.raises(Permanent):
        client.send("GET", server.url)


def test_an_answer_that_ends_before_its_length_is_not_taken_for_a_whole_one(client: Client) -> None:
    short = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nshort"
    with raw(short) as server, pytest.raises(Retryable) as raised:
        client.send("POST", server.url)
    assert raised.value.cure


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_what_changes_nothing_is_asked_again_when_the_connection_breaks(client: Client) -> None:
    with raw(HANG_UP, HANG_UP, OK) as server:
        assert client.send("REPORT", server.url).body == b"well"
    assert len(server.requests) == 3


def test_what_may_change_something_is_asked_once(client: Client) -> None:
    with raw(HANG_UP, OK) as server, pytest.raises(Retryable):
        client.send("POST", server.url)
    assert len(server.requests) == 1


def test_a_connection_that_the_server_closed_while_it_lay_idle_is_no_failure(client: Client) -> None:
    with raw(answer(b"one", Connection="close"), OK) as server:
        client.send("POST", server.url)
        assert client.send("POST", server.url).body == b"well"


@pytest.mark.parametrize("status", ["408 Timeout", "429 Slow", "502 Bad", "503 Busy", "504 Late"])
def test_a_busy_server_is_asked_again_later(client: Client, status: str) -> None:
    with raw(answer(b"", status)) as server, pytest.raises(Retryable) as raised:
        client.send("POST", server.url)
    assert raised.value.cure
    assert raised.value.retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": " 7 "}, 7),
        ({"Retry_After": "99999999999999999999"}, 86_400),
        ({"Retry_After": "Wed, 25 Nov 2026 10:05:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 300),
        ({"Retry_After": "Wed, 25 Nov 2026 10:05:00 GMT", "Date": "Wed, 25 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry_After": "Wed, 25 Nov 2096 10:05:00 -0000"}, 86_400),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "²"}, None),
        ({"Retry_After": ""}, None),
    ],
)
def test_the_servers_own_wish_is_told(client: Client, headers: Mapping[str, str], seconds: int | None) -> None:
    with raw(answer(b"", "503 Busy", **headers)) as server, pytest.raises(Retryable) as raised:
        client.send("POST", server.url)
    assert raised.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_server_that_wants_a_long_time_is_not_asked_again_at_once(client: Client) -> None:
    with raw(answer(b"", "503 Busy", Retry_After="60")) as server, pytest.raises(Retryable):
        client.send("GET", server.url)
    assert len(server.requests) == 1


def test_other_refusals_are_the_callers_to_judge(client: Client) -> None:
    for status in (400, 401, 403, 404, 409, 412, 500, 507):
        with raw(answer(b"why", f"{status} No")) as server:
            assert client.send("GET", server.url).status == status


def test_a_port_that_nothing_listens_on_is_named(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Retryable, match=f"127.0.0.1 port {port} refuses") as raised:
        client.send("POST", f"http://127.0.0.1:{port}/")
    assert raised.value.cure


def test_a_name_without_an_address_is_named(client: Client) -> None:
    with pytest.raises(Retryable, match="no address was found for nowhere"):
        client.send("POST", "https://nowhere.invalid/")


def test_a_server_that_says_nothing_does_not_answer(impatient: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Retryable, match="does not answer"):
        impatient.send("POST", f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_server_that_speaks_another_protocol_is_told(client: Client) -> None:
    with raw(b"220 mail.example.com ESMTP\r\n\r\n") as server, pytest.raises(Retryable, match="does not speak HTTP"):
        client.send("POST", server.url)


# ---------------------------------------------------------------------------------------------------------------- TLS


@dataclass(frozen=True)
class Authority:
    file: Path
    issue: Callable[[str], ssl.SSLContext]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def issue(name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(context)
        return context

    return Authority(tmp_path / "ca.pem", issue)


def test_a_private_authority_is_trusted_by_its_file(authority: Authority) -> None:
    client = Client(methods=["GET"], ca_file=authority.file)
    with raw(OK, tls=authority.issue("localhost")) as server:
        assert client.send("GET", f"https://localhost:{server.port}/").body == b"well"
        client.close()


def test_a_certificate_of_nobody_or_for_another_name_ends_in_words(authority: Authority) -> None:
    for name, ca_file, words in (("localhost", None, "nobody"), ("other.example.com", authority.file, "another name")):
        client = Client(methods=["GET"], ca_file=ca_file)
        with raw(OK, tls=authority.issue(name)) as server:
            with pytest.raises(Permanent, match=words) as raised:
                client.send("GET", f"https://localhost:{server.port}/")
            assert raised.value.cure
            assert server.requests == []
        client.close()


def test_a_port_without_tls_is_told(client: Client) -> None:
    with raw(OK, greeting=b"220 mail.example.com\r\n") as server, pytest.raises(Permanent, match="does not speak TLS"):
        client.send("GET", f"https://localhost:{server.port}/")


# ------------------------------------------------------------------------------------------------- where it may connect


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("127.0.0.1", Place.MACHINE),
        ("127.8.8.8", Place.MACHINE),
        ("::1", Place.MACHINE),
        ("::ffff:127.0.0.1", Place.MACHINE),
        ("0.0.0.0", Place.MACHINE),
        ("169.254.169.254", Place.MACHINE),
        ("fe80::1%eth0", Place.MACHINE),
        ("10.0.0.1", Place.NETWORK),
        ("192.168.1.1", Place.NETWORK),
        ("100.64.0.1", Place.NETWORK),
        ("fd00::1", Place.NETWORK),
        ("::ffff:10.0.0.1", Place.NETWORK),
        ("8.8.8.8", Place.INTERNET),
        ("2001:4860:4860::8888", Place.INTERNET),
    ],
)
def test_an_address_has_its_place(address: str, where: Place) -> None:
    assert place(address) is where


@pytest.mark.parametrize("home", ["8.8.8.8", "10.0.0.1"])
def test_a_server_further_out_cannot_send_us_to_this_machine(home: str) -> None:
    client = Client(methods=["GET"], home=home)
    with raw(OK) as server, pytest.raises(Permanent, match="further inside"):
        client.send("GET", server.url)
    assert server.connections == 0


def test_the_server_that_the_admin_named_may_be_this_machine_and_lead_anywhere_on_it() -> None:
    client = Client(methods=["GET"], home="localhost")
    with raw(OK) as server:
        assert client.send("GET", server.url).status == 200
        client.close()
