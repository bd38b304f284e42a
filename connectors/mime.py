"""The header block of a mail -> Message. Pure, never raises, and bounded whatever the sender wrote.

Addresses are read by mime_address, encoded-words and charsets by mime_words. Everything that is plain takes a short
way (a regular expression for each header), everything else the careful one; both give the same Message. The structured
parser of `email.policy.default` is not used: it raises on access, and is quadratic (python/cpython#136063).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from connectors.mime_address import MAX_ADDRESSES, addresses
from connectors.mime_date import date
from connectors.mime_words import clean, decode_unlabelled, decode_words
from syncd.model import ItemId, Message, Participant, Role

_KEPT = (
    "AUTO-SUBMITTED",
    "PRECEDENCE",
    "LIST-ID",
    "LIST-UNSUBSCRIBE",
    "LIST-UNSUBSCRIBE-POST",
    "X-AUTO-RESPONSE-SUPPRESS",
    "X-AUTOREPLY",
    "X-AUTORESPOND",
    "RETURN-PATH",
    "CONTENT-TYPE",
    "CONTENT-TRANSFER-ENCODING",
    "SENSITIVITY",
)
_ORIGINAL_IDS = ("x-google-original-message-id", "x-microsoft-original-message-id")
"""Where Gmail and Outlook.com keep the id that the sender gave, when their own SMTP put another in its place."""
_READ = ("DATE", "FROM", "SENDER", "REPLY-TO", "TO", "CC", "BCC", "SUBJECT", "MESSAGE-ID", "IN-REPLY-TO", "REFERENCES")

HEADER_FIELDS = (*_READ, *_KEPT, *(name.upper() for name in _ORIGINAL_IDS))
"""The names a provider must be asked for."""
TELLING = frozenset(name.lower() for name in _KEPT)
"""The names kept in `Message.headers`."""
_SPELLINGS = {
    spelling: name.lower()
    for name in HEADER_FIELDS
    for spelling in (name, name.lower(), name.title(), name.title().replace("-Id", "-ID"))
}
"""As mail programs write the names -> in lower case."""

BLOCK_LIMIT = 128 * 1024
HEADER_LIMIT = 64 * 1024
_SUBJECT_LIMIT = 1000
_TELLING_LIMIT = 1000
_ID_LIMIT = 998  # RFC 5322 section 2.1.1: the longest line
_LAST_REFERENCES = 50
_CACHED_LENGTH = 256

# A name, and the line with those that continue it. Junk between headers is passed over, where the email package would
# take it for the end of them all. `[ \t]*` before the colon is obsolete syntax (RFC 5322 section 4.5).
_HEADER = re.compile(r"^([!-9;-~]++)[ \t]*+:[ \t]*+(.*(?:\n[ \t].*)*+)", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")
# The lines that nearly all mail consists of. With folds taken out first, both are much faster than what they stand for.
_PLAIN_FIELD = re.compile(r"^([A-Za-z-]+): (.+)\r\n", re.MULTILINE)
_PLAIN_FOLD = re.compile(r"\r\n[ \t]+")
_PLAIN_ID = re.compile(r"<([!#-;=?-~]{1,998})>")
_BRACKETED = re.compile(r"<([^<>]+)>")
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_STAND_IN = "retrieval using the imap4 protocol failed"

# Python 3.11 calls a function for each look at an enum's member.
_FROM = Role.FROM
_OTHERS = (("sender", Role.SENDER), ("reply-to", Role.REPLY_TO))
_RECIPIENTS = (("to", Role.TO), ("cc", Role.CC), ("bcc", Role.BCC))


def message_from_headers(
    raw: bytes, *, id: ItemId, received_at: datetime | None, size: int | None, folders: tuple[str, ...]
) -> Message:
    """Read a header block as an IMAP server gives it; what cannot be read is named in `problem`, the rest stands."""
    text = raw[:BLOCK_LIMIT].decode("latin-1")
    problems = ["header block cut"] if len(raw) > BLOCK_LIMIT else []
    repeated: list[tuple[str, str]] = []
    first = plain_fields(text)
    if first is None:
        first, repeated = _gathered(careful_fields(text), problems)
    return _message(first, repeated, problems, id, received_at, size, folders)


def message_from_fields(
    fields: Iterable[tuple[str, str]],
    *,
    id: ItemId,
    received_at: datetime | None,
    size: int | None,
    folders: tuple[str, ...],
) -> Message:
    """The same, of header fields that a provider has split and unfolded already."""
    problems: list[str] = []
    unfolded = [(name, _FOLD.sub(" ", value) if "\n" in value else value) for name, value in fields]
    first, repeated = _gathered(unfolded, problems)
    return _message(first, repeated, problems, id, received_at, size, folders)


def is_stand_in(message: Message) -> bool:
    """Whether Exchange gave this in place of a message that it cannot convert: it is no mail, and is not logged."""
    return message.subject.lower().startswith(_STAND_IN)


def _message(
    first: dict[str, str],
    repeated: list[tuple[str, str]],
    problems: list[str],
    id: ItemId,
    received_at: datetime | None,
    size: int | None,
    folders: tuple[str, ...],
) -> Message:
    sent_at = date(first.get("date", ""))
    if sent_at is None and first.get("date"):
        problems.append("Date unreadable")
    return Message(  # by position, which takes half as long as by name
        id,
        received_at,
        sent_at,
        _message_id(first),
        _first_id(first.get("in-reply-to", "")),
        _references(first.get("references", "")),
        clean(decode_words(first.get("subject", "")), _SUBJECT_LIMIT),
        _participants(first, repeated, problems),
        {key: clean(value, _TELLING_LIMIT) for key, value in first.items() if key in TELLING},
        folders,
        size,
        "; ".join(dict.fromkeys(problems)) if problems else "",
    )


# ---------------------------------------------------------------------------------------------- splitting


def plain_fields(text: str) -> dict[str, str] | None:
    """Return what `careful_fields` would find, or None unless each field is there once, and spelled as usual."""
    if not text.endswith("\r\n\r\n"):
        return None
    head = _PLAIN_FOLD.sub(" ", text[:-2])
    try:
        fields = {_SPELLINGS[name]: value.strip() for name, value in _PLAIN_FIELD.findall(head)}
    except KeyError:
        return None
    whole = fields and len(fields) == head.count("\n") and len(head) <= HEADER_LIMIT and head.isascii()
    return fields if whole else None


def careful_fields(text: str) -> list[tuple[str, str]]:
    """Split any block, and unfold and decode its values."""
    text = text[: _end_of_headers(text)]
    fields = [(name, _FOLD.sub(" ", value) if "\n" in value else value) for name, value in _HEADER.findall(text)]
    return fields if text.isascii() else _decoded(fields)


def _end_of_headers(text: str) -> int:
    if text.startswith(("\r\n", "\n")):
        return 0
    ends = [end for end in (text.find("\n\r\n"), text.find("\n\n")) if end >= 0]
    return min(ends, default=len(text))


def _decoded(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Decode raw 8-bit values, which came as latin-1 so that each byte is a letter."""
    declared = next((_CHARSET.search(value) for name, value in fields if name.lower() == "content-type"), None)
    hint = declared[1] if declared else ""
    return [
        (name, value if value.isascii() else decode_unlabelled(value.encode("latin-1"), hint)) for name, value in fields
    ]


def _gathered(fields: Iterable[tuple[str, str]], problems: list[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the first field of each name, and those that repeat one; names in lower case."""
    first: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    for name, value in fields:
        key = name.lower()
        value = value.strip()
        if len(value) > HEADER_LIMIT:
            problems.append(f"{_shown(key)} cut")
            value = value[:HEADER_LIMIT].rpartition(",")[0] or value[:HEADER_LIMIT]
        if key in first:
            repeated.append((key, value))
        else:
            first[key] = value
    return first, repeated


def _shown(key: str) -> str:
    return clean(key, 40).title()


# ---------------------------------------------------------------------------------------------- participants


def _participants(
    first: dict[str, str], repeated: list[tuple[str, str]], problems: list[str]
) -> tuple[Participant, ...]:
    """Return who wrote it, then who answers are for, then who got it.

    Sender and Reply-To are named only where they differ from From. Of several authors the first counts, as two From
    headers are a known way to show one name and pass the checks with another; of several To or Cc headers all count.
    """
    author = _author(first, problems)
    if repeated and any(key == "from" for key, _ in repeated):
        problems.append("several From headers")
    found = list(author)
    for key, role in _OTHERS:
        if value := first.get(key):
            others = _of(role, value, problems)
            known = {participant.address.lower() for participant in author}
            found += [participant for participant in others if participant.address.lower() not in known]
    for key, role in _RECIPIENTS:
        if value := first.get(key):
            found += _of(role, value, problems)
    if repeated:
        found = _with_repeated(found, repeated, problems)
    if len(found) > MAX_ADDRESSES:
        problems.append(f"more than {MAX_ADDRESSES} participants")
        del found[MAX_ADDRESSES:]
    return tuple(found)


def _author(first: dict[str, str], problems: list[str]) -> tuple[Participant, ...]:
    """Return the first of From; where there is none, of Sender, else of Return-Path (RFC 5322 section 3.6.2)."""
    for key in ("from", "sender", "return-path"):
        if value := first.get(key):
            authors = _of(_FROM, value, problems)
            if len(authors) > 1:
                problems.append("several From addresses")
            if authors:
                return authors[:1]
    problems.append("no From")
    return ()


def _with_repeated(found: list[Participant], repeated: list[tuple[str, str]], problems: list[str]) -> list[Participant]:
    roles = dict(_RECIPIENTS)
    known = {(one.role, one.address.lower()): one for one in found}
    for key, value in repeated:
        if key in roles and len(known) <= MAX_ADDRESSES:
            for one in _of(roles[key], value, problems):
                known.setdefault((one.role, one.address.lower()), one)
    return list(known.values())


def _of(role: Role, value: str, problems: list[str]) -> tuple[Participant, ...]:
    """Return the participants of one header."""
    participants, flaws = (_read_once if len(value) <= _CACHED_LENGTH else _read)(role, value)
    if flaws:
        problems += flaws
    return participants


def _read(role: Role, value: str) -> tuple[tuple[Participant, ...], tuple[str, ...]]:
    read = addresses(value)
    participants = tuple([_participant(role, address, name) for name, address in read.mailboxes])
    flaws = []
    if read.unreadable:
        flaws.append(f"unreadable address in {_shown(role.replace('_', '-'))}")
    if read.cut:
        flaws.append(f"more than {MAX_ADDRESSES} participants")
    return participants, tuple(flaws)


# Most mail of a mailbox is from and to the same few people: to find one again takes a tenth of making one.
_participant = lru_cache(maxsize=4096)(Participant)
_read_once = lru_cache(maxsize=4096)(_read)

# ---------------------------------------------------------------------------------------------- ids


def _message_id(first: dict[str, str]) -> str | None:
    for name in _ORIGINAL_IDS:
        if name in first and (original := _first_id(first[name])):
            return original
    value = first.get("message-id", "")
    return _first_id(value) or _bare_id(value)


def _first_id(value: str) -> str | None:
    if not value:
        return None
    if match := _PLAIN_ID.fullmatch(value):
        return match[1]
    ids = _ids(value)
    return ids[0] if ids else None


def _references(value: str) -> tuple[str, ...]:
    """Return the ids of a thread, oldest first: its root and the last fifty."""
    if not value:
        return ()
    ids = _ids(value)
    return tuple(ids if len(ids) <= _LAST_REFERENCES else [ids[0], *ids[-_LAST_REFERENCES:]])


def _ids(value: str) -> list[str]:
    """Return the ids within `<>`; where there are no brackets at all, the words with an @."""
    plain: list[str] = _PLAIN_ID.findall(value)
    if plain and len(plain) == value.count("<"):
        return plain
    raw = _BRACKETED.findall(value) if "<" in value else [word for word in value.split() if "@" in word]
    return [id for id in map(_normal_id, raw) if id]


def _bare_id(value: str) -> str | None:
    """An id without brackets and without an @ is still one, if it is one word."""
    return None if " " in value else _normal_id(value.strip("<>"))


def _normal_id(raw: str) -> str | None:
    """Take out blanks (folding puts some within), and needless quotes (RFC 5256 section 2.1)."""
    if not raw.isprintable() or " " in raw:
        raw = clean("".join(raw.split()), len(raw))
    if raw.startswith('"'):
        local, quote, domain = raw[1:].partition('"@')
        if quote and '"' not in local and "\\" not in local:
            raw = f"{local}@{domain}"
    return raw[:_ID_LIMIT] or None
