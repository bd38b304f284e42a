"""vCards, 2.1 to 4.0, as Apple, Google, Android and address book servers write them (RFC 6350; 2.1 only in its
quoted-printable). Tolerant: what is no property is passed over."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Vcard(NamedTuple):
    line: int
    """Where it begins, from 1."""
    is_group: bool
    """It stands for several people."""
    cells: Mapping[str, Sequence[str]]
    """`id`, `name`, `account`, `address` and `phone`, each with its values where there are any."""


class CutOff(ValueError):
    """A card has no end."""

    def __init__(self, line: int) -> None:
        super().__init__(f"the card of line {line} has no end")


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    parameters: str
    value: str


def vcards(text: str) -> Iterator[Vcard]:
    """Every card of a text; raises CutOff at its end."""
    card: list[_Property] | None = None
    begins = 0
    for line, content in _unfolded(text):
        mark = content.strip().upper()
        if mark == "BEGIN:VCARD":
            card, begins = [], line
        elif mark == "END:VCARD" and card is not None:
            yield Vcard(begins, _is_group(card), _cells(card))
            card = None
        elif card is not None and (found := _property(content)):
            card.append(found)
    if card is not None:
        raise CutOff(begins)


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
