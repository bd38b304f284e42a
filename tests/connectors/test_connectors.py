"""The kinds of account, and the settings of IMAP."""

from __future__ import annotations

from dataclasses import fields

import pytest

from connectors import KINDS
from connectors.imap import Settings
from syncd.config.reading import section


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_settings_that_can_be_read_from_a_configuration(kind: str) -> None:
    settings = KINDS[kind].settings
    names = [each.name for each in fields(settings) if each.init]  # type: ignore[arg-type]
    _, wrong = section(settings, dict.fromkeys(names, object()))
    assert [line.partition(":")[0] for line in wrong] == names


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
    found, wrong = section(Settings, fields)
    assert found is None
    assert len(wrong) == 1
