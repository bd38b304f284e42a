"""vCard files, 2.1 to 4.0, as Apple, Google and Android export them (RFC 6350; 2.1 only in its quoted-printable)."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from syncd.directory.delimited import decoded
from syncd.directory.records import Record, Skipped
from syncd.errors import Permanent


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    parameters: str
    value: str


def read(path: Path) -> tuple[list[Record], list[Skipped]]:
    """The cards of a file, or of every `.vcf` file in a directory."""
    files = sorted(path.glob("*.vcf")) if path.is_dir() else [path]
    if not files:
        raise Permanent(f"{path}: holds no .vcf file", cure="name the directory that the vCards are in")
    records: list[Record] = []
    skipped: list[Skipped] = []
    for file in files:
        for line, card in _cards(file):
            if _is_group(card):
                skipped.append(Skipped(file.name, line, "is a group, not a person"))
            else:
                records.append(Record(file.name, line, _cells(card)))
    return records, skipped


def _cards(path: Path) -> Iterator[tuple[int, list[_Property]]]:
    card: list[_Property] | None = None
    begins = 0
    for line, text in _unfolded(decoded(path)):
        mark = text.strip().upper()
        if mark == "BEGIN:VCARD":
            card, begins = [], line
        elif mark == "END:VCARD" and card is not None:
            yield begins, card
            card = None
        elif card is not None and (found := _property(text)):
            card.append(found)
    if not begins:
        raise Permanent(f"{path}: holds no vCard", cure="export the contacts as vCard (.vcf), or import a CSV file")
    if card is not None:
        raise Permanent(f"{path}: the card of line {begins} has no end", cure="the file was cut off: export it again")


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines that begin with a blank go on (RFC 6350 3.2), as do quoted-printable ones that end in `=` (vCard 2.1)."""
    whole, begins = "", 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if begins and line[:1] in (" ", "\t"):
            whole += line[1:]
        elif begins and whole.endswith("=") and "QUOTED-PRINTABLE" in whole.upper():
            whole = whole[:-1] + line
        else:
            if begins:
                yield begins, whole
            whole, begins = line, number
    if begins:
        yield begins, whole


_PROPERTY = re.compile(r'(?:[\w-]+\.)?([\w-]+)((?:;(?:"[^"]*"|[^":])*)?):(.*)', re.DOTALL)


def _property(line: str) -> _Property | None:
    """Apple puts a group in front: `item1.EMAIL;type=INTERNET:anna@example.com`."""
    match = _PROPERTY.fullmatch(line)
    if match is None:
        return None
    name, parameters, value = match[1].upper(), match[2].upper(), match[3]
    if "QUOTED-PRINTABLE" in parameters:
        value = quopri.decodestring(value.encode()).decode("utf-8", errors="replace")
    return _Property(name, parameters, value)


def _is_group(card: list[_Property]) -> bool:
    return any(
        each.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND") and each.value.strip().lower() == "group" for each in card
    )


def _cells(card: list[_Property]) -> dict[str, list[str]]:
    found = {
        "id": [each.value.strip().removeprefix("urn:uuid:") for each in card if each.name == "UID"],
        "name": [_plain(each.value) for each in card if each.name == "FN"]
        + [_full_name(c) for c in card if c.name == "N"],
        "account": [_plain(_parts(each.value)[0]) for each in card if each.name == "ORG"],
        "address": [_plain(each.value).removeprefix("mailto:") for each in card if each.name == "EMAIL"],
        # In 4.0 a number may be a URI: tel:+49-30-1234567;ext=12 (RFC 3966).
        "phone": [_plain(each.value).removeprefix("tel:") for each in card if _is_phone(each)],
    }
    return {name: present for name, values in found.items() if (present := [value for value in values if value])}


def _is_phone(each: _Property) -> bool:
    return each.name == "TEL" and "FAX" not in each.parameters


def _full_name(name: _Property) -> str:
    """`Family;Given;Additional;Prefixes;Suffixes` for a card without FN."""
    family, given = [*_parts(name.value), "", ""][:2]
    return _plain(f"{given} {family}").strip()


def _parts(value: str) -> list[str]:
    return re.split(r"(?<!\\);", value)


def _plain(value: str) -> str:
    """Undo the escapes of RFC 6350 3.4."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], value).strip()
