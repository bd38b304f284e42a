"""Canaries: in two colleagues' mailboxes and calendars, each kind of thing that may not be known, or not by everybody;
and what may be known of it, and by whom, worked out without syncd.

A canary is a word such as `canary7subject`: it says of which letter or meeting it is a part, and which part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.syncd.agendas import vcalendar

REPS = ("rolf", "siri")
VIEWERS = (*REPS, "nora")
TEAMS = {"rolf": {"rolf", "nora"}, "nora": {"rolf", "nora"}, "siri": {"siri"}}

_CANARY = re.compile(r"canary(\d+)(subject|text|file|name|id|place)")

Trace = tuple[int, str]
"""Number, and part: `name` is that of an outsider, or a stranger's address; `id` the Message-ID."""

_ALL = frozenset({"subject", "text", "file", "name", "id"})
_WHO = frozenset({"name", "id"})
_NONE: frozenset[str] = frozenset()


def traces(text: str) -> set[Trace]:
    return {(int(number), part) for number, part in _CANARY.findall(text.lower())}


@dataclass(frozen=True)
class Kind:
    """A kind of mail, and what is stored of it where its rule alone decides."""

    stored: frozenset[str]
    sender: str = "jane@acme.example"
    folder: str = "INBOX"
    headers: tuple[str, ...] = ()
    """Of every copy."""
    is_private: bool = False
    """Only those whom it concerns know of it."""
    deed: tuple[str, ...] = ()
    """What its owner, or the admin, types about it; `ID` is the activity's."""


PRIVATE = "Sensitivity: Private"

KINDS: Mapping[str, Kind] = {
    "open": Kind(_ALL),
    "subject": Kind(frozenset({"subject", *_WHO}), folder="Deals"),
    "metadata": Kind(_WHO, folder="HR"),
    "protected": Kind(_WHO, sender="pia@guarded.example", is_private=True),
    "closed item": Kind(_WHO, is_private=True, deed=("close", "ID")),
    "closed thread": Kind(_WHO, is_private=True, deed=("close", "ID", "--thread")),
    "closed person": Kind(_WHO, sender="shy@acme.example", is_private=True, deed=("close", "--contact", "Shy")),
    "never to be logged": Kind(_NONE, sender="nell@never.example"),
    "on rolf's own list": Kind(_ALL, sender="doc@clinic.example"),
    "private": Kind(_NONE, headers=(PRIVATE,)),
    "private in one copy": Kind(_WHO, is_private=True),
    "of a stranger": Kind(_NONE, sender="NAME@nowhere.example"),
    "internal": Kind(_NONE, sender="ben@example.com"),
    "automatic": Kind(_NONE, headers=("List-Id: <news.acme.example>", "Precedence: bulk")),
    "of somebody erased": Kind(_NONE, sender="gone@acme.example", deed=("erase", "gone@acme.example")),
    "to a private meeting": Kind(_NONE),
}
MEETINGS = ("an open meeting", "a private meeting", "a meeting that is private in one calendar")


@dataclass(frozen=True)
class Planted:
    """One letter or meeting, with those who have it."""

    number: int
    kind: str
    holders: tuple[str, ...]
    visibility: str

    @property
    def is_meeting(self) -> bool:
        return self.kind in MEETINGS

    @property
    def message_id(self) -> str:
        return f"canary{self.number}id@mail.example"

    @property
    def sender(self) -> str:
        return KINDS[self.kind].sender.replace("NAME", f"canary{self.number}name")

    def stored(self) -> set[Trace]:
        return {(self.number, part) for part in self._parts()}

    def _parts(self) -> frozenset[str]:
        if self.is_meeting:
            return frozenset({"subject", "text", "place", "name"}) if self.kind == MEETINGS[0] else _NONE
        if self.kind == "on rolf's own list" and self.holders == ("rolf",):
            return _NONE
        if self.kind == "private in one copy" and len(self.holders) == 1:
            return _NONE
        return KINDS[self.kind].stored

    def passing(self) -> set[Trace]:
        """What may be stored until its owner closes it, the admin erases it, or the copy that is private is read."""
        closed_by_another = len(self.holders) > 1 and self.kind in ("private in one copy", MEETINGS[2])
        if closed_by_another or (not self.is_meeting and KINDS[self.kind].deed):
            return {(self.number, part) for part in (*_ALL, "place")}
        return self.stored()

    def is_seen_by(self, viewer: str | None) -> bool:
        """By the admin (None), or a colleague."""
        if viewer is None or viewer in self.holders:
            return True
        if not self.is_meeting and KINDS[self.kind].is_private:
            return False
        circle = {"everyone": {*REPS}, "team": TEAMS[viewer], "participants": {viewer}}[self.visibility]
        return not circle.isdisjoint(self.holders)

    def is_known_to(self, viewer: str) -> bool:
        """The decision on it is told to whose mailbox it is in; what came of it, to who may see that."""
        return viewer in self.holders or (bool(self.stored()) and self.is_seen_by(viewer))

    def letter(self, rep: str, addresses: Mapping[str, str]) -> bytes:
        """As it is in that colleague's mailbox."""
        number, kind = self.number, KINDS[self.kind]
        private = [PRIVATE] if self.kind == "private in one copy" and rep == self.holders[0] else []
        lines = (
            f'From: "canary{number}name" <{self.sender}>',
            f"To: {', '.join(addresses[each] for each in self.holders)}",
            f"Subject: canary{number}subject",
            f"Date: Mon, 23 Nov 2026 10:{number:02} +0000",
            f"Message-ID: <{self.message_id}>",
            *(*kind.headers, *private, "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"', ""),
            f"--b\r\nContent-Type: text/plain\r\n\r\ncanary{number}text",
            f'--b\r\nContent-Type: application/pdf; name="canary{number}file.pdf"\r\n\r\nx',
        )
        if self.kind == "to a private meeting":
            event = self.event(rep, addresses, "METHOD:REQUEST")
            lines += (f"--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n{event.decode()}",)
        return "\r\n".join((*lines, "--b--", "")).encode()

    def event(self, rep: str, addresses: Mapping[str, str], *lines: str) -> bytes:
        """As it is in that colleague's calendar."""
        number = self.number
        is_private = self.kind != MEETINGS[0] and not (self.kind == MEETINGS[2] and rep != self.holders[0])
        return vcalendar(
            *lines,
            *("BEGIN:VEVENT", f"UID:meeting{number}@example.com", "DTSTAMP:20260101T000000Z"),
            *(f"DTSTART:202611{number % 9 + 10}T090000Z", "DURATION:PT1H", f"SUMMARY:canary{number}subject"),
            *(f"DESCRIPTION:canary{number}text", f"LOCATION:canary{number}place"),
            f"ORGANIZER:mailto:{addresses[self.holders[0]]}",
            f"ATTENDEE;CN=canary{number}name:mailto:jane@acme.example",
            *(f"ATTENDEE:mailto:{addresses[each]}" for each in self.holders),
            *(["CLASS:PRIVATE"] if is_private else []),
            "END:VEVENT",
        )
