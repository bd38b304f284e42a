"""Invitations are found by what they are, wherever they hide in a mail; against a real Dovecot."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors import KINDS
from connectors.base import Account, Stream
from connectors.imap import Settings
from syncd.model import Invitation, Message
from tests.connectors.contexts import context
from tests.servers.dovecot import Dovecot

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

ICS = """BEGIN:VCALENDAR\r
PRODID:-//Example//EN\r
VERSION:2.0\r
METHOD:REQUEST\r
BEGIN:VEVENT\r
UID:call@client.example\r
DTSTAMP:20261120T080000Z\r
DTSTART:20261203T090000Z\r
DTEND:20261203T100000Z\r
SUMMARY:Grüße\r
ORGANIZER:mailto:carl@client.example\r
ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:sam@ourco.example\r
END:VEVENT\r
END:VCALENDAR\r
"""
LONG = "Hello, this is a long letter.\r\n" * 300


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def account(dovecot: Dovecot, user: str) -> Iterator[Account]:
    settings = Settings(host="localhost", port=dovecot.tls_port, ca_file=dovecot.ca_file, user=user)
    account = KINDS["imap"].open(settings, context(dovecot.password, now=lambda: NOW))
    yield account
    account.close()


def _part(kind: str, body: str, encoding: str = "8bit", more: str = "") -> str:
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n{more}\r\n{body}\r\n"


def _base64(text: str) -> str:
    return base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")


def _quoted(text: str) -> str:
    return quopri.encodestring(text.encode()).decode().replace("\n", "\r\n").replace("\r\r", "\r")


def _multipart(kind: str, boundary: str, *parts: str) -> str:
    body = "".join(f"--{boundary}\r\n{part}" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{body}--{boundary}--\r\n'


PLAIN = _part("text/plain; charset=utf-8", "You are invited.")
ALTERNATIVE = _part('text/calendar; charset="utf-8"; method=REQUEST', ICS)

NAMED = "Content-Disposition: attachment; filename=a.ICS\r\n"

MAILS = {
    "the last alternative, as Outlook and Google send it": _multipart("alternative", "b1", PLAIN, ALTERNATIVE),
    "behind a long text": _multipart("alternative", "b1", _part("text/plain", LONG), ALTERNATIVE),
    "the first alternative": _multipart("alternative", "b1", ALTERNATIVE, PLAIN),
    "base64 in an alternative within a mixed": _multipart(
        "mixed", "b1", _multipart("alternative", "b2", PLAIN, _part("text/calendar", _base64(ICS), "base64"))
    ),
    "quoted-printable, without its method as a parameter (forwarded)": _multipart(
        "mixed", "b1", PLAIN, _part("text/calendar; charset=utf-8", _quoted(ICS), "quoted-printable")
    ),
    "an attachment of type application/ics": _multipart(
        "mixed",
        "b1",
        PLAIN,
        _part("application/ics", _base64(ICS), "base64", 'Content-Disposition: attachment; filename="invite.ics"\r\n'),
    ),
    "an attachment that only its name tells": _multipart(
        "mixed",
        "b1",
        PLAIN,
        _part("application/octet-stream", _base64(ICS), "base64", NAMED),
    ),
    "twice, as alternative and as attachment": _multipart(
        "mixed",
        "b1",
        _multipart("alternative", "b2", PLAIN, ALTERNATIVE),
        _part("application/ics; name=invite.ics", _base64(ICS), "base64"),
    ),
    "all there is": _part("text/calendar; method=REQUEST; charset=utf-8", ICS),
    "behind a broken one": _multipart(
        "mixed", "b1", PLAIN, _part("text/calendar", "<html>Sign in</html>"), _part("text/calendar", ICS)
    ),
}


def _read(account: Account, *, text: bool) -> list[Message]:
    inbox = _inbox(account)
    ids = [item.id for batch in inbox.changes(None) for item in batch.items]
    # Another stream: nothing of the batch is in hand any more.
    return [item for item in _inbox(account).read(ids, text=text) if isinstance(item, Message)]


def _inbox(account: Account) -> Stream:
    return next(stream for stream in account.streams() if stream.name == "INBOX")


def _deliver(dovecot: Dovecot, user: str, *bodies: str) -> None:
    head = "From: carl@client.example\r\nTo: sam@ourco.example\r\nSubject: Call\r\nMIME-Version: 1.0\r\n"
    dovecot.append(
        user, [f"{head}Message-ID: <{n}@client.example>\r\n{body}".encode() for n, body in enumerate(bodies)]
    )


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("place", MAILS)
def test_an_invitation_is_found_in_any_place_and_encoding(
    dovecot: Dovecot, user: str, account: Account, place: str, text: bool
) -> None:
    _deliver(dovecot, user, MAILS[place])
    (mail,) = _read(account, text=text)
    assert isinstance(mail.invitation, Invitation)
    (event,) = mail.invitation.events
    assert (mail.invitation.method, event.uid, event.subject) == ("REQUEST", "call@client.example", "Grüße")
    assert event.starts_at == datetime(2026, 12, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", [True, False])
def test_mail_without_a_calendar_has_none_and_what_only_looks_like_one_is_none(
    dovecot: Dovecot, user: str, account: Account, text: bool
) -> None:
    quoting = _multipart("alternative", "b1", _part("text/plain", "Content-Type: text/calendar\r\n" + ICS))
    _deliver(dovecot, user, _part("text/plain", "Hello"), quoting, _multipart("alternative", "b1", PLAIN))
    mails = _read(account, text=text)
    assert [mail.invitation for mail in mails] == [None, None, None]


def test_a_calendar_larger_than_any_invitation_is_not_read(dovecot: Dovecot, user: str, account: Account) -> None:
    huge = ICS.replace("SUMMARY:", "DESCRIPTION:" + "x" * 1_100_000 + "\r\nSUMMARY:")
    _deliver(dovecot, user, _multipart("mixed", "b1", PLAIN, _part("text/calendar", huge)))
    (mail,) = _read(account, text=True)
    assert mail.invitation is None
