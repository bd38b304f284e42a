"""The text and the attachments' names of messages that are logged: one round trip for all of them, as a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.imap_scan import Response, Value, fetched, number, section_of
from connectors.imap_session import Session, fetch_command
from connectors.imap_structure import Part, is_plain, parts
from connectors.imap_suspects import Suspects
from connectors.imap_wire import Answer
from connectors.invitations import LARGEST, invitation_of, is_calendar
from connectors.text import new_text
from syncd.model import Invitation, Item, Message, Unreadable

PREFIX = 4096
"""Octets of the body asked for at first: the new text of most mails ends within."""
FURTHER = 65_536
"""Octets of the text part, or of the body, where it does not."""
_CALENDARS = 3
"""Parts of one mail that are looked at: the same calendar as alternative and as attachment, say."""
_TEXTS = frozenset({"", "text/plain", "text/html"})
_OF_THE_BODY = Message._fields.index("text")
"""The last three fields begin here; to copy those before takes a third of the time of `_replace`."""
_BLANK = 8
"""Octets of a text part that may be a blank and a few line ends."""


class Texts:
    def __init__(self, session: Session, suspects: Suspects, window: Callable[[], tuple[datetime, datetime]]) -> None:
        self._session = session
        self._suspects = suspects
        self._window = window

    def read(self, messages: Mapping[int, Message], largest: int) -> Iterator[Item]:
        """These messages with their texts; of one with more than `largest` octets no text is read."""
        wanted: list[int] = []
        for uid, message in messages.items():
            if (message.size or 0) > largest:
                yield message._replace(text="", problem=_and(message.problem, "too large: only its header was read"))
            elif self._suspects.is_condemned(uid):
                yield Unreadable(message.id, "the connection broke each time its text was asked for")
            else:
                wanted.append(uid)
        for uids in self._suspects.narrowed([wanted] if wanted else []):
            with self._suspects.watch(self._session.wire, uids):
                items = list(self._completed({uid: messages[uid] for uid in uids}))
            yield from items

    def invited(self, messages: Mapping[int, Message]) -> Iterator[Item]:
        """These messages with their invitations only."""
        doubtful = [uid for uid, message in messages.items() if _kind(message) not in _TEXTS]
        for uids in self._suspects.narrowed([doubtful] if doubtful else []):
            with self._suspects.watch(self._session.wire, uids):
                shapes = _given(self._session.wire.send([fetch_command(uids, b"(UID BODYSTRUCTURE)")])).shapes
                found = self._invitations(messages, shapes)
            yield from (messages[uid]._replace(invitation=found.get(uid)) for uid in uids)
        asked = frozenset(doubtful)
        yield from (message for uid, message in messages.items() if uid not in asked)

    def _invitations(
        self, messages: Mapping[int, Message], shapes: Mapping[int, Sequence[Part]]
    ) -> dict[int, Invitation]:
        """The first calendar part that speaks of a meeting; most mails have none, and cost nothing."""
        wanted: dict[int, list[Part]] = {}
        for uid, shape in shapes.items():
            calendars = [part for part in shape if is_calendar(part.content_type, part.name)]
            if calendars := [part for part in calendars if (part.octets or 0) <= LARGEST][:_CALENDARS]:
                wanted[uid] = calendars
        commands = [
            fetch_command([uid], b"(UID BODY.PEEK[%b]<0.%d>)" % (_section(part), LARGEST))
            for uid, calendars in wanted.items()
            for part in calendars
        ]
        if not commands:
            return {}
        given = _given(self._session.wire.send(commands)).sections
        since, now = self._window()
        found: dict[int, Invitation] = {}
        for uid, calendars in wanted.items():
            for part in calendars:
                data = given.get((uid, _section(part)), b"")
                read = invitation_of(data, part.encoding, id=messages[uid].id, since=since, now=now)
                if read is not None and uid not in found:
                    found[uid] = read
        return found

    def _completed(self, messages: Mapping[int, Message]) -> Iterator[Item]:
        attaching = [uid for uid, message in messages.items() if _may_attach(message)]
        commands = [fetch_command(list(messages), b"(UID BODY.PEEK[TEXT]<0.%d>)" % PREFIX)]
        if attaching:
            commands.append(fetch_command(attaching, b"(UID BODYSTRUCTURE)"))
        given = _given(self._session.wire.send(commands))
        bodies = {uid: given.sections[uid, b"TEXT"] for uid in messages if (uid, b"TEXT") in given.sections}
        texts = {uid: _text(messages[uid], body, cut=len(body) >= PREFIX) for uid, body in bodies.items()}
        wanted = {uid: _text_part(given.shape(uid)) for uid, text in texts.items() if text is None}
        further = self._further({uid: part for uid, part in wanted.items() if len(bodies[uid]) >= PREFIX})
        for uid, part in wanted.items():
            texts[uid] = _further_text(messages[uid], bodies[uid], part, further.get(uid, b""))
        shapes = given.shapes
        told = shapes.keys() | given.plain.keys()
        hinted = [uid for uid, body in bodies.items() if uid not in told and _HINT.search(body)]
        if hinted:
            shapes |= _given(self._session.wire.send([fetch_command(hinted, b"(UID BODYSTRUCTURE)")])).shapes
        invitations = self._invitations(messages, shapes)
        for uid, message in messages.items():
            if uid not in texts:
                yield Unreadable(message.id, "the server gave no text of it")
            else:
                shape, text, invitation = shapes.get(uid), texts[uid] or "", invitations.get(uid)
                attachments = tuple([part.attachment() for part in shape if part.is_attachment]) if shape else ()
                yield Message._make((*message[:_OF_THE_BODY], text, attachments, invitation))

    def _further(self, wanted: Mapping[int, Part | None]) -> dict[int, bytes]:
        """More octets, in one round trip: of the text part, where the server told which one that is."""
        sections: dict[bytes, list[int]] = {}
        for uid, part in wanted.items():
            sections.setdefault(_section(part), []).append(uid)
        commands = [
            fetch_command(uids, b"(UID BODY.PEEK[%b]<0.%d>)" % (section, FURTHER)) for section, uids in sections.items()
        ]
        given = _given(self._session.wire.send(commands)).sections if commands else {}
        return {uid: given.get((uid, _section(part)), b"") for uid, part in wanted.items()}


def _section(part: Part | None) -> bytes:
    return part.section.encode() if part else b"TEXT"


def _text(message: Message, body: bytes, *, cut: bool = False) -> str | None:
    encoding = message.headers.get("content-transfer-encoding", "")
    return new_text(body, message.headers.get("content-type", ""), encoding, cut=cut)


def _further_text(message: Message, begun: bytes, part: Part | None, further: bytes) -> str | None:
    """The text by what was asked for further; by the first octets, where the server gave no more or what is no text."""
    if part and further and (text := _text_of(part, further)):
        return text
    return _text(message, begun if part else further or begun)


def _text_of(part: Part, body: bytes) -> str | None:
    charset = part.parameters.get("charset", "")
    return new_text(body, f'{part.content_type}; charset="{charset}"' if charset else part.content_type, part.encoding)


def _may_attach(message: Message) -> bool:
    """Something, or an invitation behind the text; all of a small alternative is in the octets that are asked for."""
    kind = _kind(message)
    if kind == "multipart/alternative":
        return (message.size or PREFIX) >= PREFIX
    return kind not in _TEXTS


def _kind(message: Message) -> str:
    return message.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()


def _text_part(shape: Sequence[Part]) -> Part | None:
    """The first text that is not blank; in a multipart/alternative that is the plain one (RFC 2046 section 5.1.4)."""
    texts = [part for part in shape if part.is_text]
    return next((part for part in texts if (part.octets or 0) > _BLANK), texts[0] if texts else None)


# Of a part in the octets at hand; what only looks like it is found to be nothing by its structure.
_HINT = re.compile(rb"^content-type:\s*(?:text/calendar|application/ics)", re.IGNORECASE | re.MULTILINE)


# As most servers answer, and not so long that it would cost much to keep it.
_SHAPE = re.compile(rb"\* \d+ FETCH \(UID (\d{1,10}) BODYSTRUCTURE \([^\r\n]{1,4096}\)\)")


@dataclass(frozen=True, slots=True)
class _Given:
    sections: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """UID and section (`TEXT`, `1.2`) -> octets."""
    shapes: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    """All but the plain ones."""
    plain: dict[int, Response] = field(default_factory=dict)
    """As they came."""

    def shape(self, uid: int) -> tuple[Part, ...]:
        if uid in self.plain and (items := fetched(self.plain[uid])):
            return parts(items.get(b"BODYSTRUCTURE"))
        return self.shapes.get(uid, ())


def _given(answers: Sequence[Answer]) -> _Given:
    """All that was given. A server that fails on some messages refuses the command, having given the others."""
    given = _Given()
    for answer in answers:
        for response in answer:
            if found := section_of(response):
                place, octets = found
                given.sections[place] = octets
                continue
            if len(response) == 1 and (shape := _SHAPE.fullmatch(response[0])) and is_plain(response[0]):
                given.plain[int(shape[1])] = response
                continue
            items = fetched(response)
            if items and (uid := number(items.get(b"UID"))):
                _take(given, uid, items)
        if answer.is_busy:
            answer.check()
    return given


def _take(given: _Given, uid: int, items: Mapping[bytes, Value]) -> None:
    for name, value in items.items():
        if name == b"BODYSTRUCTURE":
            # At once: 200 structures of 3,000 parts each, kept as lists, would take a quarter of a gigabyte.
            given.shapes[uid] = parts(value)
        elif name.startswith(b"BODY["):
            given.sections[uid, name[5:-1]] = value if isinstance(value, bytes) else b""


def _and(problem: str, more: str) -> str:
    return f"{problem}; {more}" if problem else more
