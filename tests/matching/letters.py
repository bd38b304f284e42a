"""Mails to decide on: plain ones, of which a test says what is special."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from syncd.model import ItemId, Message, Participant, Policy, Role

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEY = b"a key of the tests"
OURS = Policy(own_domains=frozenset({"ours.example"}), key=KEY)

FIELDS = {
    "from": Role.FROM,
    "sender": Role.SENDER,
    "reply-to": Role.REPLY_TO,
    "to": Role.TO,
    "cc": Role.CC,
    "bcc": Role.BCC,
}


def people(text: str) -> tuple[Participant, ...]:
    """Read `from: a@x to: b@x c@x` as participants."""
    found = []
    role = Role.FROM
    for word in text.split():
        if word.endswith(":") and word[:-1] in FIELDS:
            role = FIELDS[word[:-1]]
        else:
            found.append(Participant(role, word))
    return tuple(found)


def mail(
    who: str | Iterable[Participant] = "from: jane@client.example to: rep@ours.example",
    *,
    id: str = "1.1",
    message_id: str | None = "one@client.example",
    subject: str = "Offer",
    sent_at: datetime | None = NOON,
    received_at: datetime | None = NOON,
    in_reply_to: str | None = None,
    references: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
    folders: tuple[str, ...] = ("INBOX",),
    size: int | None = 1000,
) -> Message:
    return Message(
        id=ItemId(id),
        received_at=received_at,
        sent_at=sent_at,
        message_id=message_id,
        in_reply_to=in_reply_to,
        references=references,
        subject=subject,
        participants=people(who) if isinstance(who, str) else tuple(who),
        headers=headers or {},
        folders=folders,
        size=size,
    )
