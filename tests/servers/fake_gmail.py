"""A Gmail mailbox in memory: messages, labels and the history of what happened to them, and the API's methods on it."""

from __future__ import annotations

import itertools
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Parsed
from typing import Any

from tests.servers import google_errors as errors
from tests.servers.google_errors import Refusal

SYSTEM_LABELS = ("INBOX", "SENT", "DRAFT", "SPAM", "TRASH", "CHAT", "UNREAD", "STARRED", "IMPORTANT")
_HIDDEN = {"SPAM", "TRASH"}

Query = dict[str, list[str]]


@dataclass(slots=True)
class Mail:
    id: str
    thread_id: str
    raw: bytes
    at: int
    """internalDate, in milliseconds of Unix time."""
    labels: set[str]
    history_id: int


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the history."""

    id: int
    at: float
    """By the fake's clock."""
    kind: str
    """`messagesAdded`, `messagesDeleted`, `labelsAdded` or `labelsRemoved`."""
    message: dict[str, Any]
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Quirks:
    """What Gmail does now and then, and a client must bear."""

    empty_pages: bool = False
    """Before each page of history comes one with a nextPageToken and no `history`."""
    repeats: bool = False
    """Each record of the history comes twice."""
    collapses: bool = False
    """Records that follow each other come as one, with the last one's id and what became of each message."""
    bare_stubs: bool = False
    """A history tells of a message its ids and no labels: it "will typically only have id and threadId fields"."""
    oldest_first: bool = False
    """Listings come in an order that no one promised."""
    forgotten_tokens: bool = False
    """Page tokens mean nothing any more."""
    page: int = 500
    """The most that a page holds, whatever was asked for."""


@dataclass
class Mailbox:
    address: str
    clock: Any
    """Seconds of Unix time, when called."""
    history_days: float = 7.0
    mails: dict[str, Mail] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: {name: name for name in SYSTEM_LABELS})
    """Id -> name."""
    records: list[Record] = field(default_factory=list)
    quirks: Quirks = field(default_factory=Quirks)
    vanishing: set[str] = field(default_factory=set)
    """Ids that are listed, and gone when they are asked for: drafts that were saved anew in between."""
    history_id: int = 1000
    forgotten: int = 0
    """What happened up to this history id is not known any more."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------------------------------------- what its owner does

    def deliver(self, raw: bytes, *labels: str, at: float | None = None, thread: str = "", id: str = "") -> str:
        """A new message; returns its id. `at` is its internalDate, in seconds."""
        id = id or f"{0x19A0000000000000 + next(self._numbers) * 0x100003:016x}"
        seconds = self.clock() if at is None else at
        mail = Mail(id, thread or id, raw, int(seconds * 1000), set(labels or ("INBOX", "UNREAD")), 0)
        self.mails[id] = mail
        self._record("messagesAdded", mail)
        return id

    def delete(self, id: str) -> None:
        mail = self.mails.pop(id)
        self._record("messagesDeleted", mail)

    def label(self, id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        mail = self.mails[id]
        mail.labels |= set(add)
        mail.labels -= set(remove)
        if added := tuple(add):
            self._record("labelsAdded", mail, added)
        if removed := tuple(remove):
            self._record("labelsRemoved", mail, removed)

    def new_label(self, name: str) -> str:
        id = f"Label_{len(self.labels)}"
        self.labels[id] = name
        return id

    def forget_history(self) -> None:
        """As after weeks: no history id of before means anything."""
        self.history_id += 1
        self.forgotten = self.history_id
        self.records.clear()

    def _record(self, kind: str, mail: Mail, labels: tuple[str, ...] = ()) -> None:
        self.history_id += 7
        mail.history_id = self.history_id
        self.records.append(Record(self.history_id, self.clock(), kind, _stub(mail), labels))

    # ------------------------------------------------------------------------------------------------- the methods

    def profile(self) -> dict[str, Any]:
        threads = {mail.thread_id for mail in self.mails.values()}
        return {
            "emailAddress": self.address,
            "messagesTotal": len(self.mails),
            "threadsTotal": len(threads),
            "historyId": str(self.history_id),
        }

    def label_list(self) -> dict[str, Any]:
        return {
            "labels": [
                {"id": id, "name": name, "type": "system" if id == name else "user"} for id, name in self.labels.items()
            ]
        }

    def listing(self, query: Query, *, metadata_only: bool) -> dict[str, Any] | Refusal:
        if "q" in query and metadata_only:
            return errors.NO_Q
        shown = [mail for mail in self._newest_first() if _matches(mail, query)]
        if self.quirks.oldest_first:
            shown.reverse()
        token = query.get("pageToken", [""])[0]
        if token and (self.quirks.forgotten_tokens or not re.fullmatch(r"\d+-\w+", token)):
            return errors.INVALID_TOKEN
        # A token names a place in the order, not a count: what comes or goes above it moves nothing.
        names = [f"{mail.at:015}-{mail.id}" for mail in shown]
        start = sum(1 for name in names if (name < token if self.quirks.oldest_first else name > token)) if token else 0
        size = min(int(query.get("maxResults", ["100"])[0]), self.quirks.page)
        page = shown[start : start + size]
        answer: dict[str, Any] = {"resultSizeEstimate": len(shown) or 201}
        if page:
            answer["messages"] = [{"id": mail.id, "threadId": mail.thread_id} for mail in page]
        if start + size < len(shown):
            answer["nextPageToken"] = names[start + size]
        return answer

    def _newest_first(self) -> list[Mail]:
        return sorted(self.mails.values(), key=lambda mail: (mail.at, mail.id), reverse=True)

    def get(self, id: str, query: Query, *, metadata_only: bool) -> dict[str, Any] | Refusal:
        form = query.get("format", ["full"])[0]
        if metadata_only and form in ("full", "raw"):
            return errors.NO_FULL
        if id in self.vanishing or id not in self.mails:
            return errors.NOT_FOUND
        mail = self.mails[id]
        answer: dict[str, Any] = {
            **_stub(mail),
            "snippet": "It&#39;s a beginning",
            "historyId": str(mail.history_id),
            "internalDate": str(mail.at),
            "sizeEstimate": len(mail.raw),
        }
        if form == "raw":
            answer["raw"] = urlsafe_b64encode(mail.raw).decode()
        elif form == "full":
            answer["payload"] = _part(message_from_bytes(mail.raw), "")
        elif form == "metadata":
            answer["payload"] = _head(message_from_bytes(mail.raw), query.get("metadataHeaders"))
        return answer

    def attachment(self, message_id: str, id: str) -> dict[str, Any] | Refusal:
        """By the part that its id names: Gmail's change with each look at the message."""
        if message_id not in self.mails:
            return errors.NOT_FOUND
        parts = list(message_from_bytes(self.mails[message_id].raw).walk())
        data = next(part for part in parts if part.get_filename() and id == _attachment_id(part)).get_payload(
            decode=True
        )
        assert isinstance(data, bytes)
        return {"size": len(data), "data": urlsafe_b64encode(data).decode()}

    def history(self, query: Query) -> dict[str, Any] | Refusal:
        start = query.get("startHistoryId", [""])[0]
        if not start.isdecimal():
            return errors.bad_request("Missing/invalid parameter: startHistoryId")
        horizon = self.clock() - self.history_days * 86400
        old = [record.id for record in self.records if record.at < horizon]
        self.forgotten = max([self.forgotten, *old])
        if not self.forgotten <= int(start) <= self.history_id:
            return errors.NOT_FOUND
        records = [record for record in self.records if record.id > int(start)]
        return self._history_page(records, query)

    def _history_page(self, records: list[Record], query: Query) -> dict[str, Any] | Refusal:
        token = query.get("pageToken", ["0"])[0]
        if not token.removeprefix("e").isdecimal():
            return errors.INVALID_TOKEN
        answer: dict[str, Any] = {"historyId": str(self.history_id)}
        position = int(token.removeprefix("e"))
        if self.quirks.empty_pages and not token.startswith("e") and position < len(records):
            return {**answer, "nextPageToken": f"e{position}"}
        size = min(int(query.get("maxResults", ["100"])[0]), self.quirks.page)
        page = records[position : position + size]
        if page:
            told = _collapsed(page) if self.quirks.collapses else [_record(record) for record in page]
            answer["history"] = [self._stripped(each) for each in told for _ in range(1 + self.quirks.repeats)]
        if position + size < len(records):
            answer["nextPageToken"] = str(position + size)
        return answer

    def _stripped(self, record: dict[str, Any]) -> dict[str, Any]:
        if not self.quirks.bare_stubs:
            return record
        bare = {
            kind: [{**change, "message": _bare(change["message"])} for change in record[kind]]
            for kind in _KINDS & record.keys()
        }
        return {**record, **bare}


_KINDS = {"messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"}


def _stub(mail: Mail) -> dict[str, Any]:
    stub: dict[str, Any] = {"id": mail.id, "threadId": mail.thread_id}
    # A message without any label has no list of them.
    return {**stub, "labelIds": sorted(mail.labels)} if mail.labels else stub


def _record(record: Record) -> dict[str, Any]:
    change: dict[str, Any] = {"message": record.message}
    if record.labels:
        change["labelIds"] = list(record.labels)
    return {"id": str(record.id), "messages": [_bare(record.message)], record.kind: [change]}


def _bare(message: dict[str, Any]) -> dict[str, Any]:
    return {"id": message["id"], "threadId": message["threadId"]}


def _collapsed(records: list[Record]) -> list[dict[str, Any]]:
    """Three at a time."""
    return [_as_one(records[start : start + 3]) for start in range(0, len(records), 3)]


def _as_one(records: list[Record]) -> dict[str, Any]:
    last = {record.message["id"]: record.message for record in records}
    one: dict[str, Any] = {"id": str(records[-1].id), "messages": [_bare(message) for message in last.values()]}
    for record in records:
        change = _record(record)[record.kind][0]
        one.setdefault(record.kind, []).append({**change, "message": last[record.message["id"]]})
    return one


def _matches(mail: Mail, query: Query) -> bool:
    if query.get("includeSpamTrash", ["false"])[0] != "true" and mail.labels & _HIDDEN:
        return False
    if not set(query.get("labelIds", ())) <= mail.labels:
        return False
    for term in query.get("q", [""])[0].split():
        name, _, value = term.partition(":")
        if name == "after" and not mail.at / 1000 >= int(value):
            return False
        if name == "-in" and value.rstrip("s").upper() in mail.labels:
            return False
        if name not in ("after", "-in"):
            raise AssertionError(f"the fake knows no {term} in q")
    return True


def _head(parsed: Parsed, wanted: list[str] | None) -> dict[str, Any]:
    names = {name.lower() for name in wanted or ()}
    headers = [
        {"name": name, "value": str(value)} for name, value in parsed.items() if not names or name.lower() in names
    ]
    head: dict[str, Any] = {"mimeType": parsed.get_content_type()}
    return {**head, "headers": headers} if headers else head


def _attachment_id(parsed: Parsed) -> str:
    return f"ANGjdJ-{parsed.get_filename('').encode().hex()}"


def _part(parsed: Parsed, part_id: str) -> dict[str, Any]:
    part = {**_head(parsed, None), "partId": part_id, "filename": parsed.get_filename("")}
    if parsed.is_multipart():
        prefix = f"{part_id}." if part_id else ""
        children = parsed.get_payload()
        assert isinstance(children, list)
        return {
            **part,
            "body": {"size": 0},
            "parts": [
                _part(child, f"{prefix}{number}") for number, child in enumerate(children) if child is not parsed
            ],
        }
    data = parsed.get_payload(decode=True)
    assert isinstance(data, bytes)
    if part["filename"]:
        return {**part, "body": {"attachmentId": _attachment_id(parsed), "size": len(data)}}
    if not data:
        return {**part, "body": {"size": 0}}
    return {**part, "body": {"size": len(data), "data": urlsafe_b64encode(data).decode()}}
