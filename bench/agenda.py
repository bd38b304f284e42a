"""Who meets whom: the calendars of the sales team, filled from a seed, and what changes in them afterwards.

The meetings lie around the day that is given, so that a window of 90 days before it and 60 after it holds them; no
member of a series comes within two days of the window's ends, where the hour of the run would decide.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from bench.cast import Cast, Person
from bench.letters import paragraph, subject_words
from bench.meetings import WEEK, ZONE, Guest, Meeting, Series
from bench.truth import LOGGED

PAST, AHEAD = timedelta(days=90), timedelta(days=60)
_SAFE_PAST, _SAFE_AHEAD = 84, 54
_ANSWERS = (("ACCEPTED", 60), ("NEEDS-ACTION", 20), ("TENTATIVE", 10), ("DECLINED", 10))


@dataclass(frozen=True, slots=True)
class Size:
    calendars: int
    meetings: int
    """In each calendar."""
    seed: int = 1


def meetings(size: Size, people: Cast, today: date) -> Iterator[Meeting]:
    """Fill every calendar to exactly `size.meetings`; a meeting with others lies in two to four of them."""
    secretary = _Secretary(random.Random(f"agenda {size.seed}"), people, today)
    room = [size.meetings] * size.calendars
    while any(room):
        free = sorted((n for n, left in enumerate(room) if left), key=lambda n: (-room[n], secretary.chance.random()))
        meeting = secretary.next(free)
        for holder in meeting.holders:
            room[holder] -= 1
        yield meeting


def changed(before: Sequence[Meeting], objects: int, now: datetime, *, wave: int) -> list[Meeting]:
    """New versions of single meetings that together have `objects` copies: moved by a day, called off, or renamed."""
    chance = random.Random(f"wave {wave}")
    found: list[Meeting] = []
    for meeting in chance.sample(before, len(before)):
        left = objects - sum(len(each.holders) for each in found)
        if meeting.series or meeting.cancelled or len(meeting.holders) > left:
            continue
        new = chance.choice(
            (
                replace(meeting, starts=meeting.starts + timedelta(days=1)),
                replace(meeting, cancelled=True),
                replace(meeting, subject=subject_words(chance)),
            )
        )
        found.append(replace(new, sequence=meeting.sequence + 1, stamped=now))
    return found


class _Secretary:
    """Invents one meeting after another."""

    def __init__(self, chance: random.Random, people: Cast, today: date) -> None:
        self.chance = chance
        self._people = people
        self._today = today
        self._count = 0
        self._texts = [paragraph(chance) for _ in range(100)]
        self._kinds: dict[Callable[[Sequence[int]], Meeting], int] = {
            self._with_contact: 40,
            self._from_contact: 12,
            self._weekly: 8,
            self._whole_day: 5,
            self._internal: 17,
            self._with_stranger: 8,
            self._private: 5,
            self._alone: 5,
        }

    def next(self, free: Sequence[int]) -> Meeting:
        """`free` are the calendars that have room, those with most of it first."""
        self._count += 1
        kind = self.chance.choices(list(self._kinds), list(self._kinds.values()))[0]
        return kind(free)

    def _with_contact(self, free: Sequence[int]) -> Meeting:
        holders = self._holders(free)
        organizer, *others = self._reps(holders)
        contacts = self.chance.sample(self._people.contacts, self.chance.choice((1, 1, 1, 2, 3)))
        meeting = self._meeting(holders, organizer, others, contacts)
        return replace(meeting, cancelled=self.chance.random() < 0.06)

    def _from_contact(self, free: Sequence[int]) -> Meeting:
        holders = self._holders(free)
        return self._meeting(holders, self.chance.choice(self._people.contacts), self._reps(holders), ())

    def _weekly(self, free: Sequence[int]) -> Meeting:
        """A jour fixe, of which some days are left out, moved to the next day, or called off."""
        meeting = self._with_contact(free)
        # Six days after today, or whole weeks from there: far from both ends of the window, whatever the hour.
        began = self._today + timedelta(days=6) - self.chance.randint(2, 60) * WEEK
        weeks = self.chance.choice((None, None, 20, 40))
        odd = self.chance.sample(range(70), 9)
        series = Series(
            weeks,
            dropped=frozenset(number for number in odd[:4] if weeks is None or number < weeks),
            moved={number: timedelta(hours=5) for number in odd[4:7] if weeks is None or number < weeks},
            called_off=frozenset(number for number in odd[7:] if weeks is None or number < weeks),
        )
        starts = datetime.combine(began, time(self.chance.randint(8, 14)), ZONE)
        return replace(meeting, starts=starts, series=series, cancelled=False)

    def _whole_day(self, free: Sequence[int]) -> Meeting:
        meeting = self._with_contact(free)
        return replace(meeting, starts=self._day(), length=timedelta(days=self.chance.choice((1, 1, 2))))

    def _internal(self, free: Sequence[int]) -> Meeting:
        holders = self._holders(free)
        organizer, *others = self._reps(holders)
        colleagues = self.chance.sample(self._people.colleagues, 2)
        return replace(self._meeting(holders, organizer, others, colleagues), rule="internal_only")

    def _with_stranger(self, free: Sequence[int]) -> Meeting:
        holders = self._holders(free)
        organizer, *others = self._reps(holders)
        strangers = [self.chance.choice(self._people.strangers)]
        return replace(self._meeting(holders, organizer, others, strangers), rule="no_known_contact")

    def _private(self, free: Sequence[int]) -> Meeting:
        (rep,) = self._reps(free[:1])
        contacts = [self.chance.choice(self._people.contacts)]
        return replace(self._meeting(free[:1], rep, (), contacts), rule="private", private=True)

    def _alone(self, free: Sequence[int]) -> Meeting:
        """An appointment with nobody."""
        return replace(self._meeting(free[:1], None, (), ()), guests=(), rule="not_a_meeting")

    def _meeting(
        self, holders: Sequence[int], organizer: Person | None, reps: Sequence[Person], others: Sequence[Person]
    ) -> Meeting:
        """A single one of some hours, at which our own all say yes."""
        guests = [Guest(person, "ACCEPTED") for person in ([organizer] if organizer else []) + list(reps)]
        guests += [Guest(person, self._answer()) for person in others]
        return Meeting(
            number=self._count,
            subject=subject_words(self.chance),
            text=self.chance.choice(self._texts),
            starts=datetime.combine(self._day(), self._hour(), ZONE),
            length=timedelta(minutes=15 * self.chance.randint(1, 8)),
            organizer=organizer,
            guests=tuple(guests),
            holders=tuple(holders),
            rule=LOGGED,
            stamped=datetime.combine(self._today - PAST, time(), UTC),
        )

    def _answer(self) -> str:
        return self.chance.choices([answer for answer, _ in _ANSWERS], [weight for _, weight in _ANSWERS])[0]

    def _day(self) -> date:
        """Not near today, where the hour of the run would decide what is over."""
        days = self.chance.randint(-_SAFE_PAST, _SAFE_AHEAD - 6)
        return self._today + timedelta(days=days if days < -3 else days + 6)

    def _hour(self) -> time:
        return time(self.chance.randint(7, 18), 15 * self.chance.randint(0, 3))

    def _holders(self, free: Sequence[int]) -> tuple[int, ...]:
        wanted = self.chance.choices((1, 2, 3, 4), (30, 40, 20, 10))[0]
        return tuple(sorted(free[:wanted], key=lambda _: self.chance.random()))

    def _reps(self, holders: Sequence[int]) -> list[Person]:
        return [self._people.reps[holder] for holder in holders]
