"""The kinds of account, and the settings of IMAP."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from connectors import KINDS
from connectors.imap import Settings


def test_every_kind_has_settings_that_can_be_read_from_a_configuration() -> None:
    for kind in KINDS.values():
        assert TypeAdapter(kind.settings).json_schema()["properties"]


def test_the_port_follows_the_way_of_tls() -> None:
    assert Settings(host="h", user="u").endpoint == ("h", 993)
    assert Settings(host="h", user="u", tls="starttls").endpoint == ("h", 143)
    assert Settings(host="h", user="u", port=1993).endpoint == ("h", 1993)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_on_this_machine_tls_may_be_left_out(host: str) -> None:
    assert Settings(host=host, user="u", tls="none").tls == "none"


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "", "user": "u"},
        {"host": "two words", "user": "u"},
        {"host": "h\r\n", "user": "u"},
        {"host": "h", "user": ""},
        {"host": "h", "user": "a\r\nx LOGOUT"},
        {"host": "h", "user": "u", "port": 0},
        {"host": "h", "user": "u", "port": 70000},
        {"host": "h", "user": "u", "timeout": 0},
        {"host": "h", "user": "u", "tls": "maybe"},
        {"host": "h", "user": "u", "auth": "none"},
        {"host": "imap.example.com", "user": "u", "tls": "none"},
    ],
)
def test_values_that_cannot_be_right_are_refused_when_they_are_read(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Settings).validate_python(fields)
