"""What ought to become of the meetings, from what happened to their copies; with none of the program's own code."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import NamedTuple

from tests.simulation.cast import HOUR, own


@dataclass(frozen=True)
class Snapshot:
    """What a copy in a calendar says."""

    starts_at: datetime
    sequence: int
    cancelled: bool
    stamped_at: datetime
    private: bool = False
    response: str = ""


@dataclass
class Held:
    """A copy in a rep's calendar, and all that it ever said, the last of it last."""

    rep: str
    said: list[Snapshot]
    removed_at: datetime | None = None
    written: bool = True
    """False of a member of a series that only the series' rule tells of."""
    possible: set[str] = field(default_factory=set)
    """The rules by which it could have been decided so far."""

    @property
    def now(self) -> Snapshot:
        return self.said[-1]


@dataclass
class Meeting:
    """A single one, or one of a series."""

    number: int
    """That of its title; those of a series have the same."""
    organizer: str
    people: tuple[str, ...]
    master: Snapshot
    original: datetime | None = None
    """Of a member of a series, when that has it."""
    series: list[Meeting] = field(default_factory=list)
    """All members, in their order; empty of a single one."""
    copies: dict[str, Held] = field(default_factory=dict)
    was_private: bool = False
    """A copy of it, or a mail about it, was private at some time."""
    least: int = 2
    """The lowest level that was ever allowed of it."""
    was_single: bool = False
    """A single meeting, which never moved, became the series of which it is the first."""
    written_of: list[datetime] = field(default_factory=list)
    """When it was to be, by mails about it."""

    @property
    def name(self) -> str:
        """Of the object in a calendar."""
        return f"m{self.number:04}"

    @property
    def item(self) -> str:
        return f"{self.name}#{self.original_start}" if self.original else self.name

    @property
    def original_start(self) -> str:
        return f"{self.original:%Y%m%dT%H%M%SZ}" if self.original else ""

    def times(self) -> list[datetime]:
        """When it was ever to be."""
        return [*self.written_of, *(said.starts_at for held in self.copies.values() for said in held.said)]

    def members(self) -> list[Meeting]:
        """All that the object holds."""
        return self.series or [self]

    def standing(self) -> list[Held]:
        return [held for held in self.copies.values() if held.removed_at is None]


@dataclass
class Meetings:
    all: list[Meeting] = field(default_factory=list)

    def next_number(self) -> int:
        return 1 + max((meeting.number for meeting in self.all), default=0)


class Outcome(NamedTuple):
    status: str
    starts_at: datetime


class Said(NamedTuple):
    """What the organizer said by mail, and whether that is known for certain to have been read."""

    snapshot: Snapshot
    certain: bool


class _Claim(NamedTuple):
    snapshot: Snapshot
    organized: bool
    gone_at: datetime | None
    by_mail: bool = False
    """It stays true when the mail is deleted."""


def outcomes(meeting: Meeting, now: datetime, doubtful: Container[str], by_mail: Sequence[Said]) -> set[Outcome]:
    """All that may have come of it: of a copy that has left nobody knows which version was seen, if any, and when it
    was noticed; and those of `doubtful` reps may not have been logged."""
    choices: list[set[_Claim | None]] = []
    for held in meeting.copies.values():
        claims = {*_claims(meeting, held, now)}
        choices.append(claims | {None} if held.rep in doubtful else claims)
    for said in by_mail:
        claim = _Claim(said.snapshot, organized=False, gone_at=None, by_mail=True)
        choices.append({claim} if said.certain else {claim, None})
    found = set()
    for chosen in product(*choices):
        claims_ = [claim for claim in chosen if claim is not None]
        if claims_:
            found.add(_outcome(claims_, now))
    return found


def _claims(meeting: Meeting, held: Held, now: datetime) -> Iterator[_Claim | None]:
    organized = own(held.rep) == meeting.organizer
    if held.removed_at is None:
        yield None if held.now.private else _Claim(held.now, organized, None)
        return
    yield None
    for snapshot in held.said:
        if not snapshot.private:
            yield _Claim(snapshot, organized, held.removed_at)
            yield _Claim(snapshot, organized, now)


def _outcome(claims: list[_Claim], now: datetime) -> Outcome:
    decider = max(claims, key=_weight)
    snapshot = decider.snapshot
    end = snapshot.starts_at + HOUR
    calendars = [claim for claim in claims if not claim.by_mail]
    organizers = [claim for claim in calendars if claim.organized] or calendars
    left = [claim.gone_at for claim in organizers if claim.gone_at is not None]
    standing = [claim for claim in claims if claim.gone_at is None] or claims
    answers = [claim.snapshot.response for claim in standing if claim.snapshot.response or claim.organized]
    called_off = any(_calls_off(claim, decider) and claim.snapshot.stamped_at < end for claim in claims)
    if called_off or (left and len(left) == len(organizers) and max(left) < end):
        status = "cancelled"
    elif answers and all(answer == "declined" for answer in answers):
        status = "declined"
    else:
        status = "held" if end <= now else "planned"
    return Outcome(status, snapshot.starts_at)


def _weight(claim: _Claim) -> tuple[bool, bool, int, bool, datetime]:
    """Whose word counts: the organizer's own calendar, else the latest version; rather a calendar's than a mail's."""
    snapshot = claim.snapshot
    return claim.gone_at is None, claim.organized, snapshot.sequence, not claim.by_mail, snapshot.stamped_at


def _calls_off(claim: _Claim, decider: _Claim) -> bool:
    """The deciding copy itself, or the organizer's mail, of which a guest's calendar may not have heard."""
    if not claim.snapshot.cancelled:
        return False
    heard = not decider.organized and claim.by_mail and claim.snapshot.sequence >= decider.snapshot.sequence
    return claim is decider or heard


def changed(held: Held, **values: object) -> None:
    """Another version of the copy."""
    held.said.append(replace(held.now, **values))  # type: ignore[arg-type]
    held.written = True
