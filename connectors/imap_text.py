"""The text and the attachments' names of messages that are logged: one round trip for all of them, as a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.imap_scan import Value, fetched, number
from connectors.imap_session import Session, fetch_command
from connectors.imap_structure import Part, parts
from connectors.imap_suspects import Suspects
from connectors.imap_wire import Answer
from connectors.text import new_text
from syncd.model import Item, Message, Unreadable

PREFIX = 16_384
"""Octets of the body asked for at first: the new text of nearly every mail lies within."""
FURTHER = 131_072
"""Octets of the text part, or of the body, where it does not."""


class Texts:
    def __init__(self, session: Session, suspects: Suspects) -> None:
        self._session = session
        self._suspects = suspects

    def read(self, messages: Mapping[int, Message], largest: int) -> Iterator[Item]:
        """These messages with their texts; of one with more than `largest` octets no text is read."""
        wanted: list[int] = []
        for uid, message in messages.items():
            if (message.size or 0) > largest:
                yield replace(message, text="", problem=_and(message.problem, "too large: only its header was read"))
            elif self._suspects.is_condemned(uid):
                yield Unreadable(message.id, "the connection broke each time its text was asked for")
            else:
                wanted.append(uid)
        for uids in self._suspects.narrowed([wanted] if wanted else []):
            with self._suspects.watch(self._session.wire, uids):
                items = list(self._completed({uid: messages[uid] for uid in uids}))
            yield from items

    def _completed(self, messages: Mapping[int, Message]) -> Iterator[Item]:
        attaching = [uid for uid, message in messages.items() if _may_attach(message)]
        commands = [fetch_command(list(messages), b"(UID BODY.PEEK[TEXT]<0.%d>)" % PREFIX)]
        if attaching:
            commands.append(fetch_command(attaching, b"(UID BODYSTRUCTURE)"))
        given = _items(self._session.wire.send(commands))
        shapes = {uid: parts(items.get(b"BODYSTRUCTURE")) for uid, items in given.items() if uid in messages}
        texts = {uid: _text(messages[uid], given[uid][b"BODY[TEXT]"]) for uid in shapes if b"BODY[TEXT]" in given[uid]}
        texts.update(self._further(messages, {uid: shapes[uid] for uid, text in texts.items() if text is None}))
        for uid, message in messages.items():
            if uid not in texts:
                yield Unreadable(message.id, "the server gave no text of it")
            else:
                attachments = tuple(part.attachment() for part in shapes[uid] if part.is_attachment)
                yield replace(message, text=texts[uid] or "", attachments=attachments)

    def _further(self, messages: Mapping[int, Message], shapes: Mapping[int, Sequence[Part]]) -> dict[int, str | None]:
        """The texts that did not lie in the first octets: of the text part, if the server told which one that is."""
        wanted = {uid: _text_part(shape) for uid, shape in shapes.items()}
        commands = [
            fetch_command([uid], b"(UID BODY.PEEK[%b]<0.%d>)" % (_section(part), FURTHER))
            for uid, part in wanted.items()
        ]
        given = _items(self._session.wire.send(commands)) if commands else {}
        texts: dict[int, str | None] = {}
        for uid, part in wanted.items():
            body = given.get(uid, {}).get(b"BODY[%b]" % _section(part))
            texts[uid] = _text_of(part, body) if part and isinstance(body, bytes) else _text(messages[uid], body)
        return texts


def _text(message: Message, body: Value) -> str | None:
    """None if it must lie further on."""
    data = body if isinstance(body, bytes) else b""
    content_type = message.headers.get("content-type", "")
    text = new_text(data, content_type, message.headers.get("content-transfer-encoding", ""))
    return "" if text is None and len(data) < PREFIX else text


def _section(part: Part | None) -> bytes:
    return part.section.encode() if part else b"TEXT"


def _text_of(part: Part, body: bytes) -> str | None:
    charset = part.parameters.get("charset", "")
    return new_text(body, f'{part.content_type}; charset="{charset}"' if charset else part.content_type, part.encoding)


def _may_attach(message: Message) -> bool:
    kind = message.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    return kind not in ("", "text/plain", "text/html", "multipart/alternative")


def _text_part(shape: Sequence[Part]) -> Part | None:
    texts = [part for part in shape if part.is_text]
    return next((part for part in texts if part.content_type == "text/plain"), texts[0] if texts else None)


def _items(answers: Sequence[Answer]) -> dict[int, dict[bytes, Value]]:
    """All that was given, by UID. A server that fails on some messages refuses the command, having given the others."""
    given: dict[int, dict[bytes, Value]] = {}
    for answer in answers:
        for response in answer:
            items = fetched(response)
            if items and (uid := number(items.get(b"UID"))):
                given.setdefault(uid, {}).update(items)
        if answer.is_busy:
            answer.check()
    return given


def _and(problem: str, more: str) -> str:
    return f"{problem}; {more}" if problem else more
