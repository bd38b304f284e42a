"""What owners do in their calendars: meetings that are made, moved, called off, answered, hidden and removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from syncd.model import Event, EventStatus
from tests.simulation.cast import DAY, HOUR, OUTSIDE, REPS, of, own, some
from tests.simulation.meetings import Held, Meeting, Snapshot, changed
from tests.simulation.story import Step
from tests.simulation.world import World
from tests.syncd.calendars import meeting as event


def title(number: int) -> str:
    return f"subj-m{number:03}"


def agenda(number: int) -> str:
    return f"text-m{number:03}"


def planned(world: World, step: Step) -> Meeting:
    """A new one, which is in nobody's calendar yet."""
    a, b, c, d = step.numbers
    guests = some(OUTSIDE, b & 0b1111111)[:2] or (of(OUTSIDE, b),)
    organizer = of((*map(own, REPS), guests[0]), a)
    starts_at = world.clock.replace(minute=0, second=0) + (c % 9 - 2) * DAY / 4
    people = tuple(dict.fromkeys((organizer, *guests, *map(own, invited(d)))))
    first = Snapshot(starts_at, 0, cancelled=False, stamped_at=world.clock)
    return Meeting(world.meetings.next_number(), organizer, people, first)


def invited(number: int) -> tuple[str, ...]:
    return some(REPS, 1 + number % 7)


def meet(world: World, step: Step) -> None:
    made, reps = planned(world, step), invited(step.numbers[3])
    world.meetings.all.append(made)
    told = f"meeting {made.number} of {', '.join(made.people)} at {made.master.starts_at:%d. %H:%M}"
    world.tell(f"{told}, in {', '.join(reps)}'s calendars")
    for rep in reps:
        made.copies[rep] = Held(rep, [made.master])
        put(world, made, rep)
    note(world)


def put(world: World, meeting: Meeting, rep: str) -> None:
    """Write the object that holds the meeting, with all that it holds; without any of it, it goes."""
    held = [each for each in meeting.members() if rep in each.copies and each.copies[rep].removed_at is None]
    if held:
        world.calendars[rep].put(meeting.name, *(_part(each, each.copies[rep]) for each in held))
    else:
        world.calendars[rep].delete(meeting.name)


def _part(meeting: Meeting, held: Held) -> Event:
    snapshot = held.now
    answers = {each: "" for each in meeting.people if each != meeting.organizer}
    if snapshot.response and own(held.rep) in answers:
        answers[own(held.rep)] = snapshot.response
    return said(meeting, snapshot, answers, exact=not meeting.series or held.written)


def said(meeting: Meeting, snapshot: Snapshot, answers: dict[str, str], *, exact: bool = True) -> Event:
    return event(
        f"uid-{meeting.number:04}",
        snapshot.starts_at,
        meeting.organizer,
        answers,
        original_start=meeting.original_start,
        subject=title(meeting.number),
        text=agenda(meeting.number),
        status=EventStatus.CANCELLED if snapshot.cancelled else EventStatus.CONFIRMED,
        private="CLASS:PRIVATE" if snapshot.private else "",
        sequence=snapshot.sequence,
        stamped_at=snapshot.stamped_at,
        exact=exact,
    )


def note(world: World) -> None:
    """Whatever is seen from now on of a meeting may be decided otherwise."""
    truth = world.truth
    for meeting in world.meetings.all:
        for held in meeting.standing():
            verdict = truth.decide(meeting.people, held.rep, "", private=held.now.private)
            held.possible.update(each.rule for each in truth.verdicts(verdict))
            meeting.was_private |= verdict.rule == "private"
            if verdict.rule == "logged":
                meeting.least = min(meeting.least, verdict.level)
    for mail in truth.mails.values():
        for copy in mail.copies if mail.invites else ():
            verdict = truth.verdict(mail, copy)
            if mail.invites and copy.held and verdict.rule == "invitation":
                mail.invites.meeting.least = min(mail.invites.meeting.least, verdict.level)


def standing(world: World, number: int) -> tuple[Meeting, list[Held]] | None:
    meetings = [meeting for meeting in world.meetings.all if meeting.standing()]
    if not meetings:
        return None
    meeting = meetings[number % len(meetings)]
    return meeting, meeting.standing()


def _spread(world: World, meeting: Meeting, reps: Sequence[str], **values: object) -> None:
    """A new version in the organizer's calendar, and in those of these guests."""
    for held in meeting.standing():
        if own(held.rep) == meeting.organizer or held.rep in reps:
            changed(held, **values)
            put(world, meeting, held.rep)
    note(world)


def moved(world: World, meeting: Meeting, starts_at: datetime) -> None:
    before = meeting.master
    meeting.master = Snapshot(starts_at, before.sequence + 1, cancelled=False, stamped_at=world.clock)


def move_meeting(world: World, step: Step) -> None:
    a, b, c, _ = step.numbers
    found = standing(world, a)
    if found is None or found[0].master.cancelled:
        return
    meeting, _held = found
    moved(world, meeting, meeting.master.starts_at + (b % 5 + 1) * HOUR * (1 if c % 3 else -1))
    now = meeting.master
    world.tell(f"meeting {meeting.item} is moved to {now.starts_at:%d. %H:%M}")
    values = {"starts_at": now.starts_at, "sequence": now.sequence, "stamped_at": now.stamped_at}
    _spread(world, meeting, some(REPS, c), **values)


def called_off(world: World, meeting: Meeting, *, sequence: int) -> None:
    starts_at = meeting.master.starts_at
    meeting.master = Snapshot(starts_at, sequence, cancelled=True, stamped_at=world.clock)


def call_off(world: World, step: Step) -> None:
    a, _, c, _ = step.numbers
    found = standing(world, a)
    if found is None or found[0].master.cancelled:
        return
    meeting, _held = found
    called_off(world, meeting, sequence=meeting.master.sequence + 1)
    now = meeting.master
    world.tell(f"meeting {meeting.item} is called off")
    values = {"starts_at": now.starts_at, "sequence": now.sequence, "stamped_at": now.stamped_at}
    _spread(world, meeting, some(REPS, c), cancelled=True, **values)


def answer(world: World, step: Step) -> None:
    a, b, c, _ = step.numbers
    found = standing(world, a)
    if found is None:
        return
    meeting, all_held = found
    guests = [held for held in all_held if own(held.rep) != meeting.organizer]
    if guests:
        held = guests[b % len(guests)]
        response = "declined" if c % 3 else "accepted"
        world.tell(f"{held.rep} answers meeting {meeting.item}: {response}")
        changed(held, response=response)
        put(world, meeting, held.rep)
        note(world)


def hide(world: World, step: Step) -> None:
    """A copy is made private, or no longer is."""
    a, b, *_ = step.numbers
    found = standing(world, a)
    if found is None:
        return
    meeting, all_held = found
    held = all_held[b % len(all_held)]
    private = not held.now.private
    world.tell(f"{held.rep}'s copy of meeting {meeting.item} is {'private' if private else 'no longer private'}")
    changed(held, private=private)
    put(world, meeting, held.rep)
    note(world)


def remove(world: World, step: Step) -> None:
    """An owner deletes a meeting; of a series one occurrence, or all of it."""
    a, b, c, _ = step.numbers
    found = standing(world, a)
    if found is None:
        return
    meeting, all_held = found
    own_first = sorted(all_held, key=lambda held: own(held.rep) != meeting.organizer)
    rep = own_first[b // 2 % len(all_held) if b % 2 else 0].rep
    gone = meeting.members() if c % 4 == 0 else [meeting]
    world.tell(f"{rep} deletes meeting {meeting.item}{' with all of its series' if len(gone) > 1 else ''}")
    drop(world, rep, gone)


def drop(world: World, rep: str, gone: Sequence[Meeting]) -> None:
    for meeting in gone:
        held = meeting.copies.get(rep)
        if held is not None and held.removed_at is None:
            held.removed_at = world.clock
    put(world, gone[0], rep)


def jump(world: World, step: Step) -> None:
    """The clock is set, or much time passes."""
    a, b, *_ = step.numbers
    by = timedelta(hours=a % 40 + 1) * (1 if b % 4 else -1)
    world.count("the clock jumps ahead" if by > timedelta() else "the clock jumps back")
    world.tell(f"the clock jumps by {by}")
    world.clock += by
    world.latest = max(world.latest, world.clock)
