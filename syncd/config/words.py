"""What is said of a setting that is wrong: what it must be, and what to type. Never the value itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pydantic_core import ErrorDetails

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

_MUST_BE: Mapping[str, str] = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number without quotes",
    "bool_type": "must be true or false, without quotes",
    "tuple_type": "must be a list in brackets",
    "path_type": "must be a path in quotes",
    "time_delta_type": "must be a number and a unit in quotes",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "value_error": "{error}",
}


def problem(error: ErrorDetails) -> str:
    """`port: must be a whole number without quotes`, for one of pydantic's errors."""
    place = location(error["loc"])
    said = _said(error, str(error["loc"][0]) if error["loc"] else "")
    return f"{place}: {said}" if place else said


def location(loc: tuple[int | str, ...]) -> str:
    """`aliases[2]`: counted from 1, as a person counts."""
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _said(error: ErrorDetails, name: str) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return missing(name)
    if kind not in _MUST_BE:
        return error["msg"]
    said = _MUST_BE[kind].format(**context)
    if kind.endswith("_type") and name in _EXAMPLES and len(error["loc"]) == 1:
        return f"{said}, such as {name} = {_EXAMPLES[name]}"
    return said


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
