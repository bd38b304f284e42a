"""What ought to become of the meetings, from what happened to their copies; with none of the program's own code."""

from __future__ import annotations

from collections.abc import Container, Iterator
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
    possible: set[str] = field(default_factory=set)
    """The rules by which it could have been decided so far."""

    @property
    def now(self) -> Snapshot:
        return self.said[-1]


@dataclass
class Meeting:
    number: int
    organizer: str
    people: tuple[str, ...]
    master: Snapshot
    copies: dict[str, Held] = field(default_factory=dict)
    entities: set[tuple[str, str]] = field(default_factory=set)
    was_private: bool = False
    levels: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"m{self.number:04}"

    def standing(self) -> list[Held]:
        return [held for held in self.copies.values() if held.removed_at is None]


@dataclass
class Meetings:
    all: dict[int, Meeting] = field(default_factory=dict)


class Outcome(NamedTuple):
    status: str
    starts_at: datetime


class _Claim(NamedTuple):
    snapshot: Snapshot
    organized: bool
    gone_at: datetime | None


def outcomes(meeting: Meeting, now: datetime, doubtful: Container[str]) -> set[Outcome]:
    """All that may have come of it: of a copy that has left nobody knows which version was seen, if any, and when it
    was noticed; and those of `doubtful` reps may not have been logged."""
    choices = [[*_claims(meeting, held, now)] for held in meeting.copies.values()]
    choices = [
        [*some, None] if held.rep in doubtful else some
        for held, some in zip(meeting.copies.values(), choices, strict=True)
    ]
    found = set()
    for chosen in product(*choices):
        claims = [claim for claim in chosen if claim is not None]
        if claims:
            found.add(_outcome(claims, now))
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
    decider = max(claims, key=lambda claim: (claim.gone_at is None, claim.organized, claim.snapshot.sequence))
    snapshot = decider.snapshot
    end = snapshot.starts_at + HOUR
    organizers = [claim for claim in claims if claim.organized] or claims
    left = [claim.gone_at for claim in organizers if claim.gone_at is not None]
    standing = [claim for claim in claims if claim.gone_at is None] or claims
    answers = [claim.snapshot.response for claim in standing if claim.snapshot.response or claim.organized]
    called_off = snapshot.cancelled and snapshot.stamped_at < end
    if called_off or (len(left) == len(organizers) and max(left) < end):
        status = "cancelled"
    elif answers and all(answer == "declined" for answer in answers):
        status = "declined"
    else:
        status = "held" if end <= now else "planned"
    return Outcome(status, snapshot.starts_at)


def changed(held: Held, **values: object) -> None:
    """Another version of the copy."""
    held.said.append(replace(held.now, **values))  # type: ignore[arg-type]
