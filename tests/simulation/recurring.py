"""What owners do with series: each occurrence is a meeting of its own, which is then moved, answered, hidden or left
out as any other (`planning`)."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.cast import DAY, REPS, own, some
from tests.simulation.meetings import Held, Meeting
from tests.simulation.planning import drop, invited, note, planned, put, standing
from tests.simulation.story import Step
from tests.simulation.world import World

ENDLESS = 14
"""Occurrences of a series without an end: more than any story reaches."""


def series(world: World, step: Step) -> None:
    """A new one, every day or every other; of a few occurrences, or without an end."""
    _, b, c, d = step.numbers
    first, reps = planned(world, step), invited(d)
    members = _members(first, count=c % 4 + 2 if b % 3 else ENDLESS, days=1 + b % 2)
    world.meetings.all += members
    told = f"series {first.number} of {', '.join(first.people)}: {len(members)} from {first.master.starts_at:%d. %H:%M}"
    world.tell(f"{told}, in {', '.join(reps)}'s calendars")
    for rep in reps:
        for each in members:
            each.copies[rep] = Held(rep, [each.master], written=False)
        put(world, members[0], rep)
    note(world)


def _members(first: Meeting, *, count: int, days: int) -> list[Meeting]:
    starts = [first.master.starts_at + place * days * DAY for place in range(count)]
    members = [replace(first, master=replace(first.master, starts_at=at), original=at, copies={}) for at in starts]
    for each in members:
        each.series = members
    return members


def repeat(world: World, step: Step) -> None:
    """A single meeting becomes a series in all calendars that have it."""
    a, b, *_ = step.numbers
    found = standing(world, a)
    if found is None or found[0].series or found[0].written_of:
        return
    first, held = found
    begins = held[0].now.starts_at
    if any(each.now.starts_at != begins for each in held):
        return  # one of them has not heard of the last move, and no calendar makes a series of that
    world.tell(f"meeting {first.number} becomes a series")
    first.was_single = len(set(first.times())) == 1
    first.original, first.series = begins, [first]
    for place in range(1, b % 3 + 2):
        at = begins + place * DAY
        copies = {each.rep: Held(each.rep, [replace(each.now, starts_at=at)], written=False) for each in held}
        master = replace(first.master, starts_at=at)
        first.series.append(replace(first, master=master, original=at, copies=copies, was_single=False))
    world.meetings.all += first.series[1:]
    for each in held:
        put(world, first, each.rep)
    note(world)


def cut(world: World, step: Step) -> None:
    """ "This and following" are taken out of the organizer's calendar, and of those of some guests."""
    a, _, c, _ = step.numbers
    found = standing(world, a)
    if found is None or not found[0].series:
        return
    meeting, held = found
    rest = meeting.series[meeting.series.index(meeting) :]
    world.tell(f"{meeting.item} and all that follow are taken out of the series")
    for each in held:
        if own(each.rep) == meeting.organizer or each.rep in some(REPS, c):
            drop(world, each.rep, rest)
    note(world)
