"""What the network says is told to the admin as a cause, and as what to type."""

from __future__ import annotations

import errno
import ssl
from typing import Literal

import pytest

from connectors.imap import Settings
from connectors.imap_errors import sign_in_refused, unreachable
from syncd.errors import Retryable


def settings(tls: Literal["implicit", "starttls", "none"] = "implicit") -> Settings:
    return Settings(host="localhost", user="anna@example.com", tls=tls)


@pytest.mark.parametrize("tls", ["starttls", "none"])
def test_a_port_that_waits_in_silence_may_be_one_of_tls(tls: Literal["starttls", "none"]) -> None:
    assert 'write tls = "implicit"' in unreachable(TimeoutError(), settings(tls)).cure
    assert "tls" not in unreachable(TimeoutError(), settings()).cure


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_whatever_keeps_us_from_the_server_says_what_to_do(error: OSError) -> None:
    told = unreachable(error, settings())

    assert str(told).startswith("localhost port 993")
    assert told.cure


def test_a_server_that_cannot_say_whether_the_password_is_right_is_tried_again_and_says_so() -> None:
    told = sign_in_refused("[UNAVAILABLE] Temporary authentication failure.", settings())

    assert isinstance(told, Retryable)
    assert "check `user`" in told.cure
