"""What is said of a setting that is wrong: what it must be, and what to type. Never the value itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from syncd import secrets

_EXAMPLES: Mapping[str, str] = {
    "url": '"sqlite:////var/lib/syncd/syncd.db"',
    "domains": '["example.com"]',
    "contacts": '"contacts.csv"',
    "name": '"anna"',
    "owner": '"anna@example.com"',
    "kind": '"imap"',
    "secret": '"file:/etc/syncd/anna.secret"',
    "host": '"imap.example.com"',
    "user": '"anna@example.com"',
    "region": '"DE"',
}
_SECRET_NAMES = frozenset(
    {"password", "passwd", "pass", "token", "secrets", "client_secret", "api_key", "app_password"}
)

_MUST_BE: Mapping[type, str] = {
    str: "must be text in quotes",
    int: "must be a whole number without quotes",
    bool: "must be true or false, without quotes",
    tuple: "must be a list in brackets",
    Path: "must be a path in quotes",
}


def other_type(kind: type, name: str) -> str:
    """Of a value of another type than this. There are no examples of a list's single entries (`aliases[2]`)."""
    return f"{_MUST_BE[kind]}, such as {name} = {_EXAMPLES[name]}" if name in _EXAMPLES else _MUST_BE[kind]


def one_of(choices: Sequence[object]) -> str:
    *others, last = map(repr, choices)
    return f"must be {', '.join(others)} or {last}" if others else f"must be {last}"


def missing(name: str) -> str:
    return f"is missing; add {name} = {_EXAMPLES.get(name, '...')}"


def unknown(name: str, known: Iterable[str], elsewhere: Mapping[str, str]) -> str:
    """What to say of a key that no one knows: the nearest one that exists, or the section it belongs to."""
    if name in _SECRET_NAMES:
        return f"{name}: is no setting; use secret, which {secrets.HOW_TO}"
    if name in elsewhere:
        return f"{name}: does not belong here; move it to {elsewhere[name]}"
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"{name}: is no setting; " + (
        f"did you mean {near[0]}?" if near else f"remove it, or choose of: {_list(known)}"
    )


def unknown_value(known: Iterable[str], value: object) -> str:
    """Of a choice: kinds are no secrets, so the nearest one may be named."""
    near = difflib.get_close_matches(value, list(known), n=1) if isinstance(value, str) else []
    return f"must be one of: {_list(known)}" + (f"; did you mean {near[0]}?" if near else "")


def nearest(known: Iterable[str], name: str) -> str:
    """Of a name that must be written elsewhere in the file."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else "add its block, or take the name away"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
