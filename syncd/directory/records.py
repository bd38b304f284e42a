"""Where the rows of a source stand: a place to name when one is skipped, and columns found by what people call them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Cells = Mapping[str, Sequence[str]]
"""Field -> the non-empty values of its columns, in their order."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row, or a value of one, that was not taken over; `line` counts from 1, as an editor does, and is 0 where
    `source` says it all."""

    source: str
    line: int
    reason: str

    @property
    def place(self) -> str:
        return f"{self.source} line {self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Record:
    source: str
    line: int
    cells: Cells

    def first(self, *names: str) -> str:
        """The first value of the first of these fields that has one."""
        return next((self.cells[name][0] for name in names if self.cells.get(name)), "")

    def all(self, name: str) -> Sequence[str]:
        return self.cells.get(name, ())

    def skipped(self, reason: str) -> Skipped:
        return Skipped(self.source, self.line, reason)


# What Google, Outlook, HubSpot, Salesforce and Pipedrive write above their columns, and German ones; blanks, case and
# punctuation do not count (`E-mail 1 - Value` is `email1value`). The first that matches the whole name is taken.
_NOT_DATA = r".*(label|type|optout|optin|bounce|status|verified|fax|yomi|phonetic|source|owner|lastactivity).*"
_FIELDS: Mapping[str, Sequence[tuple[str, str]]] = {
    "contacts": (
        ("", _NOT_DATA),
        ("id", r"(external|contact|person|record)?id|uid"),
        ("account_id", r"(account|company|organi[sz]ation|associatedcompany)ids?|accountexternalid"),
        ("address", r"(person|primary|secondary|work|home|other)*e?mail\w*|alias\w*"),
        ("phone", r"\w*(phone|mobile|telefon|telephone|handy)\w*|tel\d*"),
        ("first_name", r"(contact)?(first|given|fore)name|vorname"),
        ("last_name", r"(contact)?(last|family|sur)name|nachname"),
        ("name", r"(person|contact|full|display)?(name)|fileas|ansprechpartner"),
        ("account", r"(account|company|organi[sz]ation|associatedcompany|employer)\d*(name)?|firma|unternehmen"),
    ),
    "accounts": (
        ("", _NOT_DATA),
        ("id", r"(external|account|company|organi[sz]ation|record)?id|uid"),
        ("domain", r"\w*(domain|website|webseite|homepage|url)\w*|web"),
        ("name", r"(account|company|organi[sz]ation)?name|account|company|organi[sz]ation|firma"),
    ),
    "opportunities": (
        ("id", r"(external|opportunity|deal|record)?id|uid"),
        ("account_id", r"(account|company|organi[sz]ation|associatedcompany)ids?"),
        ("account", r"(account|company|organi[sz]ation|associatedcompany)(name)?|firma"),
        ("contact_id", r"(primary|associated)?(contact|person)s?ids?|(associated)?contacts?"),
        ("name", r"(opportunity|deal)?(name|title)|opportunity|deal"),
        ("stage", r"(deal|opportunity)?(stage|status|phase)(name)?"),
        ("amount", r"(deal|opportunity)?(amount|value|betrag)"),
        ("currency", r"(deal|amount)?currency(isocode|code)?|waehrung"),
        ("opened", r"open(ed)?(at|on|date|from)?|create(d)?(at|on|date)?|dealcreated|createdate"),
        ("closed", r"closed(at|on|date)?|actualclosedate|(won|lost)(time|date|at)"),
        ("expected", r"closedate|expectedclosedate"),
    ),
    "users": (
        ("id", r"(external|user|owner|record)?id|uid|employeenumber"),
        ("address", r"(primary|user)?e?mail\w*|alias\w*|username"),
        ("first_name", r"(first|given)name|vorname"),
        ("last_name", r"(last|family|sur)name|nachname"),
        ("name", r"(user|full|display)?name"),
        ("team", r"team(name)?|department|abteilung|role|group"),
    ),
}
KINDS = tuple(_FIELDS)


def column_fields(kind: str, headers: Sequence[str]) -> tuple[str, ...]:
    """The field of each column, or empty for one that says nothing to us."""
    return tuple(_field(kind, header) for header in headers)


def detect(headers: Sequence[str]) -> str:
    """Which kind of rows stand below these headers; empty when they do not say."""
    found = {kind: set(column_fields(kind, headers)) - {""} for kind in KINDS}
    if found["opportunities"] & {"stage", "amount", "expected", "closed"}:
        return "opportunities"
    if "address" in found["users"] and "team" in found["users"] and not found["contacts"] & {"account", "account_id"}:
        return "users"
    if found["contacts"] & {"address", "phone"}:
        return "contacts"
    return "accounts" if found["accounts"] >= {"name", "domain"} else ""


def cells(columns: Sequence[str], values: Iterable[str]) -> Cells:
    found: dict[str, list[str]] = {}
    for name, value in zip(columns, values, strict=False):
        if name and value.strip():
            found.setdefault(name, []).append(value.strip())
    return found


def _field(kind: str, header: str) -> str:
    plain = re.sub(r"[\W_]+", "", header.casefold())
    return next((name for name, pattern in _FIELDS[kind] if re.fullmatch(pattern, plain)), "")
