"""Address headers -> (name, address) pairs, as leniently as mail programs write them and as strictly as a match needs.

Addresses are split first and names decoded afterwards, so that no encoded-word can make an address (RFC 2047 section
5(3)). `email.utils.getaddresses` is not used: by its version it either loses every recipient for one stray comma
(python/cpython#122600) or takes the wrong one of two (CVE-2023-27043).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from connectors.mime_words import clean, decode_words

MAX_ADDRESSES = 500
NAME_LIMIT = 255
_ADDRESS_LIMIT = 320  # RFC 5321 section 4.5.3.1: 64 + 1 + 255
_SPELLING_LIMIT = 1000
_REMEMBERED_LENGTH = 200  # so that no name of a mailbox that is remembered has more than NAME_LIMIT characters either
_MAX_STRAYS = 5
"""Quotes and brackets that nothing closes: each costs a look at all that follows, and no honest header has so many."""
_NO_OPENERS = str.maketrans({'"': " ", "(": " "})


class Addresses(NamedTuple):
    mailboxes: tuple[tuple[str, str], ...]
    """(name, address), each address once, whatever its case."""
    unreadable: bool = False
    """Something with an @ in it was no address."""
    cut: bool = False
    """There were more than MAX_ADDRESSES."""


def addresses(value: str) -> Addresses:
    """Return the mailboxes of one unfolded header value."""
    plain = plain_addresses(value)
    return careful_addresses(value) if plain is None else plain


# ---------------------------------------------------------------------------------------------- the plain forms

# `"Name" <a@b>`, `Name <a@b>`, `=?utf-8?q?Name?= <a@b>`, `<a@b>` or `a@b`, and a comma or the end; linear, as a part
# can match in one way only. The domain's labels are no possessive group: Python before 3.11.5, as Debian 12 has it,
# would keep the dot of one that did not match to its end (`a@x.example., b@y.example`).
_PLAIN = re.compile(
    r"""(?:(?:"([^"\\@?' ](?:[^"\\@?]*[^"\\@?' ])?)"|([A-Za-z0-9](?:[A-Za-z0-9 ._&/+-]*[A-Za-z0-9.])?)"""
    r"""|((?:=\?[A-Za-z0-9-]{1,40}\?[bBqQ]\?[!->@-~]{0,500}\?=[ ]?){1,9}+))?[ ]?(<))?"""
    r"""([A-Za-z0-9._+=/&%-]{1,64}+@[A-Za-z0-9-]{1,40}+(?:\.[A-Za-z0-9-]{1,40}+){0,5})(?(4)>)(?:,[ ]?|$)"""
)


def plain_addresses(value: str) -> Addresses | None:
    """Return what `careful_addresses` would, or None for whatever is not wholly plain; four times as fast."""
    if not (value.isascii() and value.isprintable()) or "  " in value:
        return None
    return _bracketed_addresses(value) or _scanned_addresses(value)


def _bracketed_addresses(value: str) -> Addresses | None:
    """Of a list whose addresses all stand in `<>`, as most do: its people were read before, mostly."""
    texts = value.split(">, ")
    last = len(texts) - 1
    if last >= MAX_ADDRESSES:
        return None
    found: dict[str, tuple[str, str]] = {}
    for index, text in enumerate(texts):
        one = _mailbox(f"{text}>" if index < last else text) if len(text) <= _REMEMBERED_LENGTH else None
        if one is None:
            return None
        found.setdefault(one[1].lower(), one)
    return Addresses(tuple(found.values()))


@lru_cache(maxsize=4096)
def _mailbox(text: str) -> tuple[str, str] | None:
    """Name and address, if the text is one mailbox of a plain form."""
    match = _PLAIN.fullmatch(text)
    return _name_and_address(match) if match else None


def _scanned_addresses(value: str) -> Addresses | None:
    found: dict[str, tuple[str, str]] = {}
    position, count = 0, 0
    while position < len(value):
        match = _PLAIN.match(value, position)
        if match is None or count == MAX_ADDRESSES:
            return None
        name, address = _name_and_address(match)
        if len(name) > NAME_LIMIT:
            return None
        found.setdefault(address.lower(), (name, address))
        position, count = match.end(), count + 1
    return Addresses(tuple(found.values()))


def _name_and_address(match: re.Match[str]) -> tuple[str, str]:
    quoted, phrase, words, _, address = match.groups()
    return _name(words, address) if words else quoted or phrase or "", address


# ---------------------------------------------------------------------------------------------- everything else

_LEXEME = re.compile(
    r"""(?P<blank>\s+)
    |(?P<separator>[,;]+)
    |(?P<colon>:)
    |"(?P<quoted>(?:[^"\\]|\\.)*+)"
    |\((?P<comment>(?:[^()\\]|\\.)*+)\)
    |<(?P<angle>(?:[^<>"]|"(?:[^"\\]|\\.){0,200}+"){0,1000}+)>
    |(?P<word>=\?[^?\s]{1,80}\?[bBqQ]\?[^?]{0,2000}+\?=|\[[^\[\]\s]{0,100}+\]|[^\s,;:"<(\[=]+|[=\[])
    |(?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)
_PARENTHESIS = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_AROUND_DOT_OR_AT = re.compile(r" ?([.@]) ?")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)+)"@([^@]+)')
_DOT_ATOM = re.compile(r"[^\s\"(),:;<>@\[\\\]]+")
_DOMAIN = re.compile(r"[^\s\"(),:;<>@\[\\\].=?/]+(?:\.[^\s\"(),:;<>@\[\\\].=?/]+)*+|\[[0-9A-Za-z:.]+\]")


def careful_addresses(value: str) -> Addresses:
    """Read any address header: groups, comments, routes, missing or doubled commas, what nothing closes."""
    found: dict[str, tuple[str, str]] = {}
    unreadable, count = False, 0
    for element in _elements(value):
        mailboxes = element.mailboxes()
        unreadable |= not mailboxes and element.has_at
        for name, address in mailboxes:
            if count == MAX_ADDRESSES:
                return Addresses(tuple(found.values()), unreadable, cut=True)
            found.setdefault(address.lower(), (name, address))
            count += 1
    return Addresses(tuple(found.values()), unreadable)


@dataclass(slots=True)
class _Element:
    """What stands between two separators."""

    words: list[list[str]] = field(default_factory=lambda: [[]])
    """The pieces of what stands between blanks, quoted strings with their quotes."""
    phrase: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    angles: list[str] = field(default_factory=list)

    @property
    def has_at(self) -> bool:
        return any("@" in text for text in (*self.angles, *chain.from_iterable(self.words)))

    def mailboxes(self) -> list[tuple[str, str]]:
        in_angles = [address for address in map(_address, self.angles) if address]
        if in_angles:
            name = _name("".join(self.phrase) or " ".join(self.comments), in_angles[0])
            return [(name, in_angles[0]), *(("", address) for address in in_angles[1:])]
        if any("@" in angle for angle in self.angles):
            return []
        return self._bare()

    def _bare(self) -> list[tuple[str, str]]:
        """Addresses without brackets: `a@b (Name)`, and `a@b c@d` where a comma is missing."""
        read = [(word, _address(word)) for word in _joined(map("".join, self.words))]
        known = [address for _, address in read if address]
        if len(known) != 1:
            return [("", address) for address in known]
        rest = " ".join(word for word, address in read if not address)
        return [(_name(" ".join(self.comments) or rest, known[0]), known[0])]


def _elements(value: str) -> Iterator[_Element]:
    element = _Element()
    for kind, text in _lexemes(value):
        if kind == "separator" or (kind == "colon" and element.has_at):
            yield element
            element = _Element()
        elif kind == "colon":  # a group's name, or `mailto:`; RFC 5322 section 3.4
            element = _Element()
        elif kind == "angle":
            element.angles.append(text)
        elif kind == "comment":
            element.comments.append(_ESCAPE.sub(r"\1", text))
            element.words.append([])  # a comment is as good as a blank (RFC 5322 section 3.2.2)
        elif kind == "blank":
            element.words.append([])
        else:
            element.words[-1].append(f'"{text}"' if kind == "quoted" else text)
        if kind in {"word", "quoted", "blank"}:
            element.phrase.append(_ESCAPE.sub(r"\1", text) if kind == "quoted" else text)
    yield element


def _lexemes(value: str) -> Iterator[tuple[str, str]]:
    position, strays = 0, 0
    while match := _LEXEME.match(value, position):
        kind = match.lastgroup or "stray"
        position = match.end()
        if kind != "stray":
            yield kind, match[kind]
        elif match[0] == "(" and (end := _end_of_comment(value, position)):
            yield "comment", value[position : end - 1]
            position = end
        else:
            strays += 1
            if strays == _MAX_STRAYS:
                value = value.translate(_NO_OPENERS)


def _end_of_comment(value: str, start: int) -> int:
    """Return the end of the comment whose first letter is at `start`, or 0; they nest (RFC 5322 section 3.2.2)."""
    depth = 1
    for match in _PARENTHESIS.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return 0


def _without_comments(raw: str) -> str:
    while (start := raw.find("(")) >= 0 and (end := _end_of_comment(raw, start + 1)):
        raw = f"{raw[:start]} {raw[end:]}"
    return raw


def _joined(words: Iterable[str]) -> list[str]:
    """Join what obsolete syntax spread out: `joe @ test . example` (RFC 5322 section 4.4)."""
    joined: list[str] = []
    dot = False
    for word in filter(None, words):
        if joined and (joined[-1].endswith("@") or word.startswith(("@", ".")) or dot):
            joined[-1] += word
        else:
            joined.append(word)
        dot = word == "."
    return joined


def _name(raw: str, address: str) -> str:
    """Decode and clean a display name; one that only repeats the address says nothing."""
    name = clean(decode_words(raw), NAME_LIMIT + 2)
    if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1].strip()
    return "" if name.lower() == address.lower() else name[:NAME_LIMIT].rstrip()


def _address(raw: str) -> str:
    """Return the bare address that `raw` spells, or an empty string."""
    if "@" not in raw or len(raw) > _SPELLING_LIMIT:
        return ""
    raw = _AROUND_DOT_OR_AT.sub(r"\1", " ".join(_without_comments(raw).split()))
    scheme, colon, rest = raw.partition(":")
    if colon and (scheme.startswith("@") or scheme.lower() in {"mailto", "smtp"}):
        raw = rest  # an obsolete route (RFC 5322 section 4.4), or a link pasted as an address
    if quoted := _QUOTED_LOCAL.fullmatch(raw):
        inner, domain = _ESCAPE.sub(r"\1", quoted[1]), quoted[2]
        local = inner if _DOT_ATOM.fullmatch(inner) else f'"{quoted[1]}"'
    else:
        local, _, domain = raw.rpartition("@")
        if not _DOT_ATOM.fullmatch(local):
            return ""
    address = f"{local}@{domain.removesuffix('.')}"
    if len(address) > _ADDRESS_LIMIT or "=?" in address or "\ufffd" in address or not address.isprintable():
        return ""
    return address if _DOMAIN.fullmatch(address, len(local) + 1) else ""
