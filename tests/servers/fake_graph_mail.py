"""A mailbox as Exchange Online keeps it: a tree of folders, messages with two kinds of id, and a log of what happened.

Sources: the Graph reference of message, mailFolder and delta; the quirks are those of microsoft-graph-docs-contrib
issues 72 (a message moved away and back), 2716 (no headers in Sent Items) and of the delta overview (replays).
"""

from __future__ import annotations

import itertools
from base64 import encodebytes, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

Json = dict[str, Any]

WELL_KNOWN = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
    "junkemail": "Junk Email",
    "outbox": "Outbox",
    "archive": "Archive",
    "conversationhistory": "Conversation History",
}
"""Those that a new mailbox has; the other aliases answer 404 until they are provisioned."""
ROOT = "msgfolderroot"


def zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=100_000)
def opaque(*parts: object) -> str:
    """An id as Graph makes them: long, case-sensitive, URL-safe base64."""
    digest = sha256("\0".join(map(str, parts)).encode()).digest()
    return "AAMkAG" + urlsafe_b64encode(digest * 3).decode()[:114] + "AAA="


@dataclass(slots=True, eq=False)
class Folder:
    key: int
    name: str
    parent: Folder | None
    well_known: str = ""
    hidden: bool = False
    search: bool = False


@dataclass(slots=True, eq=False)
class Mail:
    key: int
    folder: Folder
    fields: Json
    """All but what depends on the request: ids, folder, body, attachments, headers."""
    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[Json]
    extended: dict[str, str]
    """`Integer 0x0036` -> value."""
    moves: int = 0
    """How often its id that is not immutable has changed."""
    kind: str = "message"
    calendar: str = ""
    """Of a mail about a meeting: the iCalendar text that Exchange makes of it again."""

    @property
    def received_at(self) -> str:
        return str(self.fields["receivedDateTime"])


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of a folder's log."""

    number: int
    mail: Mail
    what: str
    """`added`, `changed` (all of it), `flagged` (an entry with one property only), `left` or `deleted`."""


@dataclass(slots=True)
class Mailbox:
    address: str
    name: str
    user_id: str
    folders: list[Folder] = field(default_factory=list)
    mails: dict[int, Mail] = field(default_factory=dict)
    log: dict[int, list[Happened]] = field(default_factory=dict)
    folder_log: list[tuple[int, Folder, str]] = field(default_factory=list)
    generation: int = 1
    """Raised by a migration, which gives everything new ids."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        root = Folder(next(self._numbers), "Top of Information Store", None, ROOT)
        self.folders.append(root)
        for alias, name in WELL_KNOWN.items():
            self.add_folder(name, well_known=alias)

    # ------------------------------------------------------------------------------------------------------ folders

    def folder(self, name: str) -> Folder:
        """By alias, or by display name."""
        return next(each for each in self.folders if name in (each.well_known, each.name))

    def add_folder(
        self, name: str, parent: str = ROOT, *, well_known: str = "", hidden: bool = False, search: bool = False
    ) -> Folder:
        made = Folder(next(self._numbers), name, self.folder(parent), well_known, hidden, search)
        self.folders.append(made)
        self.folder_log.append((next(self._numbers), made, "changed"))
        return made

    def rename(self, folder: Folder, name: str, parent: Folder | None = None) -> None:
        folder.name, folder.parent = name, parent or folder.parent
        self.folder_log.append((next(self._numbers), folder, "changed"))

    def remove_folder(self, folder: Folder) -> None:
        for mail in [mail for mail in self.mails.values() if mail.folder is folder]:
            self.delete(mail)
        self.folders.remove(folder)
        self.folder_log.append((next(self._numbers), folder, "deleted"))

    # ------------------------------------------------------------------------------------------------------ messages

    def deliver(
        self,
        message_id: str,
        *,
        folder: str = "inbox",
        sender: tuple[str, str] = ("Bert", "bert@example.org"),
        to: Sequence[tuple[str, str]] = (("Anna", "anna@example.com"),),
        cc: Sequence[tuple[str, str]] = (),
        subject: str = "Offer",
        received_at: datetime = datetime(2026, 11, 2, 10, tzinfo=UTC),
        headers: Sequence[tuple[str, str]] = (),
        text: str = "Hello.\r\n",
        html: str = "",
        attachments: Sequence[tuple[str, str, int]] = (),
        categories: Sequence[str] = (),
        extended: Mapping[str, str] | None = None,
        draft: bool = False,
        kind: str = "message",
        calendar: str = "",
    ) -> Mail:
        key = next(self._numbers)
        author = recipient(*sender)
        fields: Json = {
            "createdDateTime": zulu(received_at),
            "lastModifiedDateTime": zulu(received_at),
            "categories": list(categories),
            "receivedDateTime": zulu(received_at),
            "sentDateTime": zulu(received_at - timedelta(seconds=2)),
            "hasAttachments": bool(attachments),
            "internetMessageId": f"<{message_id}>" if message_id else None,
            "subject": subject,
            "bodyPreview": text[:255],
            "importance": "normal",
            "conversationId": opaque("conversation", subject),
            "isRead": False,
            "isDraft": draft,
            "inferenceClassification": "focused",
            "sender": author,
            "from": author,
            "toRecipients": [recipient(*one) for one in to],
            "ccRecipients": [recipient(*one) for one in cc],
            "bccRecipients": [],
            "replyTo": [],
            "flag": {"flagStatus": "notFlagged"},
        }
        files: list[Json] = [
            {"name": name, "contentType": content, "size": size, "isInline": False}
            for name, content, size in attachments
        ]
        told = [("Received", "from mx.example.org"), ("MIME-Version", "1.0"), *headers]
        home = self.folder(folder)
        mail = Mail(key, home, fields, told, text, html, files, dict(extended or {}), kind=kind, calendar=calendar)
        self.mails[key] = mail
        self._note(home, mail, "added")
        return mail

    def move(self, mail: Mail, to: str) -> None:
        self._note(mail.folder, mail, "left")
        mail.folder = self.folder(to)
        mail.moves += 1
        self._note(mail.folder, mail, "added")

    def delete(self, mail: Mail) -> None:
        """For good, not into Deleted Items."""
        del self.mails[mail.key]
        self._note(mail.folder, mail, "deleted")

    def mark_read(self, mail: Mail) -> None:
        mail.fields["isRead"] = True
        self._note(mail.folder, mail, "flagged")

    def touch(self, mail: Mail) -> None:
        """Something about it changed that makes a whole entry."""
        self._note(mail.folder, mail, "changed")

    def migrate(self) -> None:
        """To another server: all ids are new, and nothing is known of what happened before."""
        self.generation += 1
        self.log.clear()

    def _note(self, folder: Folder, mail: Mail, what: str) -> None:
        self.log.setdefault(folder.key, []).append(Happened(next(self._numbers), mail, what))

    # ------------------------------------------------------------------------------------------------------ looking

    def now(self) -> int:
        """The number of the next thing that happens."""
        return next(self._numbers)

    def happened(self, folder: Folder, since: int) -> list[Happened]:
        return [each for each in self.log.get(folder.key, []) if each.number >= since]

    def held(self, folder: Folder) -> list[Mail]:
        """Newest first."""
        mails = [mail for mail in self.mails.values() if mail.folder is folder]
        return sorted(mails, key=lambda mail: (mail.received_at, mail.key), reverse=True)

    def folder_id(self, folder: Folder) -> str:
        return opaque(self.address, self.generation, "folder", folder.key)

    def mail_id(self, mail: Mail, *, immutable: bool) -> str:
        return opaque(self.address, self.generation, mail.key, "immutable" if immutable else mail.moves)

    def by_id(self, id_: str) -> Mail | None:
        """Either kind of id opens a message."""
        for mail in self.mails.values():
            if id_ in (self.mail_id(mail, immutable=True), self.mail_id(mail, immutable=False)):
                return mail
        return None

    def folder_by_id(self, id_: str) -> Folder | None:
        for folder in self.folders:
            if id_.lower() == folder.well_known or id_ == self.folder_id(folder):
                return folder
        return None


def mime(mail: Mail) -> str:
    """What `$value` gives: the message as a mail, made anew."""
    sender = mail.fields["from"]["emailAddress"]["address"]
    head = f"From: {sender}\r\nMessage-ID: {mail.fields['internetMessageId']}\r\nMIME-Version: 1.0\r\n"
    if not mail.calendar:
        return f"{head}Content-Type: text/plain\r\n\r\n{mail.text}"
    encoded = encodebytes(mail.calendar.encode()).decode().replace("\n", "\r\n")
    parts = (
        f'Content-Type: text/plain; charset="utf-8"\r\n\r\n{mail.text}',
        f'Content-Type: text/calendar; charset="utf-8"; method=REQUEST\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{encoded}",
    )
    body = "".join(f"--_000_\r\n{part}\r\n" for part in parts)
    return f'{head}Content-Type: multipart/alternative;\r\n\tboundary="_000_"\r\n\r\n{body}--_000_--\r\n'


def recipient(name: str, address: str) -> Json:
    return {"emailAddress": {"name": name or address, "address": address}}
