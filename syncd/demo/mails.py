"""One mail, as its sender wrote it, and the copies of it that end in the team's mailboxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from syncd.demo.meetings import Meeting, invitation
from syncd.demo.people import ALIASES, TEAM, Person

INBOX, SENT, ARCHIVE, JUNK, DRAFTS, TRASH, FAMILY = "INBOX", "Sent", "Archive", "Junk", "Drafts", "Trash", "Family"
FOLDERS = (SENT, ARCHIVE, JUNK, DRAFTS, TRASH, FAMILY)


@dataclass(frozen=True, slots=True)
class Mail:
    key: str
    """Names it in the story, and makes its Message-ID."""
    days: float
    """How long ago it was sent."""
    sender: Person
    to: tuple[Person, ...]
    subject: str
    text: str = field(default="Kind regards.", kw_only=True)
    cc: tuple[Person, ...] = field(default=(), kw_only=True)
    answers: Mail | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    invites: Meeting | None = field(default=None, kw_only=True)
    identified: bool = field(default=True, kw_only=True)
    """False for a program that gives its mail no Message-ID."""
    folder: str = field(default="", kw_only=True)
    """Where it lies if not in INBOX, or Sent for who wrote it."""
    rule: str = field(default="logged", kw_only=True)
    """What syncd has to say of it; a test holds it to that."""

    @property
    def message_id(self) -> str:
        return f"<{self.key}@mail.example>"


@dataclass(frozen=True, slots=True)
class Copy:
    user: str
    folder: str
    content: bytes
    received_at: datetime


def copies(mail: Mail, now: datetime) -> Iterator[Copy]:
    """The copy in Sent of who wrote it, and one for each of the team whom it reached."""
    sent_at = now - timedelta(days=mail.days)
    content = _written(mail, sent_at, now)
    for person in TEAM:
        if _is(person, (mail.sender,)):
            yield Copy(person.address, mail.folder or SENT, content, sent_at)
        elif _is(person, mail.to + mail.cc):
            yield Copy(person.address, mail.folder or INBOX, content, sent_at)


def _is(person: Person, people: tuple[Person, ...]) -> bool:
    addresses = {person.address, *ALIASES.get(person, ())}
    return any(each.address in addresses for each in people)


def _written(mail: Mail, sent_at: datetime, now: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(sent_at)
    message["From"] = mail.sender.header
    message["To"] = ", ".join(person.header for person in mail.to)
    if mail.cc:
        message["Cc"] = ", ".join(person.header for person in mail.cc)
    message["Subject"] = mail.subject
    if mail.identified:
        message["Message-ID"] = mail.message_id
    if mail.answers is not None:
        message["In-Reply-To"] = mail.answers.message_id
        message["References"] = " ".join(each.message_id for each in reversed(list(_ancestors(mail))))
    message.set_content(_body(mail))
    if mail.invites is not None:
        message.add_alternative(invitation(mail.invites, now), "text", "calendar", params={"method": "REQUEST"})
    for name, value in mail.headers.items():
        del message[name]
        message[name] = value
    return message.as_bytes()


def _ancestors(mail: Mail) -> Iterator[Mail]:
    while mail.answers is not None:
        mail = mail.answers
        yield mail


def _body(mail: Mail) -> str:
    first_name = mail.sender.name.partition(" ")[0]
    body = f"{mail.text}\n\n{first_name}\n"
    if mail.answers is None:
        return body
    quoted = "".join(f"> {line}\n" for line in mail.answers.text.splitlines())
    return f"{body}\nOn another day, {mail.answers.sender.name} wrote:\n{quoted}"
