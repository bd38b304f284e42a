"""What owners do in their calendars: meetings that are made, moved, called off, answered, hidden and removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from syncd.model import EventStatus
from tests.simulation.cast import DAY, HOUR, OUTSIDE, REPS, of, own, some
from tests.simulation.meetings import Held, Meeting, Snapshot, changed
from tests.simulation.story import Step
from tests.simulation.world import World
from tests.syncd.calendars import meeting as event


def title(number: int) -> str:
    return f"subj-m{number:03}"


def agenda(number: int) -> str:
    return f"text-m{number:03}"


def meet(world: World, step: Step) -> None:
    a, b, c, d = step.numbers
    number = len(world.meetings.all) + 1
    guests = some(OUTSIDE, b & 0b1111111)[:2] or (of(OUTSIDE, b),)
    organizer = of((*map(own, REPS), guests[0]), a)
    starts_at = world.clock.replace(minute=0, second=0) + (c % 9 - 2) * DAY / 4
    reps = some(REPS, 1 + d % 7)
    people = tuple(dict.fromkeys((organizer, *guests, *map(own, reps))))
    made = Meeting(number, organizer, people, Snapshot(starts_at, 0, cancelled=False, stamped_at=world.clock))
    world.meetings.all[number] = made
    world.tell(f"meeting {number} of {', '.join(people)} at {starts_at:%d. %H:%M}, in {', '.join(reps)}'s calendars")
    for rep in reps:
        made.copies[rep] = Held(rep, [made.master])
        _put(world, made, rep)
    note(world)


def _put(world: World, meeting: Meeting, rep: str) -> None:
    snapshot = meeting.copies[rep].now
    answers = {each: "" for each in meeting.people if each != meeting.organizer}
    if snapshot.response and own(rep) in answers:
        answers[own(rep)] = snapshot.response
    made = event(
        f"uid-{meeting.number:04}",
        snapshot.starts_at,
        meeting.organizer,
        answers,
        subject=title(meeting.number),
        text=agenda(meeting.number),
        status=EventStatus.CANCELLED if snapshot.cancelled else EventStatus.CONFIRMED,
        private="CLASS:PRIVATE" if snapshot.private else "",
        sequence=snapshot.sequence,
        stamped_at=snapshot.stamped_at,
    )
    world.calendars[rep].put(meeting.name, made)


def note(world: World) -> None:
    """Whatever is seen from now on of a meeting may be decided otherwise."""
    for meeting in world.meetings.all.values():
        meeting.entities |= world.truth.known.entities(meeting.people)
        for held in meeting.standing():
            verdict = world.truth.decide(meeting.people, held.rep, "", private=held.now.private)
            held.possible.update(each.rule for each in world.truth.verdicts(verdict))
            meeting.was_private |= verdict.rule == "private"
            if verdict.rule == "logged":
                meeting.levels.add(verdict.level)


def _standing(world: World, number: int) -> tuple[Meeting, list[Held]] | None:
    meetings = [meeting for meeting in world.meetings.all.values() if meeting.standing()]
    if not meetings:
        return None
    meeting = meetings[number % len(meetings)]
    return meeting, meeting.standing()


def _spread(world: World, meeting: Meeting, reps: Sequence[str], **values: object) -> None:
    """A new version in the organizer's calendar, and in those of these guests."""
    for held in meeting.standing():
        if own(held.rep) == meeting.organizer or held.rep in reps:
            changed(held, **values)
            _put(world, meeting, held.rep)
    note(world)


def move_meeting(world: World, step: Step) -> None:
    a, b, c, _ = step.numbers
    found = _standing(world, a)
    if found is None or found[0].master.cancelled:
        return
    meeting, _held = found
    before = meeting.master
    starts_at = before.starts_at + (b % 5 + 1) * HOUR * (1 if c % 3 else -1)
    meeting.master = Snapshot(starts_at, before.sequence + 1, cancelled=False, stamped_at=world.clock)
    world.tell(f"meeting {meeting.number} is moved to {starts_at:%d. %H:%M}")
    _spread(world, meeting, some(REPS, c), starts_at=starts_at, sequence=before.sequence + 1, stamped_at=world.clock)


def call_off(world: World, step: Step) -> None:
    a, _, c, _ = step.numbers
    found = _standing(world, a)
    if found is None or found[0].master.cancelled:
        return
    meeting, _held = found
    before = meeting.master
    meeting.master = Snapshot(before.starts_at, before.sequence + 1, cancelled=True, stamped_at=world.clock)
    world.tell(f"meeting {meeting.number} is called off")
    now = {"starts_at": before.starts_at, "sequence": before.sequence + 1}
    _spread(world, meeting, some(REPS, c), cancelled=True, stamped_at=world.clock, **now)


def answer(world: World, step: Step) -> None:
    a, b, c, _ = step.numbers
    found = _standing(world, a)
    if found is None:
        return
    meeting, standing = found
    guests = [held for held in standing if own(held.rep) != meeting.organizer]
    if guests:
        held = guests[b % len(guests)]
        response = "declined" if c % 3 else "accepted"
        world.tell(f"{held.rep} answers meeting {meeting.number}: {response}")
        changed(held, response=response)
        _put(world, meeting, held.rep)
        note(world)


def hide(world: World, step: Step) -> None:
    """A copy is made private, or no longer is."""
    a, b, *_ = step.numbers
    found = _standing(world, a)
    if found is None:
        return
    meeting, standing = found
    held = standing[b % len(standing)]
    private = not held.now.private
    world.tell(f"{held.rep}'s copy of meeting {meeting.number} is {'private' if private else 'no longer private'}")
    changed(held, private=private)
    _put(world, meeting, held.rep)
    note(world)


def remove(world: World, step: Step) -> None:
    a, b, *_ = step.numbers
    found = _standing(world, a)
    if found is None:
        return
    meeting, standing = found
    held = standing[b % len(standing)]
    world.tell(f"{held.rep} deletes meeting {meeting.number}")
    held.removed_at = world.clock
    world.calendars[held.rep].delete(meeting.name)


def jump(world: World, step: Step) -> None:
    """The clock is set, or much time passes."""
    a, b, *_ = step.numbers
    by = timedelta(hours=a % 40 + 1) * (1 if b % 4 else -1)
    world.tell(f"the clock jumps by {by}")
    world.clock += by
    world.latest = max(world.latest, world.clock)
